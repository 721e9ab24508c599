"""Makes the kits beside this file importable from every test folder."""
