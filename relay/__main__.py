"""``python -m relay``, and the command ``relay``."""

from __future__ import annotations

from relay.cli.app import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
