"""The request bodies of the control plane, as JSON Schema with an example each."""

from __future__ import annotations

from typing import Any

from relay.emulator.flow_specs import CUSTOMERIO, DATA_LAKE, PROVIDER, STREAMING_FLOW
from relay.emulator.xdm_parts import PROFILE

Item = dict[str, Any]

_TEXT: Item = {"type": "string"}
_FLAG: Item = {"type": "boolean"}
_NUMBER: Item = {"type": "integer"}
_CONTENT_TYPE = "application/vnd.adobe.xed-full+json;version=1"
_SCHEMA_ID = "https://ns.adobe.com/extconndev/schemas/945546112b746524bfd9f1264b26c2b7"


def body_schemas() -> dict[str, Item]:
    """Every body by its name; `relay.emulator.describe` refers to them."""
    return {
        **_flow_service(),
        **_registry(),
        **_catalog(),
        **_data_prep(),
        **_others(),
    }


def _object(properties: Item, *required: str, example: Any = None) -> Item:
    schema: Item = {"type": "object", "properties": properties}
    if required:
        schema["required"] = list(required)
    if example is not None:
        schema["example"] = example
    return schema


def _list(item: Item) -> Item:
    return {"type": "array", "items": item}


def _spec() -> Item:
    return _object({"id": _TEXT, "version": _TEXT}, "id")


def _flow_service() -> dict[str, Item]:
    named = {"name": _TEXT, "description": _TEXT, "connectionSpec": _spec()}
    reference = _object({"id": _TEXT, "version": _TEXT})
    data = _object({"format": {"type": "string", "enum": ["json", "xml"]}, "schema": reference})
    step = _object(
        {
            "name": {"type": "string", "enum": ["Mapping", "Copy"]},
            "params": _object({"mappingId": _TEXT, "mappingVersion": {}}),
        }
    )
    source = {
        "name": "Streaming Source Connection for Customer.io",
        "providerId": PROVIDER,
        "connectionSpec": {"id": CUSTOMERIO, "version": "1.0"},
        "data": {"format": "json"},
    }
    target = {
        "name": "Streaming Target Connection for Customer.io",
        "connectionSpec": {"id": DATA_LAKE, "version": "1.0"},
        "data": {"format": "json", "schema": {"id": _SCHEMA_ID, "version": _CONTENT_TYPE}},
        "params": {"dataSetId": "63ec807d3f5ce91bd2d06c65"},
    }
    flow = {
        "name": "Streaming Dataflow for Customer.io",
        "flowSpec": {"id": STREAMING_FLOW, "version": "1.0"},
        "sourceConnectionIds": ["133bb51f-f310-4b4a-b8b2-731aef1e223c"],
        "targetConnectionIds": ["da8b75ad-f6ee-4991-95df-291e62936e98"],
        "transformations": [
            {"name": "Mapping", "params": {"mappingId": "59c0", "mappingVersion": 0}}
        ],
    }
    auth = _object({"specName": _TEXT, "params": _object({"name": _TEXT, "dataType": _TEXT})})
    return {
        "Connection": _object({**named, "auth": auth}, "name", "connectionSpec"),
        "SourceConnection": _object(
            {**named, "baseConnectionId": _TEXT, "data": data, "params": {"type": "object"}},
            "name",
            example=source,
        ),
        "TargetConnection": _object(
            {**named, "data": data, "params": _object({"dataSetId": _TEXT})}, example=target
        ),
        "Flow": _object(
            {
                "name": _TEXT,
                "description": _TEXT,
                "flowSpec": _spec(),
                "sourceConnectionIds": _list(_TEXT),
                "targetConnectionIds": _list(_TEXT),
                "transformations": _list(step),
                "options": {"type": "object"},
            },
            example=flow,
        ),
        "Patch": _list(
            _object(
                {
                    "op": {"type": "string", "enum": ["add", "replace", "remove", "move"]},
                    "path": _TEXT,
                    "value": {},
                },
                "op",
            )
        ),
        "Search": _object(
            {"queryString": _TEXT, "limit": _NUMBER, "orderby": _TEXT, "count": _FLAG},
            example={"queryString": "property=name==x", "limit": 5},
        ),
        "Anything": {},
    }


def _registry() -> dict[str, Item]:
    part = _object({"$ref": _TEXT})
    field = _object({"type": _TEXT, "title": _TEXT, "properties": {"type": "object"}})
    definitions = {"type": "object", "additionalProperties": field}
    shared = {"type": _TEXT, "title": _TEXT, "description": _TEXT, "allOf": _list(part)}
    schema = {"type": "object", "title": "Events", "allOf": [{"$ref": PROFILE}]}
    return {
        "Schema": _object(
            {**shared, "meta:immutableTags": _list(_TEXT)}, "title", "allOf", example=schema
        ),
        "FieldGroup": _object(
            {**shared, "meta:intendedToExtend": _list(_TEXT), "definitions": definitions}, "title"
        ),
        "Resource": _object({**shared, "properties": {"type": "object"}}, "title"),
        "Descriptor": _object(
            {
                "@type": _TEXT,
                "xdm:sourceSchema": _TEXT,
                "xdm:sourceVersion": _NUMBER,
                "xdm:sourceProperty": _TEXT,
                "xdm:namespace": _TEXT,
                "xdm:isPrimary": _FLAG,
            }
        ),
    }


def _catalog() -> dict[str, Item]:
    reference = _object({"id": _TEXT, "contentType": _TEXT}, "id")
    tags = {"type": "object", "additionalProperties": _list(_TEXT)}
    description = _object({"format": _TEXT, "persisted": _FLAG})
    properties = {
        "name": _TEXT,
        "schemaRef": reference,
        "tags": tags,
        "enableErrorDiagnostics": _FLAG,
        "fileDescription": description,
    }
    example = {"name": "Events", "schemaRef": {"id": PROFILE, "contentType": _CONTENT_TYPE}}
    return {"DataSet": _object(properties, "schemaRef", example=example)}


def _data_prep() -> dict[str, Item]:
    kinds = ["ATTRIBUTE", "EXPRESSION", "STATIC", "text/x.schema-path", "OTHER"]
    row = _object(
        {
            "sourceType": {"type": "string", "enum": kinds},
            "source": _TEXT,
            "destination": _TEXT,
            "sourceAttribute": _TEXT,
            "destinationXdmPath": _TEXT,
            "identity": _FLAG,
        }
    )
    output = _object({"schemaRef": _object({"id": _TEXT, "contentType": _TEXT})})
    rows = [{"sourceAttribute": "event_id", "destinationXdmPath": "_id", "identity": False}]
    mapping_set = {
        "outputSchema": {"schemaRef": {"id": PROFILE, "contentType": _CONTENT_TYPE}},
        "mappings": rows,
    }
    preview = {"data": {"event_id": "01E4C4CT6YDC7Y5M7FE1GWWPQJ"}, "mappingSet": mapping_set}
    return {
        "Mapping": row,
        "MappingSet": _object(
            {"outputSchema": output, "mappings": _list(row), "name": _TEXT}, example=mapping_set
        ),
        "Preview": _object({"data": {}, "mappingSet": {"type": "object"}}, example=preview),
        "Expression": _object({"expression": {}}, example={"expression": "lower(metric)"}),
    }


def _others() -> dict[str, Item]:
    wanted = _object({"name": _TEXT, "value": _TEXT, "groupBy": _FLAG})
    metric = _object({"name": _TEXT, "filters": _list(wanted), "aggregator": _TEXT})
    report = {
        "start": "2023-01-01T00:00:00.000Z",
        "end": "2023-01-02T00:00:00.000Z",
        "granularity": "hour",
        "metrics": [{"name": "timeseries.ingestion.dataset.recordsuccess.count", "filters": []}],
    }
    return {
        "Report": _object(
            {"start": _TEXT, "end": _TEXT, "granularity": _TEXT, "metrics": _list(metric)},
            example=report,
        ),
        "Sandbox": _object({"name": _TEXT, "title": _TEXT, "type": _TEXT, "action": _TEXT}),
    }
