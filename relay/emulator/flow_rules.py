"""
What Flow Service checks before it makes a connection or a flow.

Source:
    ``flow-service-error-codes.tsv``; adobe.md §3.5 (connector errors 1306 to 1332), §1.7.

Assumed:
    Which of the two catalogues' codes is used for what; that connections are checked when they
    are made and references between them when the flow is; see docs/assumptions.md, "the emulated
    control plane".
"""

from __future__ import annotations

from typing import Any

from relay.emulator.flow_specs import (
    CUSTOMERIO,
    DATA_LAKE,
    FLOW_SPEC_SOURCES,
    GENERIC_STREAMING,
    HTTP_API,
    HTTP_API_PLAIN,
    connection_specs,
)
from relay.emulator.problems import Refused, flow_problem
from relay.emulator.references import (
    dataset_id_of,
    dataset_of,
    mapping_at,
    mapping_of,
    mapping_schema,
    schema_reference,
)
from relay.emulator.store import Item, Sandbox

STREAMING_FORMATS = frozenset({"json", "json_flattened", "xdm", "parquet", "delimited"})
_NEEDS_OBJECT = ("data", "params", "auth", "options", "inheritedAttributes", "scheduleParams")


def check(kind: str, sandbox: Sandbox, body: Item) -> None:
    """
    Check the *body* of a creation, or what a patch made of one.

    Raises:
        Refused: with the code of the error table.
    """
    check_shape(body)
    _text(body, "name")
    match kind:
        case "connections":
            _base(body)
        case "sourceConnections":
            _source(sandbox, body)
        case "targetConnections":
            _target(body)
        case _:
            _flow(sandbox, body)


def check_shape(body: Any) -> None:
    """
    Check what even a draft must keep to.

    Raises:
        Refused: the body is empty, not an object, or a part has the wrong type.
    """
    if not isinstance(body, dict) or not body:
        raise flow_problem("1405-400", "The request body cannot be null or empty")
    if "state" in body:
        raise flow_problem("1410-400", "State is not allowed in the create flow request")
    for name in _NEEDS_OBJECT:
        if name in body and not isinstance(body[name], dict):
            raise flow_problem("1100-400", f'The field "{name}" must be an object')
    for name in ("name", "description"):
        if name in body and not isinstance(body[name], str):
            raise flow_problem("1100-400", f'The field "{name}" must be a string')


def _missing(name: str) -> Refused:
    return flow_problem("1455-400", f'validation error: Missing field "{name}"')


def _text(body: Item, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise _missing(name)
    return value


def _spec(body: Item, name: str) -> str:
    spec = body.get(name)
    if not isinstance(spec, dict):
        raise _missing(name)
    return _text(spec, "id")


def _connection_spec(body: Item) -> str:
    id_ = _spec(body, "connectionSpec")
    if id_ not in {spec["id"] for spec in connection_specs()}:
        raise flow_problem("1413-400", f"The connection spec ID {id_} is invalid")
    return id_


def _base(body: Item) -> None:
    spec = _connection_spec(body)
    if spec != HTTP_API:
        return
    auth = body.get("auth")
    if not isinstance(auth, dict) or not isinstance(auth.get("params"), dict):
        raise _missing("auth.params")
    if auth.get("specName") != "Streaming Connection":
        raise flow_problem("1415-400", f"No auth spec of that name in connection spec {spec}")
    if auth["params"].get("dataType", "xdm") not in {"raw", "xdm"}:
        raise flow_problem("1100-400", 'auth.params.dataType must be "raw" or "xdm"')


def _source(sandbox: Sandbox, body: Item) -> None:
    spec = _connection_spec(body)
    base = body.get("baseConnectionId")
    if spec in {CUSTOMERIO, GENERIC_STREAMING}:
        if base is not None:
            raise flow_problem(
                "1332-400",
                f"The source connection request with connectionSpecId {spec} cannot have a "
                "baseConnectionId",
            )
        if _format(body) != "json":
            raise flow_problem("1327-400", "The source format is not supported: expected json")
    elif spec == HTTP_API:
        if not isinstance(base, str):
            raise _missing("baseConnectionId")
        if base not in sandbox.of("connections"):
            raise flow_problem("1101-404", f"The connection {base} does not exist")


def _format(body: Item) -> Any:
    data = body.get("data")
    if not isinstance(data, dict):
        raise _missing("data")
    return data.get("format")


def _target(body: Item) -> None:
    spec = _connection_spec(body)
    if spec != DATA_LAKE:
        raise flow_problem("1306-400", f"The target connection spec must be {DATA_LAKE}")
    if _format(body) not in STREAMING_FORMATS:
        raise flow_problem("1327-400", "The target format is not supported")
    if not dataset_id_of(body):
        raise flow_problem("1325-400", "The dataSetId is missing in the target connection params")


def _flow(sandbox: Sandbox, body: Item) -> None:
    spec = _spec(body, "flowSpec")
    if spec not in FLOW_SPEC_SOURCES:
        raise flow_problem("1413-400", f"The flow spec ID {spec} is invalid")
    source = _one(sandbox, body, "sourceConnectionIds", "sourceConnections")
    target = _one(sandbox, body, "targetConnectionIds", "targetConnections")
    if source["connectionSpec"]["id"] not in FLOW_SPEC_SOURCES[spec]:
        raise flow_problem(
            "1413-400", f"The flow spec {spec} does not take this source connection"
        )
    dataset = dataset_of(sandbox, body)
    if dataset is None:
        raise flow_problem("1101-404", f"The dataset {dataset_id_of(target)} does not exist")
    _transformations(sandbox, body, spec, dataset)


def _one(sandbox: Sandbox, body: Item, name: str, kind: str) -> Item:
    ids = body.get(name)
    if ids is None:
        raise flow_problem("1320-400", f"The {name} cannot be null")
    if not isinstance(ids, list) or len(ids) != 1:
        raise flow_problem("1321-400", f"The length of {name} must be one")
    found = sandbox.of(kind).get(str(ids[0]))
    if found is None or found.get("state") == "draft":
        raise flow_problem("1101-404", f"The {kind} resource {ids[0]} does not exist")
    return found


def _transformations(sandbox: Sandbox, body: Item, spec: str, dataset: Item) -> None:
    steps = body.get("transformations")
    if spec == HTTP_API_PLAIN:
        return
    if not isinstance(steps, list) or not steps:
        raise flow_problem("1328-400", "The mapping transformation cannot be null")
    for step in steps:
        if not isinstance(step, dict) or step.get("name") != "Mapping":
            raise flow_problem("1328-400", 'The name of a transformation must be "Mapping"')
    id_, version = mapping_of(body)
    if mapping_at(sandbox, id_, None) is None:
        detail = f"Error while validating mapping with id {id_}, version {version}"
        raise flow_problem("1419-400", detail)
    mapping = mapping_at(sandbox, id_, -1 if version is None else version)
    if mapping is None:
        raise flow_problem("1412-400", "Invalid Mapping Version")
    if mapping_schema(mapping) != schema_reference(dataset.get("schemaRef")):
        raise flow_problem(
            "1425-400",
            "The schema in the target dataset does not match the schema in the mapping: "
            "id and version must be the same",
        )
