"""What many tests need, once."""
