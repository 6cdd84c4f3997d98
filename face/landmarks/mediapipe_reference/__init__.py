"""The same landmark model through MediaPipe itself: what the own engine is measured against."""
