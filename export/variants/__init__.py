"""Smaller forms of a finished graph, and what they cost."""
