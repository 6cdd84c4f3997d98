"""The clinical scales, each read from the same shares of movement."""
