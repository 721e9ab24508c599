"""The set-up at Adobe: what it should be, what it is, and how to get from one to the other."""
