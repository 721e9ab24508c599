"""XDM schemas, compiled to a check (pure)."""
