"""
Mapping sets as Data Prep stores them: rows of either dialect, told in both.

Source:
    Data Prep API (``MappingOperation``, ``MapperSetPage``); adobe.md §6;
    ``customerio_mapping_request.json``.

Assumed:
    A constant keeps the type ``STATIC``; a set whose rows cannot be parsed is refused with 400
    when it is made, not only when a flow names it.
"""

from __future__ import annotations

from typing import Any

from relay.emulator.gateway import Call
from relay.emulator.ids import new_hex
from relay.emulator.problems import Service, bad_request
from relay.emulator.references import mapping_schema, schema_reference
from relay.emulator.store import Item
from relay.errors import MappingError
from relay.mapping.rows import Row, SourceType, read_row

_SHOWN_TYPES = {
    SourceType.ATTRIBUTE: "text/x.schema-path",
    SourceType.EXPRESSION: "text/x.aep-xl",
    SourceType.STATIC: "STATIC",
}
_EXTRA = ("identity", "primaryIdentity", "identityGroup", "namespaceCode", "name", "description")


def stored_set(call: Call, body: Item, *, id_: str, version: int, created_ms: int) -> Item:
    """
    Make one version of a mapping set out of a request.

    Raises:
        Refused: a row cannot be used, or there is none.
    """
    raw = body.get("mappings")
    if not isinstance(raw, list) or not raw:
        raise bad_request(Service.DATA_PREP, "A mapping set needs at least one mapping")
    rows = [stored_row(call, number, row) for number, row in enumerate(raw, 1)]
    schema_id, _version = mapping_schema(body)
    item: Item = {
        "id": id_,
        "version": version,
        "createdDate": created_ms,
        "modifiedDate": call.store.now_ms,
        "createdBy": call.user,
        "modifiedBy": call.user,
        **{key: body[key] for key in ("name", "tags", "allowNullValues") if key in body},
        "outputSchema": _output(body),
        "mappings": rows,
        "status": "PUBLISHED",
        "strictMapping": False,
        "xdmSchema": schema_id,
    }
    return item


def _output(body: Item) -> Item:
    output = body.get("outputSchema")
    reference = output.get("schemaRef") if isinstance(output, dict) else None
    if isinstance(reference, dict) and isinstance(reference.get("id"), str):
        return {"schemaRef": reference}
    id_, version = schema_reference(body.get("xdmSchema"))
    if not id_:
        raise bad_request(Service.DATA_PREP, "The field outputSchema.schemaRef is required")
    content_type = f"application/vnd.adobe.xed-full+json;version={version}"
    return {"schemaRef": {"id": id_, "contentType": content_type}}


def stored_row(call: Call, number: int, raw: Any) -> Item:
    """
    Make a stored row out of a request's.

    Raises:
        Refused: naming the row and what is wrong with it.
    """
    row = parsed_row(number, raw)
    now_ms = call.store.now_ms
    return {
        "id": new_hex(32),
        "version": 0,
        "createdDate": now_ms,
        "modifiedDate": now_ms,
        "createdBy": call.user,
        "modifiedBy": call.user,
        "sourceType": _SHOWN_TYPES[row.source_type],
        "source": row.source,
        "destination": row.destination,
        "identity": False,
        "primaryIdentity": False,
        "matchScore": 0.0,
        "functionVersion": 1,
        "sourceAttribute": row.source,
        "destinationXdmPath": row.destination,
        **{key: raw[key] for key in _EXTRA if key in raw},
    }


def parsed_row(number: int, raw: Any) -> Row:
    """
    Parse a row with the relay's own reader of the language.

    Raises:
        Refused: naming the row and what is wrong with it.
    """
    try:
        return read_row(number, raw)
    except MappingError as error:
        raise bad_request(Service.DATA_PREP, str(error)) from None
