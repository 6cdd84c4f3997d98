"""A clip: what its header says, its frames' landmarks over time, and what moves when."""
