"""The answers to what never reaches the application, by status; each ends its connection."""

from __future__ import annotations


def _plain(status: int, phrase: str, text: str, more: str = "") -> bytes:
    body = '{"status":"%s"}' % text  # noqa: UP031 - braces
    return (
        f"HTTP/1.1 {status} {phrase}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n{more}connection: close\r\n\r\n{body}"
    ).encode()


REFUSALS = {
    400: _plain(400, "Bad Request", "not HTTP"),
    408: _plain(408, "Request Timeout", "headers too slow"),
    431: _plain(431, "Request Header Fields Too Large", "headers too large"),
    503: _plain(503, "Service Unavailable", "draining", "retry-after: 5\r\n"),
}
