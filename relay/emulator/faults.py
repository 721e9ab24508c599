"""
Faults that the local Adobe can be told to have (pure but for the clock and the dice).

A fault lasts for ``seconds``, or for so many ``requests``, or until it is deleted; ``inlet``
limits it to one inlet and ``probability`` to a share of the requests. All active ``latency``
faults add up; of the others the oldest one that hits decides.

A fault is one of the inlets unless it has a ``path``: then it meets every other request whose
path starts with that (``/data/foundation/flowservice``, ``/ims``, ``/v1``), and whose method is
``method`` if that is given. The first five kinds and ``not_json`` can be had there.

::

    kind           what happens                                          is it stored
    status         answers "status", with Retry-After if asked           no
    latency        waits "seconds_each" before the answer                as without it
    reset_before   resets the connection before reading the body         no
    reset_after    reads, then resets without an answer                  yes; "stored": false
    hang           reads, then never answers                             no;  "stored": true
    partial        refuses a "fraction" of the messages with "status"    the others
    wrong_count    answers "delta" items more or fewer than messages     yes; "stored": false
    wrong_org      refuses every message for its organisation            no
    missing_header refuses every message of a batch for its header       no
    not_json       answers a page of HTML                                no;  "stored": true
    unauthorized   refuses the token, whether the inlet asks or not      no

``partial`` throws dice for each message; with ``"sticky": true`` the same event ids are refused
every time. Where only part of what was read is stored, that part is what counts as received.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from relay.clock import Clock

_COMMON: Mapping[str, object] = {
    "seconds": 0.0,
    "requests": 0,
    "probability": 1.0,
    "inlet": "",
    "path": "",
    "method": "",
}
_ELSEWHERE = frozenset(("status", "latency", "reset_before", "reset_after", "hang", "not_json"))

# kind -> its own parameters with their defaults; ``...`` marks one that must be given.
KINDS: Mapping[str, Mapping[str, object]] = {
    "status": {"status": ..., "retry_after": 0, "retry_after_date": False, "message": ""},
    "latency": {"seconds_each": ...},
    "reset_before": {},
    "reset_after": {"stored": True},
    "hang": {"stored": False},
    "partial": {"fraction": ..., "status": 503, "message": "", "sticky": False},
    "wrong_count": {"delta": -1, "stored": True},
    "wrong_org": {},
    "missing_header": {"single": False},
    "not_json": {"status": 200, "stored": False},
    "unauthorized": {"status": 401},
}

_REQUIRED_TYPES: Mapping[str, object] = {"status": 0, "seconds_each": 0.0, "fraction": 0.0}
_NAMES = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
_RANGES: Mapping[str, tuple[float, float]] = {
    "status": (200, 599),
    "retry_after": (0, 86_400),
    "seconds_each": (0, 300),
    "fraction": (0, 1),
    "probability": (0, 1),
    "seconds": (0, 86_400),
    "requests": (0, 1_000_000_000),
    "delta": (-1_000_000, 1000),
}


class FaultError(ValueError):
    """A fault that nobody knows, or that cannot be had as it was described."""


@dataclass(slots=True)
class Fault:
    """
    One fault; *values* has every parameter of its kind.

    *until_s* is monotonic seconds, infinite without ``seconds``; *requests_left* is -1 without
    ``requests``. Both, and *hits*, are changed only by `Faults`.
    """

    fault_id: int
    kind: str
    values: Mapping[str, Any]
    until_s: float
    requests_left: int
    hits: int = 0

    @property
    def stores(self) -> bool:
        """Whether what was read counts as received."""
        return bool(self.values.get("stored", False))

    def as_json(self, now_s: float) -> dict[str, Any]:
        """Describe it with what is left of it."""
        document = {"id": self.fault_id, "kind": self.kind, **self.values, "hits": self.hits}
        if self.until_s != float("inf"):
            document["seconds_left"] = max(0.0, round(self.until_s - now_s, 3))
        if self.requests_left >= 0:
            document["requests_left"] = self.requests_left
        return document


@dataclass(frozen=True, slots=True)
class Hit:
    """What one request meets: a delay, and at most one fault."""

    latency_s: float = 0.0
    fault: Fault | None = field(default=None)

    @property
    def kind(self) -> str:
        """The fault's kind, empty without one."""
        return self.fault.kind if self.fault is not None else ""

    def value(self, name: str) -> Any:
        """Read a parameter of the fault."""
        assert self.fault is not None
        return self.fault.values[name]


NO_HIT = Hit()


class Faults:
    """The faults that are active, in the order they were added."""

    def __init__(self, clock: Clock, *, seed: int) -> None:
        self._clock = clock
        self._dice = random.Random(seed)  # noqa: S311 - chooses what fails, guards nothing
        # Changed by `add`, `remove`, `clear`, and by `_prune`, which drops what is over.
        self._active: list[Fault] = []
        self._next_id = 1

    def add(self, document: object) -> Fault:
        """
        Add the fault that *document* describes.

        Raises:
            FaultError: an unknown kind or key, or a value that does not fit.
        """
        kind, values = read_fault(document)
        seconds = values["seconds"]
        fault = Fault(
            self._next_id,
            kind,
            values,
            until_s=self._clock.monotonic_s() + seconds if seconds else float("inf"),
            requests_left=values["requests"] or -1,
        )
        self._next_id += 1
        self._active.append(fault)
        return fault

    def remove(self, fault_id: int) -> bool:
        """Remove one; say whether it was there."""
        before = len(self._active)
        self._active = [fault for fault in self._active if fault.fault_id != fault_id]
        return len(self._active) < before

    def clear(self) -> None:
        """Remove all."""
        self._active.clear()

    def as_json(self) -> list[dict[str, Any]]:
        """List the active ones."""
        self._prune()
        now_s = self._clock.monotonic_s()
        return [fault.as_json(now_s) for fault in self._active]

    def meet(self, inlet_id: str) -> Hit:
        """Say what one request to *inlet_id* meets, and count it."""
        return self._meet(lambda values: not values["path"] and values["inlet"] in ("", inlet_id))

    def meet_elsewhere(self, method: str, path: str) -> Hit:
        """Say what a request meets that goes to no inlet, and count it."""
        return self._meet(
            lambda values: (
                bool(values["path"])
                and path.startswith(values["path"])
                and values["method"] in ("", method)
            )
        )

    def _meet(self, concerns: Callable[[Mapping[str, Any]], bool]) -> Hit:
        if not self._active:
            return NO_HIT
        self._prune()
        latency_s, chosen = 0.0, None
        for fault in self._active:
            is_latency = fault.kind == "latency"
            if chosen is not None and not is_latency:
                continue
            if not concerns(fault.values) or not self._strikes(fault):
                continue
            fault.hits += 1
            fault.requests_left -= fault.requests_left > 0
            if is_latency:
                latency_s += fault.values["seconds_each"]
            else:
                chosen = fault
        return Hit(latency_s, chosen)

    def refused_places(self, hit: Hit, event_ids: Sequence[str | None]) -> set[int]:
        """Choose the messages that a ``partial`` fault refuses."""
        fraction = hit.value("fraction")
        if hit.value("sticky"):
            return {
                place
                for place, event_id in enumerate(event_ids)
                if zlib.crc32((event_id or "").encode("utf-8", "surrogatepass")) < fraction * 2**32
            }
        return {place for place in range(len(event_ids)) if self._dice.random() < fraction}

    def _strikes(self, fault: Fault) -> bool:
        probability: float = fault.values["probability"]
        return probability >= 1 or self._dice.random() < probability

    def _prune(self) -> None:
        now_s = self._clock.monotonic_s()
        self._active = [
            fault for fault in self._active if fault.until_s > now_s and fault.requests_left != 0
        ]


def read_fault(document: object) -> tuple[str, dict[str, Any]]:
    """
    Read a fault's description: its kind and every parameter.

    Raises:
        FaultError: see `Faults.add`.
    """
    if not isinstance(document, dict):
        raise FaultError("a fault is a JSON object with 'kind'")
    kind = document.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise FaultError(f"unknown kind {kind!r}: known are {', '.join(sorted(KINDS))}")
    known = {**_COMMON, **KINDS[kind]}
    unknown = sorted(document.keys() - known.keys() - {"kind"})
    if unknown:
        raise FaultError(
            f"fault {kind!r}: unknown {', '.join(unknown)}: known are {', '.join(sorted(known))}"
        )
    missing = [name for name, default in known.items() if default is ... and name not in document]
    if missing:
        raise FaultError(f"fault {kind!r} needs {', '.join(missing)}")
    values = {
        name: _value(kind, name, document.get(name, default), default)
        for name, default in known.items()
    }
    if values["path"] and kind not in _ELSEWHERE:
        raise FaultError(
            f"fault {kind!r} is one of inlets: with a path known are "
            f"{', '.join(sorted(_ELSEWHERE))}"
        )
    return kind, values


def _value(kind: str, name: str, value: object, default: object) -> object:
    """Check one value against the type of its default and its range."""
    wanted = _REQUIRED_TYPES[name] if default is ... else default
    kinds = (int, float) if isinstance(wanted, float) else (type(wanted),)
    if not isinstance(value, kinds) or (isinstance(value, bool) and not isinstance(wanted, bool)):
        raise FaultError(f"fault {kind!r}: {name} is {_NAMES[type(wanted)]}, found {value!r}")
    low, high = _RANGES.get(name, (float("-inf"), float("inf")))
    if isinstance(value, int | float) and not low <= value <= high:
        raise FaultError(f"fault {kind!r}: {name} is between {low} and {high}, found {value!r}")
    return value
