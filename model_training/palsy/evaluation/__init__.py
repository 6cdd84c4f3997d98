"""How good a palsy model is."""
