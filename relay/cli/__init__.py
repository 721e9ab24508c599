"""The command line: one file a noun; parses, calls, prints."""
