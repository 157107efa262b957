"""What an operator does, for any machine."""
