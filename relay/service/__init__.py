"""
The running relay, built from a `Config` and taken down in reverse order.

`relay.service.service` is the life of the process, `routes` keeps one `Forward` a route and
replaces its parts on SIGHUP, `gauges` is what a scrape reads, `pulse` measures the event loop,
`descriptors` asks for as many open files as the connections and the spool may need.
"""

from __future__ import annotations

from relay.service.service import Service, serve

__all__ = ["Service", "serve"]
