"""Who asked what of which model and what it said: one record per answer, without image and landmarks."""
