"""
Listening sockets: made here, or inherited from whoever started the process.

A socket listens from the moment it is made, before anything slow happens: connections wait in the
kernel's queue instead of being refused.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from array import array
from collections.abc import MutableMapping

from relay.config.rules import split_listen
from relay.errors import ConfigError

# Connections the kernel may hold that we have not accepted yet; it caps this by its own limit.
BACKLOG = 2048

# Source: sd_listen_fds(3), read 2026-11-24: the first passed descriptor is 3, and the variables
# must not reach children.
_FIRST_FD = 3
_COUNT, _PID, _NAMES = "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"

# Source: socket(7) and linux/filter.h, read 2026-11-24. `socket` has no name for it.
_SO_ATTACH_FILTER = 26
# A TCP socket's filter sees the TCP header first; byte 13 holds its flags, bit 1 of them is SYN.
_NO_SYN = (
    (0x30, 0, 0, 13),  # load byte 13
    (0x45, 0, 1, 0x02),  # is SYN set? else skip one
    (0x06, 0, 0, 0),  # drop it
    (0x06, 0, 0, 0xFFFF),  # let it pass
)

_HINTS = {
    errno.EADDRINUSE: "another process holds the port; stop it or choose another",
    errno.EADDRNOTAVAIL: "no interface of this machine has the address; 0.0.0.0 means all of them",
    errno.EACCES: "ports below 1024 are for root; choose another",
}


def bind(listen: str) -> socket.socket:
    """
    Listen on *listen*, ``HOST:PORT``; the host may be a name, IPv4, IPv6 in brackets or empty.

    Raises:
        ConfigError: the address is not ours, not an address, or taken.
    """
    try:
        host, port = split_listen(listen)
        found = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (ValueError, OSError) as error:
        raise ConfigError(
            f"cannot listen on {listen!r}: {error}", hint="expected HOST:PORT, e.g. 0.0.0.0:8080"
        ) from None
    family, kind, protocol, _, address = found[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise ConfigError(
            f"cannot listen on {listen!r}: {os.strerror(error.errno or 0).lower()}",
            hint=_HINTS.get(error.errno or 0, "choose another address"),
        ) from None
    sock.setblocking(False)
    return sock


def inherited_socket(environ: MutableMapping[str, str]) -> socket.socket | None:
    """
    Take over the socket that *environ* announces, as systemd's socket units pass it.

    ``LISTEN_FDS`` must be 1 and descriptor 3 a listening TCP socket; 0 means none.
    ``LISTEN_PID``, when there is one, must be ours; otherwise the socket was meant for somebody
    else. The variables are removed so that no child takes them for its own.

    Raises:
        ConfigError: what was announced cannot be used.
    """
    count, pid = environ.pop(_COUNT, ""), environ.pop(_PID, "")
    environ.pop(_NAMES, None)
    if count in {"", "0"} or (pid and pid != str(os.getpid())):
        return None
    if count != "1":
        raise ConfigError(
            f"{_COUNT}: expected 1 inherited socket, got {count!r}",
            hint="pass the public listener's socket only; the admin listener makes its own",
        )
    try:
        sock = socket.socket(fileno=_FIRST_FD)
        is_listening = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise ConfigError(
            f"{_COUNT}: descriptor {_FIRST_FD} is no socket: {os.strerror(error.errno or 0)}",
            hint="unset it, or pass a listening socket as descriptor 3",
        ) from None
    is_tcp = sock.family in {socket.AF_INET, socket.AF_INET6} and sock.type == socket.SOCK_STREAM
    if not is_listening or not is_tcp:
        sock.detach()
        raise ConfigError(
            f"{_COUNT}: descriptor {_FIRST_FD} is a socket that does not listen for TCP",
            hint="unset it, or pass a listening socket as descriptor 3",
        )
    sock.setblocking(False)
    sock.set_inheritable(False)
    return sock


def hush(sock: socket.socket) -> bool:
    """
    Let *sock* drop who wants to connect from now on, unanswered; say whether that worked.

    Whoever is dropped is not refused: its system asks again a second later, when the next process
    may be there. Who is connected, or about to be, is not affected. Only Linux can do this.
    """
    program = array("B", b"".join(struct.pack("@HBBI", *line) for line in _NO_SYN))
    address, _ = program.buffer_info()
    try:
        sock.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(_NO_SYN), address)
        )
    except OSError:
        return False
    return True


def address_of(sock: socket.socket) -> str:
    """Give ``HOST:PORT`` of a bound socket, IPv6 in brackets."""
    name = sock.getsockname()
    if not isinstance(name, tuple):
        return str(name)
    host, port = name[0], name[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
