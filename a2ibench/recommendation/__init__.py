"""Which method to use for a stack that has no reference."""
