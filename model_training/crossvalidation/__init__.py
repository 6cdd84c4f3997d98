"""Cross-validation by person, of every task."""
