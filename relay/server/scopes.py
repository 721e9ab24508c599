"""
The ASGI scopes of one connection's requests.

A sender's next request differs from its last one in little, so what stays the same is kept, and
copied for each.
"""

from __future__ import annotations

import urllib.parse
from typing import Any

import httptools

from relay.server.exchange import WHOLE

Headers = list[tuple[bytes, bytes]]

_METHODS = {name.encode(): name for name in ("GET", "HEAD", "POST")}


class Scopes:
    """
    Makes the scopes of one connection.

    *server* and *client* are its two addresses.
    """

    __slots__ = ("_kept", "_url")

    def __init__(
        self,
        asgi_version: str,
        server: tuple[str, int | None] | None,
        client: tuple[str, int] | None,
    ) -> None:
        # Every key stands here, so that a copy needs no room for more.
        self._kept: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": asgi_version, "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "",
            "raw_path": b"",
            "query_string": b"",
            "root_path": "",
            "headers": [],
            "server": server,
            "client": client,
            "state": {},
            "extensions": {WHOLE: {}},
        }
        self._url = b""

    def make(self, version: str, method: bytes, url: bytes, headers: Headers) -> dict[str, Any]:
        """
        Make the scope of one request.

        Raises:
            ValueError: *url* is not ASCII, or neither a path nor an address.
        """
        kept = self._kept
        if url != self._url:
            kept["path"], kept["raw_path"], kept["query_string"] = _target(url)
            self._url = url
        scope = kept.copy()
        scope["http_version"] = version
        scope["method"] = _METHODS.get(method) or method.decode("ascii")
        scope["headers"] = headers
        scope["state"] = {}
        return scope

    def __repr__(self) -> str:
        return f"<Scopes of {self._kept['client']}>"


def _target(url: bytes) -> tuple[str, bytes, bytes]:
    """Split a request target into path, path as it came, and query."""
    if url.startswith(b"/"):
        raw_path, _, query = url.partition(b"?")
    else:
        parsed = httptools.parse_url(url)
        raw_path, query = parsed.path or b"/", parsed.query or b""
    path = raw_path.decode("ascii")
    return (urllib.parse.unquote(path) if "%" in path else path), raw_path, query
