"""The head model: shape, identity, anatomy, and what baked it."""
