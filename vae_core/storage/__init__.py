"""Files that are whole or absent, and the guarded ways into files, archives and names of strangers."""
