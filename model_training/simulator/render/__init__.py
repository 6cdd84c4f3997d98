"""A posed head -> a picture, by OpenGL."""
