"""Clips: pictures out of a video file, in a process of their own that is allowed little."""
