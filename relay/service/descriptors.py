"""
File descriptors: each connection takes one, and so does each file of the spool.

A process usually may open 1024 at first and ask for more. Connections alone, which anybody may
open, would take nearly all of those, and the spool could neither write nor read.
"""

from __future__ import annotations

import resource
from contextlib import suppress

import structlog

from relay.config import Config

# The spool, the control socket, standard streams, and what is open for a moment: 23 when idle, and
# one for each large body that arrives.
_OWN = 128
_LISTENERS = 2

log = structlog.get_logger("relay.service")


def needed_descriptors(config: Config) -> int:
    """Say how many may be open at once with *config*."""
    inlets = sum(route.inlet.max_in_flight for route in config.routes.values())
    return _LISTENERS * config.server.max_connections + inlets + _OWN


def ask_for_descriptors(config: Config) -> None:
    """Raise this process's limit to what *config* needs; tell when the system allows less."""
    needed = needed_descriptors(config)
    may, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if may == resource.RLIM_INFINITY or may >= needed:
        return
    wanted = needed if most == resource.RLIM_INFINITY else min(needed, most)
    # Some systems have another bound than they say.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
        may = wanted
    if may < needed:
        log.warning(
            "open_files_few",
            limit=may,
            needed=needed,
            hint="raise it (ulimit -n, LimitNOFILE=), or lower server.max_connections; "
            "without descriptors deliveries are answered 503",
        )
