"""From the spool to the inlet."""
