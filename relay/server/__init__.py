"""
The listeners: uvicorn's HTTP over sockets and guards of our own, in one event loop.

Signals, the order of things and the applications belong to the service. To start::

    sock = inherited_socket(os.environ) or bind(config.server.listen)   before anything slow
    public = Listener("public", ingress, sock, config.server, is_inherited=...,
                      is_for_life=True)
    public.start()                                                      503 until ingress.open()

To end, so that no sender is refused, reset or left without an answer::

    readiness fails                   load balancers look elsewhere
    ingress.lame_duck()               taken as before, each answer ends its connection
    await public.lame_duck(seconds)   inherited: ends early when the last connection is gone
    ingress.drain()                   503 and the end of the connection for whoever still comes
    forward drains, the spool closes
    await public.close(timeout_s)     idle ones closed, running answers finished; the socket last
    await admin.close(timeout_s)

This process accepts to the very end, with an inherited socket too: the next one may be started
after this one has gone, and what waits in the kernel's queue until then has four seconds. It may
also be started before; then it waits until the spool is free (`relay.service.succession`).

Without an inherited socket the port ends with the process (*is_for_life*): it drops who wants to
connect in the last moments instead of refusing them, and is closed by the end of the process.
"""

from __future__ import annotations

from relay.server.listener import Listener, ListenerStats
from relay.server.sockets import bind, inherited_socket

__all__ = ["Listener", "ListenerStats", "bind", "inherited_socket"]
