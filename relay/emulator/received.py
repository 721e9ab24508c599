"""
What the inlets took, for people and tests to look at: ``/__emulator__/received``.

Counts are kept for every event id since the last ``DELETE`` (about 150 bytes an id). Bodies are
kept as they came, the newest up to a number of bytes; they are parsed again only when somebody
asks for one.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from relay.emulator.messages import event_id_of, parse

PATH = "/__emulator__/received"
UNKNOWN = "unknown"  # stands in ``by_inlet`` for every inlet that does not exist


@dataclass(slots=True)
class _Seen:
    """The counts of one inlet."""

    events: int = 0
    requests: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class _Kept:
    """One request's body; *accepted* are the places of the messages that were taken."""

    body: bytes = field(repr=False)
    is_batch: bool
    accepted: Sequence[int]

    def messages(self) -> Iterable[dict[str, Any]]:
        parsed = parse(self.body)
        messages = parsed["messages"] if self.is_batch else [parsed]
        return (messages[place] for place in self.accepted)


class Received:
    """Counts and the newest bodies of what was accepted; not safe for threads."""

    def __init__(self, kept_bytes: int) -> None:
        self._limit_bytes = kept_bytes
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.events = 0
        self.without_id = 0
        self._ids: dict[str, int] = {}
        self._inlets: dict[str, _Seen] = {}
        self._answers: Counter[int] = Counter()
        self._kept: deque[_Kept] = deque()
        self._kept_bytes = 0

    def answered(self, inlet_id: str, status: int, *, refused: int = 0) -> None:
        """Count one request by its answer (0: cut off without one) and its *refused* messages."""
        seen = self._seen(inlet_id)
        seen.requests += 1
        seen.refused += refused
        self._answers[status] += 1

    def store(
        self,
        inlet_id: str,
        messages: Sequence[dict[str, Any]],
        *,
        body: bytes,
        is_batch: bool,
        accepted: Sequence[int],
    ) -> None:
        """Count the *accepted* of *messages*, and keep the *body* they came in."""
        ids = self._ids
        for place in accepted:
            event_id = event_id_of(messages[place])
            if event_id is None:
                self.without_id += 1
            else:
                ids[event_id] = ids.get(event_id, 0) + 1
        self.events += len(accepted)
        self._seen(inlet_id).events += len(accepted)
        self._keep(_Kept(body, is_batch, accepted))

    def counts(self) -> dict[str, int]:
        """How often each event id was taken."""
        return self._ids

    def messages(self, event_id: str) -> list[dict[str, Any]]:
        """List the kept messages with *event_id*, oldest first."""
        if event_id not in self._ids:
            return []
        return [
            message
            for kept in self._kept
            for message in kept.messages()
            if event_id_of(message) == event_id
        ]

    def as_json(self) -> dict[str, Any]:
        """Sum it up."""
        with_id = self.events - self.without_id
        return {
            "events": self.events,
            "distinct": len(self._ids),
            "duplicates": with_id - len(self._ids),
            "without_id": self.without_id,
            "requests": sum(seen.requests for seen in self._inlets.values()),
            "refused": sum(seen.refused for seen in self._inlets.values()),
            "answers": {str(status): count for status, count in sorted(self._answers.items())},
            "kept_bytes": self._kept_bytes,
            "by_inlet": {
                inlet_id: {
                    "events": seen.events,
                    "requests": seen.requests,
                    "refused": seen.refused,
                }
                for inlet_id, seen in self._inlets.items()
            },
        }

    def _seen(self, inlet_id: str) -> _Seen:
        seen = self._inlets.get(inlet_id)
        if seen is None:
            seen = self._inlets[inlet_id] = _Seen()
        return seen

    def _keep(self, kept: _Kept) -> None:
        self._kept.append(kept)
        self._kept_bytes += len(kept.body)
        while self._kept_bytes > self._limit_bytes and self._kept:
            self._kept_bytes -= len(self._kept.popleft().body)


def _encoded(document: object) -> bytes:
    """Encode also what orjson refuses: huge numbers and lone surrogates, as they were sent."""
    try:
        return orjson.dumps(document)
    except TypeError:
        return json.dumps(document).encode("ascii")


def received_routes(received: Received) -> list[BaseRoute]:
    """
    Serve *received*.

    ``GET`` sums up; ``?ids=true`` adds ``{"ids": {event_id: count}}``; ``?event_id=X`` adds the
    count and the kept messages of one event. ``DELETE`` forgets.
    """

    async def get(request: Request) -> Response:
        document = received.as_json()
        if request.query_params.get("ids") == "true":
            document["ids"] = received.counts()
        event_id = request.query_params.get("event_id")
        if event_id is not None:
            document["event_id"] = event_id
            document["count"] = received.counts().get(event_id, 0)
            document["messages"] = received.messages(event_id)
        return Response(_encoded(document), media_type="application/json")

    async def delete(_request: Request) -> Response:
        received.clear()
        return Response(status_code=204)

    return [
        Route(PATH, get, methods=["GET"]),
        Route(PATH, delete, methods=["DELETE"]),
    ]
