"""What a checkpoint brings to its bundle: one file for each task."""
