"""RGB -> 478 landmarks of each face, and the second look at the mirrored picture."""
