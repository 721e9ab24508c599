"""
The answers a sender can get, prepared once as ASGI messages.

Customer.io waits an hour before it repeats after 400 to 405, 410, 429, 500 and 502, and holds back
every later event meanwhile; 503 is repeated soon. So whatever is our own fault is 503.

Source:
    docs.customer.io/integrations/api/webhooks, "Retries"; see docs/operations.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

RETRY_AFTER_S = 5

Headers = tuple[tuple[bytes, bytes], ...]
Message = dict[str, Any]
Scope = dict[str, Any]

# The extension of `relay.server.exchange`: the whole answer is one message.
_WHOLE = "relay.response.whole"

_CLOSE = (b"connection", b"close")
_RETRY = (b"retry-after", str(RETRY_AFTER_S).encode())


class Answer:
    """One status with its JSON body; as ASGI messages with and without ``Connection: close``."""

    __slots__ = ("_apart", "_whole", "body", "status")

    def __init__(self, status: int, text: str, *headers: tuple[bytes, bytes]) -> None:
        self.status = status
        self.body = b'{"status":"%s"}' % text.encode()
        every: Headers = (
            (b"content-type", b"application/json"),
            (b"content-length", str(len(self.body)).encode()),
            *headers,
        )
        # Without and with closing.
        parts = [{"status": status, "headers": each} for each in (every, (*every, _CLOSE))]
        final: Message = {"type": "http.response.body", "body": self.body}
        self._whole = [({"type": _WHOLE, **part, "body": self.body},) for part in parts]
        self._apart = [({"type": "http.response.start", **part}, final) for part in parts]

    def messages(self, scope: Scope, *, close: bool) -> tuple[Message, ...]:
        """
        Give the ASGI messages, for the server that made *scope*.

        With *close* the connection ends after the answer.
        """
        is_whole = _WHOLE in scope.get("extensions", ())
        return (self._whole if is_whole else self._apart)[close]

    def __repr__(self) -> str:
        return f"<Answer {self.status}>"


ACCEPTED = Answer(200, "accepted")
HEALTHY = Answer(200, "ok")
UNSIGNED = Answer(401, "unsigned", (b"www-authenticate", b"x-cio-signature"))
UNSIGNED_LATER = Answer(503, "unsigned", _RETRY)
NOT_FOUND = Answer(404, "not found")
ONLY_POST = Answer(405, "only POST", (b"allow", b"POST"))
ONLY_GET = Answer(405, "only GET", (b"allow", b"GET, HEAD"))
TOO_SLOW = Answer(408, "body too slow")
TOO_LARGE = Answer(413, "body too large")
STARTING = Answer(503, "starting", _RETRY)
DRAINING = Answer(503, "draining", _RETRY)
BUSY = Answer(503, "too many bytes in flight", _RETRY)
FULL = Answer(503, "spool full", _RETRY)
CLOSED = Answer(503, "spool closed", _RETRY)
FAILED = Answer(503, "spool failing", _RETRY)
NO_COMMIT = Answer(503, "no commit in time", _RETRY)
INTERNAL = Answer(503, "internal error", _RETRY)

BAD_SIGNATURE: Mapping[int, Answer] = {401: UNSIGNED, 503: UNSIGNED_LATER}
