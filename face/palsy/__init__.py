"""A face -> the palsy graph's input, and from the graph's outputs to a reading with its warnings."""
