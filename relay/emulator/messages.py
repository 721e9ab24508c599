"""
What the inlet makes of one message: raw, an XDM envelope, or refused (pure).

::

    raw         {"event_id": …, "object_type": …, …}                   flow id of the request
    envelope    {"header": {"schemaRef": …, "flowId": …}, "body": {"xdmMeta": …, "xdmEntity": …}}
    upsert      {"header": {"operations": …, …}, "body": {…raw…}}       goes to Profile only

Source:
    adobe.md §1.2 (flow id), §1.3 (envelope), §1.4 (messages), §0.5 (raw in a batch); fixtures
    ``single_errors.json`` and ``batch_207_*.json``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import orjson

from relay.emulator.bodies import HEADER_MANDATORY, UNKNOWN_FORMAT, WRONG_FLOW, WRONG_ORG
from relay.emulator.inlets import Inlet

_HEADER_KEYS = frozenset(("schemaRef", "imsOrgId", "datasetId", "flowId", "operations"))


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for every message of one request."""

    inlet: Inlet
    flow_id: str
    is_batch: bool
    is_strict: bool

    @property
    def raw_refusal(self) -> str | None:
        """
        Why a raw message is refused here, if it is.

        Without a flow id it is read as an envelope that has no header. Assumed: the same words
        on both endpoints; that a flow id the inlet does not have is refused with `WRONG_FLOW`.
        """
        refuses_raw = self.is_batch and self.inlet.raw_batch == "refuse"
        if refuses_raw or (self.is_strict and not self.flow_id):
            return HEADER_MANDATORY
        return self._flow_refusal(self.flow_id)

    def refusals(self, messages: Sequence[object]) -> dict[int, str]:
        """Say which *messages* are refused, by place, and with which words."""
        if self.inlet.refuses:
            return dict.fromkeys(range(len(messages)), f"{self.inlet.where} {self.inlet.refuses}")
        raw_refusal = self.raw_refusal
        found = {}
        for place, message in enumerate(messages):
            # Most messages are raw and fine; this loop runs beside the relay under load.
            if raw_refusal is None and type(message) is dict and "header" not in message:
                continue
            refusal = self._refusal(message, raw_refusal)
            if refusal is not None:
                found[place] = refusal
        return found

    def _refusal(self, message: object, raw_refusal: str | None) -> str | None:
        if not isinstance(message, dict):
            return raw_refusal or f"{self.inlet.where} {UNKNOWN_FORMAT}"
        if is_envelope(message):
            return self._envelope_refusal(message["header"], message.get("body"))
        return raw_refusal

    def _envelope_refusal(self, header: Mapping[str, Any], body: object) -> str | None:
        """
        Check an envelope.

        An absent organisation is added by the inlet. A body without ``xdmEntity`` is taken and
        fails later (``failed_batch_records.json``, ``missing_xdm_entity``).
        """
        where = self.inlet.where
        org = header.get("imsOrgId")
        if org is not None and org != (self.inlet.ims_org_id or org):
            return f"{where} {WRONG_ORG}"
        if "operations" not in header and not self._has_schema(header, body):
            return f"{where} {UNKNOWN_FORMAT}"
        flow_id = header.get("flowId") or self.flow_id
        if self.is_strict and not flow_id:
            return f"{where} {WRONG_FLOW}"
        return self._flow_refusal(flow_id)

    def _has_schema(self, header: Mapping[str, Any], body: object) -> bool:
        """Whether both references are there, equal, and name the inlet's schema."""
        if not isinstance(body, dict):
            return False
        meta = body.get("xdmMeta")
        named = _reference(header)
        if named is None or not isinstance(meta, dict) or named != _reference(meta):
            return False
        return not self.inlet.schema_id or named[0] == self.inlet.schema_id

    def _flow_refusal(self, flow_id: object) -> str | None:
        if self.inlet.flow_id and flow_id and flow_id != self.inlet.flow_id:
            return f"{self.inlet.where} {WRONG_FLOW}"
        return None


def parse(body: bytes) -> Any:
    """
    Parse what was sent; numbers and strings that orjson refuses are read by the standard library.

    Raises:
        ValueError: not JSON, or nested too deep to read.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(body, parse_constant=_not_json)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def is_envelope(message: Mapping[str, Any]) -> bool:
    """Whether *message* is an envelope and not a raw event that has a ``header``."""
    header = message.get("header")
    return isinstance(header, dict) and not _HEADER_KEYS.isdisjoint(header)


def event_id_of(message: Mapping[str, Any]) -> str | None:
    """
    Find the event's id: ``event_id``, or in an envelope ``_id``.

    An envelope without ``_id`` is searched for the field that the tutorial's mapping feeds: one
    whose name starts with ``event_id``, at the first level of the tenant's namespace.
    """
    found = message.get("event_id")
    if found is None and "header" in message:
        body = message.get("body")
        entity = body.get("xdmEntity", body) if isinstance(body, dict) else None
        found = _entity_id(entity) if isinstance(entity, dict) else None
    return found if isinstance(found, str) else None


def _entity_id(entity: Mapping[str, Any]) -> object:
    found = entity.get("_id", entity.get("event_id"))
    if found is not None:
        return found
    tenants = (part for name, part in entity.items() if name[:1] == "_" and isinstance(part, dict))
    return next(
        (value for part in tenants for name, value in part.items() if name.startswith("event_id")),
        None,
    )


def _reference(holder: Mapping[str, Any]) -> tuple[str, str] | None:
    """Read a schema reference; spaces in the content type do not matter (adobe.md §11, C16)."""
    reference = holder.get("schemaRef")
    if not isinstance(reference, dict) or not isinstance(reference.get("id"), str):
        return None
    return reference["id"], str(reference.get("contentType", "")).replace(" ", "")
