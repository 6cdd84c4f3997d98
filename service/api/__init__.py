"""HTTP: handlers that read, call and convert."""
