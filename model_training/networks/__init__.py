"""HTNet, HTNetEnhanced and their parts."""
