"""What the service tells about itself: metrics, logs and traces. None of them carries image data or file names."""
