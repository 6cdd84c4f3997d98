"""Several photographs of one person, each of another movement -> one examination: grade, scores, measures."""
