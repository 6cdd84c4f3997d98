"""Bytes of an image file -> upright RGB."""
