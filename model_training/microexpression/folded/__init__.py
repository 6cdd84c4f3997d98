"""All folds and members trained together: weights with a leading axis."""
