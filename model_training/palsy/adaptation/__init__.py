"""A shipped model fitted to a clinic: on its own photographs, or together with others that keep theirs."""
