"""One converter per data set, from its official layout to the sample table."""
