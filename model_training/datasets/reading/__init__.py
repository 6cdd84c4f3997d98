"""What the converters share: labels, people, splits, tables, frames."""
