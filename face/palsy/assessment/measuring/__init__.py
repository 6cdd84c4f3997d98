"""What is measured on the photographs of an examination, from landmarks alone."""
