"""A trained palsy checkpoint answers for photographs."""
