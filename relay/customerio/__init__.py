"""What Customer.io sends: its signature, its events, and a simulator of it."""
