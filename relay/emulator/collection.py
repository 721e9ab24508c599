"""
``POST /collection/{inlet}`` and ``POST /collection/batch/{inlet}``: the data plane over ASGI.

A plain ASGI callable without a router or a request object, because a relay under load and its
emulator share two cores. It reads the request, lets `Reception` decide, and sends the answer, or
cuts the connection where a fault wants that.
"""

from __future__ import annotations

from relay.emulator import bodies
from relay.emulator.answer import Answer, Receive, Scope, Send
from relay.emulator.cut import cut, hang
from relay.emulator.faults import Faults
from relay.emulator.gate import Call
from relay.emulator.received import Received
from relay.emulator.reception import Reception
from relay.emulator.settings import EmulatorSettings

PREFIX = "/collection/"

_BATCH_PREFIX = "/collection/batch/"


class Collection:
    """Every inlet of the local Adobe."""

    def __init__(
        self,
        reception: Reception,
        *,
        faults: Faults,
        received: Received,
        settings: EmulatorSettings,
    ) -> None:
        self._reception = reception
        self._faults = faults
        self._received = received
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request whose path starts with `PREFIX`."""
        inlet_id, is_batch = address(scope["path"])
        if scope["method"] != "POST":
            await _not_allowed(inlet_id).send(send)
            return
        hit = self._faults.meet(inlet_id)
        if hit.kind == "reset_before":
            self._received.answered(inlet_id, 0)
            await cut(scope, receive)
            return
        body, size_bytes, is_whole = await _read(receive, self._settings.max_request_bytes)
        if not is_whole:
            return
        call = Call.read(
            (inlet_id, is_batch), scope["headers"], scope["query_string"], body, size_bytes
        )
        answer = self._reception.take(call, hit)
        if hit.latency_s:
            await self._settings.sleep(hit.latency_s)
        if hit.kind == "reset_after":
            await cut(scope, receive)
        elif hit.kind == "hang":
            await hang(scope, receive)
        else:
            await answer.send(send)


def address(path: str) -> tuple[str, bool]:
    """Read the inlet's id from *path*, and whether it is the batch endpoint."""
    if path.startswith(_BATCH_PREFIX):
        return path[len(_BATCH_PREFIX) :], True
    return path[len(PREFIX) :], False


def _not_allowed(inlet_id: str) -> Answer:
    """
    Refuse other methods.

    Assumed: only POST is described; 405 with ``Allow``, in the inlet's problem shape.
    """
    return Answer.of(405, bodies.of_status(405, inlet_id), (b"allow", b"POST"))


async def _read(receive: Receive, limit_bytes: int) -> tuple[bytes, int, bool]:
    """
    Read the body, its size, and whether it came to its end.

    A body over *limit_bytes* is read to its end, or the client would see a reset instead of the
    answer, but not kept.
    """
    chunks: list[bytes] = []
    size_bytes = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"", size_bytes, False
        chunk = message.get("body", b"")
        size_bytes += len(chunk)
        if size_bytes > limit_bytes:
            chunks.clear()
        else:
            chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks), size_bytes, True
