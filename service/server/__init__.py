"""The process: sockets, workers, start and stop."""
