"""Makes the head data once, from its sources: nothing here runs when people are simulated."""
