"""From Customer.io to the spool."""
