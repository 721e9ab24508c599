"""
The whole story on one machine: a local Adobe and Customer.io, the relay, the set-up, the traffic.

``story`` is what happens in which order, ``processes`` the real processes it happens in,
``settings`` their configuration, ``account`` what each side says at the end. Everything listens
on free loopback ports, lives in a temporary folder and is taken down however the story ends.
"""

from __future__ import annotations

from relay.demo.account import Account
from relay.demo.story import demo

__all__ = ["Account", "demo"]
