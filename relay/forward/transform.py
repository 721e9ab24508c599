"""
From an entry to a record: decode, then filter, map, check; or the one reason why not.

`Transform.decode` needs only the body; `Transform.check` does the rest, right after it. Whether an
id was delivered before is asked for a whole read at once, and goes before what `check` found. Both
are synchronous and CPU only; the loop hands large or compressed bodies to a thread.

In ``format = "raw"`` Adobe maps the event itself: the payload is the event's own bytes; mapping
and check only say beforehand whether it will survive. In ``format = "xdm"`` the payload is the
mapped record in Adobe's envelope:
``{"header": {"schemaRef": …, "imsOrgId": …}, "body": {"xdmMeta": …, "xdmEntity": {…}}}``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from relay.config import RouteConfig, shipped
from relay.envelope import Entry
from relay.errors import ConfigError, MappingError, SchemaError
from relay.forward.decode import Decoded, Rejected, decode
from relay.forward.filters import Filters
from relay.forward.payload import BULKY, UnwritableError, raw_payload, xdm_payload
from relay.mapping.mapping_set import Mapped, MappingSet
from relay.mapping.steps import WarningKind
from relay.outcome import Reason
from relay.schema import CompiledSchema, compile_schema

__all__ = ["Decoded", "Record", "Rejected", "Transform"]

# A request may have 1,000,000 bytes (adobe.md §1.6) and a batch's wrapper takes 15 of them.
MAX_PAYLOAD_BYTES = 1_000_000 - len(b'{"messages":[]}')


# Not frozen for the same reason as `Decoded`.
@dataclass(slots=True)
class Record:
    """
    What goes to the inlet for one entry; *payload* is spliced into a request as it is.

    *timestamp_s* is the event's own time, seconds UTC, ``None`` when it has none. *warnings* are
    kinds for a metric, e.g. ``("missing_source",)``, one for each warning.
    """

    entry: Entry
    event_id: str
    digest: bytes
    payload: bytes = field(repr=False)
    timestamp_s: float | None
    warnings: tuple[str, ...] = ()


class Transform:
    """
    One route's way from entry to record; everything is compiled when it is made.

    Raises:
        ConfigError: the mapping set or the schema cannot be read or used; *problems* lists why.
    """

    def __init__(self, route_name: str, route: RouteConfig, spill_folder: Path) -> None:
        self.route_name = route_name
        self.spill_folder = spill_folder
        self.mapping, self.schema = _load(route_name, route)
        self._filters = Filters(route.filter)
        self._map = self.mapping.bound(self.schema).apply
        self._strict = route.on_missing_source == "strict"
        self._forwards_invalid = route.on_invalid == "forward"
        if route.inlet.format == "xdm":
            self._payload = xdm_payload(route.inlet)
        elif route.inlet.strip_content:
            self._payload = raw_payload(
                {name for name in BULKY if self.mapping.reads(("data", name), self.schema)}
            )
        else:
            self._payload = raw_payload(frozenset(BULKY))

    def decode(self, entry: Entry) -> Decoded | Rejected:
        """Read the entry's body; `relay.forward.decode` says what becomes of every odd one."""
        return decode(entry)

    def check(self, decoded: Decoded) -> Record | Rejected:
        """Filter, map and check *decoded*, and make the bytes that the inlet gets."""
        filtered = self._filters.rejected(decoded)
        if filtered is not None:
            return filtered
        mapped = self._map(decoded.event)
        warnings: tuple[str, ...] = ()
        if mapped.warnings or not self.schema.is_valid(mapped.record):
            refused = self._refused(decoded, mapped)
            if refused is not None and not self._forwards_invalid:
                return refused
            warnings = _kinds(mapped, refused)
        try:
            payload = self._payload(decoded, mapped.record)
        except UnwritableError as unwritable:
            return _rejected(decoded, unwritable.reason, "mapping", "", unwritable.detail)
        if len(payload) > MAX_PAYLOAD_BYTES:
            return _too_large(decoded, len(payload))
        return Record(
            decoded.entry, decoded.event_id, decoded.digest, payload, decoded.timestamp_s, warnings
        )

    def _refused(self, decoded: Decoded, mapped: Mapped) -> Rejected | None:
        """Say why the inlet, or a strict setting, would not take the mapped record."""
        if self._strict:
            for warning in mapped.warnings:
                if warning.kind is WarningKind.MISSING_SOURCE:
                    return _rejected(
                        decoded, Reason.MAPPING_FAILED, "mapping", warning.row.source, str(warning)
                    )
        violations = self.schema.check(mapped.record)
        if not violations:
            return None
        first = violations[0]
        detail = "; ".join(f"{violation.path}: {violation.message}" for violation in violations)
        return _rejected(decoded, Reason.SCHEMA_VIOLATION, "schema", first.path, detail)


def mapping_path(route: RouteConfig) -> Path:
    """Say where *route*'s mapping set is."""
    return Path(route.mapping) if route.mapping else shipped("mapping.json")


def schema_path(route: RouteConfig) -> Path:
    """Say where *route*'s schema document is."""
    return Path(route.schema_file) if route.schema_file else shipped("schema.json")


def read_json(path: Path) -> Any:
    """
    Read the document at *path*.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not JSON.
    """
    return orjson.loads(path.read_bytes())


def _load(route_name: str, route: RouteConfig) -> tuple[MappingSet, CompiledSchema]:
    problems: list[str] = []
    mapping: MappingSet | None = None
    schema: CompiledSchema | None = None
    path = mapping_path(route)
    try:
        mapping = MappingSet.from_json(read_json(path))
    except (OSError, ValueError, MappingError) as error:
        problems.append(f"routes.{route_name}.mapping: {path}: {_why(error)}")
    path = schema_path(route)
    try:
        schema = compile_schema(read_json(path))
    except (OSError, ValueError, SchemaError) as error:
        problems.append(f"routes.{route_name}.schema: {path}: {_why(error)}")
    if mapping is None or schema is None:
        raise ConfigError(
            f"route {route_name} cannot be used\n" + "\n".join(problems),
            hint="relative paths start at the working directory; `relay check` tells more",
            problems=tuple(problems),
        )
    return mapping, schema


def _why(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.strerror}; expected a JSON document"
    return f"not JSON: {error}" if isinstance(error, orjson.JSONDecodeError) else str(error)


def _rejected(decoded: Decoded, reason: Reason, stage: str, path: str, detail: str) -> Rejected:
    return Rejected(decoded.entry, reason, stage, path, detail, decoded.event_id, decoded.digest)


def _kinds(mapped: Mapped, refused: Rejected | None) -> tuple[str, ...]:
    kinds = [str(warning.kind) for warning in mapped.warnings]
    if refused is not None:
        kinds.append(str(refused.reason))
    return tuple(kinds)


def _too_large(decoded: Decoded, size_bytes: int) -> Rejected:
    detail = f"{size_bytes} bytes, expected at most {MAX_PAYLOAD_BYTES} in one request"
    return _rejected(decoded, Reason.RECORD_TOO_LARGE, "schema", "", detail)
