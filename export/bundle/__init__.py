"""What lies in a bundle folder, written whole or not at all."""
