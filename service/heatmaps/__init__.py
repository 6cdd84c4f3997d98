"""Maps on the face -> transparent pictures that lie exactly on the photograph."""
