"""How many requests get in: limits on bodies, time and places, and refusals that cost next to nothing."""
