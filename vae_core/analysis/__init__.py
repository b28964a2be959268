"""Numbers, points and maps from a trained network."""
