"""Trainer processes and what else runs beside the server."""
