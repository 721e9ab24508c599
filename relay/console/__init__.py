"""What operators and their machines see of a running relay."""
