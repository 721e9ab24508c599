"""A webhook call as it stands on the wire: where it goes, and the signed request."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from relay.customerio.signature import sign

_PORTS = {"http": 80, "https": 443}

# As documented in 2012; nothing may be gated on it.
_USER_AGENT = "Customer.io Web Hooks 1.0"


@dataclass(frozen=True, slots=True)
class Target:
    """The address of a webhook, taken apart. *path* holds the query too."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, url: str) -> Target:
        """
        Take *url* apart.

        Raises:
            ValueError: it is not an absolute http or https address, or holds what would break
                out of the request line.
        """
        if not url.isascii() or any(character <= " " or character == "\x7f" for character in url):
            raise ValueError("expected an address in ASCII without blanks")
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
            raise ValueError("expected http://host[:port]/path or https://…, without credentials")
        path = parts.path or "/"
        return cls(
            parts.scheme,
            parts.hostname,
            parts.port or _PORTS[parts.scheme],
            f"{path}?{parts.query}" if parts.query else path,
        )

    @property
    def is_loopback(self) -> bool:
        """Whether it stays on this machine: ``localhost`` or a loopback address, nothing else."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def authority(self) -> str:
        """The value of the ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def signed_request(target: Target, key: str, body: bytes, *, now_s: float) -> bytes:
    """
    Write one call, stamped with *now_s* (wall seconds) and signed.

    Assumed: a repeated call is stamped and signed anew, because the specification calls the
    timestamp the one "when the request was sent"; see ``docs/assumptions.md``.

    Source:
        The order of the headers is that of Go's ``net/http``.
    """
    stamp = str(int(now_s))
    head = (
        f"POST {target.path} HTTP/1.1\r\nHost: {target.authority}\r\nUser-Agent: {_USER_AGENT}\r\n"
        f"Content-Length: {len(body)}\r\nContent-Type: application/json\r\n"
        f"X-Cio-Signature: {sign(key, stamp, body)}\r\nX-Cio-Timestamp: {stamp}\r\n"
        "Accept-Encoding: gzip\r\n\r\n"
    )
    return head.encode() + body
