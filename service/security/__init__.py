"""Who may ask, how often, and what browsers are told."""
