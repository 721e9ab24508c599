"""A local Adobe, stateful, that can be told to fail."""
