"""Sample tables, the preprocessed cache and the batches made from it."""
