"""How good a micro-expression model is."""
