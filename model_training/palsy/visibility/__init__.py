"""Which parts of a face are seen: a small network beside the grader, its training and its judgement."""
