"""
The connection and flow specs that every sandbox has.

Source:
    ``connectionspec_generic_streaming.json``, ``flowspec_generic_streaming.json``; ids of the
    tutorial and of the HTTP API source from adobe.md §1.7 and §2.

The data lake's name is the one that Adobe's own client looks for (adobe/aepp, flowservice.py).

Assumed:
    The specs of Customer.io, the HTTP API and the data lake have the generic one's shape.
"""

from __future__ import annotations

from typing import Any

Item = dict[str, Any]

PROVIDER = "521eee4d-8cbe-4906-bb48-fb6bd4450033"
CUSTOMERIO = "96479064-7b8a-4d69-b9ed-21c5683837ea"
GENERIC_STREAMING = "bdb5b792-451b-42de-acf8-15f3195821de"
HTTP_API = "bc7b00d6-623a-4dfc-9fdb-f1240aeadaeb"
DATA_LAKE = "c604ff05-7f1a-43c0-8e18-33bf874cb11c"

STREAMING_FLOW = "e77fde5a-22a8-11ed-861d-0242ac120002"
HTTP_API_MAPPED = "c1a19761-d2c7-4702-b9fa-fe91f0613e81"
HTTP_API_PLAIN = "d8a6f005-7eaf-4153-983e-e8574508b877"

FLOW_SPEC_SOURCES = {
    STREAMING_FLOW: frozenset({CUSTOMERIO, GENERIC_STREAMING}),
    HTTP_API_MAPPED: frozenset({HTTP_API}),
    HTTP_API_PLAIN: frozenset({HTTP_API}),
}


def connection_specs() -> list[Item]:
    """List the connection specs."""
    return [
        _source(CUSTOMERIO, "customerio", "Customer.io", "Marketing automation"),
        _source(GENERIC_STREAMING, "generic-streaming", "Generic", "Streaming"),
        _source(HTTP_API, "streaming", "HTTP API", "Streaming")
        | {"authSpec": [_streaming_auth()]},
        {
            "id": DATA_LAKE,
            "name": "datalake",
            "type": "datalake",
            "providerId": PROVIDER,
            "version": "1.0",
            "attributes": {"isTarget": True},
            "permissionsInfo": _permissions("DataLake"),
        },
    ]


def flow_specs() -> list[Item]:
    """List the flow specs."""
    return [
        _flow(STREAMING_FLOW, "GenericStreamingAEP", [CUSTOMERIO, GENERIC_STREAMING]),
        _flow(HTTP_API_MAPPED, "Steam data with transformation", [HTTP_API]),
        _flow(HTTP_API_PLAIN, "Steam data without transformation", [HTTP_API], is_mapped=False),
    ]


def _source(id_: str, name: str, label: str, category: str) -> Item:
    return {
        "id": id_,
        "name": name,
        "type": name,
        "providerId": PROVIDER,
        "version": "1.0",
        "authSpec": [],
        "sourceSpec": {
            "attributes": {
                "authRequired": False,
                "uiAttributes": {
                    "isSource": True,
                    "monitoringSupported": False,
                    "category": {"key": category.lower()},
                    "icon": {"key": label},
                    "description": {"text": f"{label} Connector"},
                    "label": {"text": label},
                    "frequency": {"text": "streaming"},
                },
            }
        },
        "exploreSpec": {"type": "StreamingConnection"},
        "attributes": {
            "category": category,
            "isSource": True,
            "uiAttributes": {"apiFeatures": {"updateSupported": False}},
        },
        "permissionsInfo": _permissions("StreamingSource"),
    }


def _streaming_auth() -> Item:
    return {
        "name": "Streaming Connection",
        "type": "StreamingConnection",
        "spec": {
            "type": "object",
            "properties": {
                "sourceId": {"type": "string"},
                "dataType": {"type": "string", "enum": ["xdm", "raw"]},
                "name": {"type": "string"},
                "authenticationRequired": {"type": "boolean", "default": False},
            },
            "required": ["name"],
        },
    }


def _permissions(name: str) -> Item:
    return {
        action: [{"@type": "lowLevel", "name": name, "permissions": [permission]}]
        for action, permission in (("view", "read"), ("manage", "write"))
    }


def _flow(id_: str, name: str, sources: list[str], *, is_mapped: bool = True) -> Item:
    mapping = {
        "name": "Mapping",
        "spec": {
            "type": "object",
            "properties": {
                "mappingId": {"type": "string"},
                "mappingVersion": {"type": "string"},
            },
        },
    }
    return {
        "id": id_,
        "name": name,
        "providerId": PROVIDER,
        "version": "1.0",
        "sourceConnectionSpecIds": sources,
        "targetConnectionSpecIds": [DATA_LAKE],
        "optionSpec": {"name": "OptionSpec", "spec": _option_spec()},
        "transformationSpecs": [mapping] if is_mapped else [],
        "attributes": {
            "isSourceFlow": True,
            "flacValidationSupported": True,
            "frequency": "streaming",
            "uiAttributes": {"apiFeatures": {"updateSupported": True, "flowRunsSupported": True}},
        },
        "permissionsInfo": _permissions("StreamingSource"),
    }


def _option_spec() -> Item:
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "errorDiagnosticsEnabled": {"type": "boolean", "default": False},
            "partialIngestionPercent": {"type": "number", "exclusiveMinimum": 0},
            "inletUrl": {
                "title": "Inlet Url.",
                "description": "Inlet Url which defines the streaming endpoint.",
                "type": "string",
            },
        },
    }
