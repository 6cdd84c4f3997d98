"""What an answer consists of, without HTTP: bytes in, a frozen result out."""
