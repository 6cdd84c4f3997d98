"""One converter for each data set: its own layout -> the sample table."""
