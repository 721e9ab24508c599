"""One answer of the data plane, and how it is sent over ASGI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import orjson

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
_WITHOUT_BODY = (204, 304)

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, encoded body and headers."""

    status: int
    body: bytes
    headers: Headers = ()
    content_type: bytes = b"application/json;charset=utf-8"

    @classmethod
    def of(cls, status: int, document: object, *headers: tuple[bytes, bytes]) -> Answer:
        """Make an answer of a JSON *document*."""
        return cls(status, orjson.dumps(document), headers)

    async def send(self, send: Send) -> None:
        """Send it, whole; a status that has no body (204, 304) goes without."""
        headers = list(self.headers)
        body = b"" if self.status in _WITHOUT_BODY else self.body
        if body:
            headers.append((b"content-type", self.content_type))
            headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
