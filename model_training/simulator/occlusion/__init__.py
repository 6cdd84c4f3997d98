"""Things that hide part of a face, drawn over renders and portraits, with the truth of what can still be seen."""
