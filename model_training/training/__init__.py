"""The training loop, which is handed its task."""
