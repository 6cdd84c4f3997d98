"""A trained model on frames of one's own."""
