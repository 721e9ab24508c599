"""
What Adobe refused after taking it: failed batches, their records, and the rows to blame.

A refused record is our event again, with what broke. The event id in it leads back to our own
copy; the field that broke, or our own mapping of the event, leads to the mapping set's row.

Source:
    AdobeDocs/experience-platform.en, help/ingestion/quality/{error-diagnostics,
    retrieve-failed-batches}.md; the spelling of errors: ``failed_batch_records.json``.

Assumed:
    Records of a streamed raw event carry ``body``, ``header`` and ``_errors`` as JSON inside text,
    as Adobe's own client unfolds them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from relay.errors import RelayError
from relay.mapping import MappingSet

Item = dict[str, Any]

_MISSING_KEY = re.compile(r"required key \[([^\]]+)\] not found")
_ELEMENT = re.compile(r"/\d+(?=/|$)")
_ELEMENT_OF_ROW = re.compile(r"\[[^\]]*\]")


@dataclass(frozen=True, slots=True)
class FailedBatch:
    """
    One failed batch of a data set; *created_s* is wall-clock seconds UTC.

    *unread* says why Adobe does not give its records; empty when it does.
    """

    id: str
    created_s: float
    failed: int
    codes: tuple[str, ...]
    unread: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """
    One thing wrong with a record.

    *path* points into the mapped record; *row* is the mapping set's row as ``source →
    destination``, empty when none can be named.
    """

    path: str
    message: str
    row: str = ""


@dataclass(frozen=True, slots=True)
class FailedRecord:
    """
    One refused record.

    *event* is what we had sent, as Adobe gives it back or, when *position* is not 0, as our spool
    has it.
    """

    batch_id: str
    event_id: str
    faults: tuple[Fault, ...]
    position: int = 0
    event: Item = field(default_factory=dict)


def to_batch(item: Item) -> FailedBatch:
    """Reduce Catalog's batch."""
    metrics: Item = item.get("metrics") or {}
    return FailedBatch(
        id=str(item.get("id", "")),
        created_s=float(item.get("created") or 0) / 1000,
        failed=int(metrics.get("invalidRecordCount") or metrics.get("failedRecordCount") or 0),
        codes=tuple(str(error.get("code", "")) for error in item.get("errors") or []),
    )


def to_record(batch_id: str, line: Item, rows: Sequence[Item]) -> FailedRecord:
    """Read one line of a failed batch's file; *rows* are the mapping set's, in either dialect."""
    body = _unfold(line.get("body", line))
    event = body if isinstance(body, dict) else {}
    errors = list(_leaves(_errors_of(line))) or [{"message": "refused without a reason"}]
    return FailedRecord(
        batch_id=batch_id,
        event_id=find_event_id(event),
        faults=tuple(_fault(error, rows) for error in errors),
        event=event,
    )


def blame(record: FailedRecord, event: Item, rows: Sequence[Item]) -> tuple[Fault, ...]:
    """
    Name the rows of those faults that name none, by mapping *event* with *rows* ourselves.

    Adobe's mapper says that a row failed, not which.
    """
    if all(fault.row for fault in record.faults):
        return record.faults
    try:
        warnings = MappingSet.from_json(list(rows)).apply(event).warnings
    except RelayError:
        return record.faults
    named = [
        Fault(
            path=f"#/{warning.row.destination.replace('.', '/')}",
            message=warning.detail,
            row=f"{warning.row.source} → {warning.row.destination}",
        )
        for warning in warnings
    ]
    return (*record.faults, *named)


def find_event_id(value: Any) -> str:
    """Find our event id in a raw or mapped record, under ``event_id…`` or ``_id``."""
    if not isinstance(value, dict):
        return ""
    for key, item in value.items():
        if isinstance(item, str) and (key == "_id" or key.startswith("event_id")):
            return item
    return next(filter(None, map(find_event_id, value.values())), "")


def _fault(error: Item, rows: Sequence[Item]) -> Fault:
    path = str(error.get("pointerToViolation") or error.get("path") or "")
    message = str(error.get("message", ""))
    broken = path.removeprefix("#").strip("/")
    missing = _MISSING_KEY.search(message)
    if missing is not None:
        broken = f"{broken}/{missing[1]}".strip("/")
    return Fault(path, message, _row_for(str(error.get("destination") or broken), rows))


def _row_for(broken: str, rows: Sequence[Item]) -> str:
    """Name the row whose destination is *broken*, or holds it; the nearest one."""
    wanted = _ELEMENT.sub("", broken).replace("/", ".")
    best, found = -1, ""
    for row in rows:
        destination = str(row.get("destination") or row.get("destinationXdmPath") or "")
        plain = _ELEMENT_OF_ROW.sub("", destination)
        if plain and f"{wanted}.".startswith(f"{plain}.") and len(plain) > best:
            source = row.get("source") or row.get("sourceAttribute") or ""
            best, found = len(plain), f"{source} → {destination}"
    return found


def _errors_of(line: Item) -> list[Item]:
    listed = _unfold(line.get("_validationErrors") or [])
    grouped = _unfold(line.get("_errors") or {})
    groups = list(grouped.values()) if isinstance(grouped, dict) else [grouped]
    return [
        error for group in (listed, *groups) for error in _unfold(group) if isinstance(error, dict)
    ]


def _leaves(errors: Sequence[Item]) -> Iterator[Item]:
    """The innermost errors: what is around them only says how many there are."""
    for error in errors:
        inner = [one for one in error.get("causingExceptions") or [] if isinstance(one, dict)]
        if inner:
            yield from _leaves(inner)
        else:
            yield error


def _unfold(value: Any) -> Any:
    """Records carry parts of themselves as JSON inside text."""
    if isinstance(value, str):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return {}
    return value
