"""
Data Prep: mapping sets and their versions, validation, preview, the language.

Source:
    developer.adobe.com, Data Prep API; adobe.md §6; ``customerio_mapping_request.json``.

Assumed:
    ``PUT``, and any change of a single mapping, makes the next version of the same id; ``DELETE``
    exists, because Adobe's own client calls it, and is refused while a flow uses the set; see
    docs/assumptions.md, "the emulated control plane".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from relay.emulator.compose import compiled, composed, find_part
from relay.emulator.fields import whole
from relay.emulator.gateway import Call, routes
from relay.emulator.ids import new_hex
from relay.emulator.json_answer import json_answer, no_content
from relay.emulator.language import OPERATORS, function_list
from relay.emulator.mapping_rows import stored_row, stored_set
from relay.emulator.problems import Service, bad_request, not_found, plain_problem
from relay.emulator.references import flows_using, mapping_at, mapping_schema
from relay.emulator.store import Item, Store
from relay.errors import MappingError, RelayError, SchemaError
from relay.mapping import MappingSet, compile_expression
from relay.mapping.rows import read_row

ROOT = "/data/foundation/conversion"
DEFAULT_LIMIT = 10
_CREATED = ("id", "version", "createdDate", "modifiedDate", "createdBy", "modifiedBy")


def data_prep_routes(store: Store) -> list[BaseRoute]:
    """Every path of Data Prep."""
    one = {"GET": _read, "PUT": _replace, "DELETE": _delete}
    row = {"GET": _read_row, "PUT": _replace_row, "DELETE": _delete_row}
    served: list[BaseRoute] = []
    for path, handlers in (
        ("mappingSets", {"GET": _list, "POST": _create}),
        ("mappingSets/validate", {"POST": _validate}),
        ("mappingSets/preview", {"POST": _preview}),
        ("mappingSets/{id}", one),
        ("mappingSets/{id}/mappings", {"GET": _rows, "POST": _add_row}),
        ("mappingSets/{id}/mappings/{row}", row),
        ("languages/el/functions", {"GET": _functions}),
        ("languages/el/operators", {"GET": _operators}),
        ("languages/el/validate", {"POST": _validate_expression}),
    ):
        served += routes(store, Service.DATA_PREP, f"{ROOT}/{path}", handlers)
    return served


def _list(call: Call) -> Response:
    limit = _number(call.query("limit", str(DEFAULT_LIMIT)), "limit")
    start = _number(call.query("start", "0"), "start")
    name = call.query("name")
    every = [item["versions"][-1] for item in call.sandbox.of("mappingSets").values()]
    every = [item for item in every if not name or item.get("name") == name]
    page = every[start : start + limit]
    links: Item = {}
    if start + len(page) < len(every):
        following = f"{ROOT}/mappingSets?limit={limit}&start={start + limit}"
        links["next"] = {"href": following}
    return json_answer(
        {"data": page, "_links": links, "_page": {"count": len(page), "limit": limit}}
    )


def _number(text: str, name: str) -> int:
    number = whole(text)
    if number is None:
        raise bad_request(Service.DATA_PREP, f"{name} must be a whole number")
    return number


def _create(call: Call) -> Response:
    body = call.object()
    now_ms = call.store.now_ms
    item = stored_set(call, body, id_=new_hex(32), version=0, created_ms=now_ms)
    _require_schema(call, item)
    call.sandbox.of("mappingSets")[item["id"]] = {"id": item["id"], "versions": [item]}
    return json_answer({key: item[key] for key in _CREATED})


def _require_schema(call: Call, item: Item) -> None:
    schema_id, _version = mapping_schema(item)
    if find_part(call.sandbox, schema_id) is None:
        raise bad_request(Service.DATA_PREP, f"The output schema {schema_id} was not found")


def _found(call: Call) -> Item:
    """The set's latest version."""
    item = mapping_at(call.sandbox, call.id(), None)
    if item is None:
        raise not_found(Service.DATA_PREP, "mapping set", call.id())
    return item


def _read(call: Call) -> Response:
    latest = _found(call)
    if not call.query("version"):
        found = latest
    else:
        version = _number(call.query("version"), "version")
        at = mapping_at(call.sandbox, call.id(), version)
        if at is None:
            raise not_found(Service.DATA_PREP, "mapping set", f"{call.id()} version {version}")
        found = at
    if call.query("expandSchema").lower() == "true":
        document = composed(call.sandbox, mapping_schema(found)[0])
        found = {**found, "outputSchema": {**found["outputSchema"], "jsonSchema": document}}
    return json_answer(found)


def _replace(call: Call) -> Response:
    latest, body = _found(call), call.object()
    return json_answer(_appended(call, latest, {"outputSchema": latest["outputSchema"], **body}))


def _appended(call: Call, latest: Item, body: Item) -> Item:
    """Add the next version."""
    item = stored_set(
        call,
        body,
        id_=latest["id"],
        version=latest["version"] + 1,
        created_ms=latest["createdDate"],
    )
    _require_schema(call, item)
    call.sandbox.of("mappingSets")[latest["id"]]["versions"].append(item)
    return item


def _delete(call: Call) -> Response:
    latest = _found(call)
    users = flows_using(call.sandbox, "mappingSets", latest["id"])
    if users:
        detail = f"The mapping set is used by dataflows: {', '.join(users)}"
        raise plain_problem(400, "BadRequestError", detail)
    del call.sandbox.of("mappingSets")[latest["id"]]
    return no_content()


def _rows(call: Call) -> Response:
    return json_answer(_found(call)["mappings"])


def _row_at(call: Call, latest: Item) -> int:
    for at, row in enumerate(latest["mappings"]):
        if row["id"] == call.id("row"):
            return at
    raise not_found(Service.DATA_PREP, "mapping", call.id("row"))


def _read_row(call: Call) -> Response:
    latest = _found(call)
    return json_answer(latest["mappings"][_row_at(call, latest)])


def _add_row(call: Call) -> Response:
    latest, body = _found(call), call.object()
    row = stored_row(call, len(latest["mappings"]) + 1, body)
    _with_rows(call, latest, [*latest["mappings"], row])
    return json_answer(row)


def _replace_row(call: Call) -> Response:
    latest, body = _found(call), call.object()
    at = _row_at(call, latest)
    old = latest["mappings"][at]
    row = stored_row(call, at + 1, body)
    row |= {"id": old["id"], "version": old["version"] + 1, "createdDate": old["createdDate"]}
    rows = list(latest["mappings"])
    rows[at] = row
    _with_rows(call, latest, rows)
    return json_answer(row)


def _delete_row(call: Call) -> Response:
    latest = _found(call)
    at = _row_at(call, latest)
    rows = [row for number, row in enumerate(latest["mappings"]) if number != at]
    if not rows:
        raise bad_request(Service.DATA_PREP, "A mapping set needs at least one mapping")
    _with_rows(call, latest, rows)
    return no_content()


def _with_rows(call: Call, latest: Item, rows: list[Item]) -> None:
    item = {
        **latest,
        "version": latest["version"] + 1,
        "modifiedDate": call.store.now_ms,
        "modifiedBy": call.user,
        "mappings": rows,
    }
    call.sandbox.of("mappingSets")[latest["id"]]["versions"].append(item)


def _validate(call: Call) -> Response:
    rows = call.object().get("mappings")
    if not isinstance(rows, list):
        raise bad_request(Service.DATA_PREP, "The field mappings must be a list")
    return json_answer({"validationResponse": [_checked(n, row) for n, row in enumerate(rows, 1)]})


def _checked(number: int, raw: Any) -> Item:
    try:
        read_row(number, raw)
    except MappingError as error:
        return {"status": "FAILED", "errors": [_error_info(raw, str(error))]}
    return {"status": "SUCCESS", "errors": None}


def _error_info(raw: Any, exception: str) -> Item:
    row = raw if isinstance(raw, Mapping) else {}
    source = row.get("source") or row.get("sourceAttribute")
    destination = row.get("destination") or row.get("destinationXdmPath")
    return {
        "destination": destination,
        "exception": exception,
        "source": source,
        "columnName": destination,
        "sourceType": row.get("sourceType", "ATTRIBUTE"),
    }


def _preview(call: Call) -> Response:
    """
    Map sample data: ``{"data": {…} | […], "mappingSet": {…}}`` to ``{"data": …, "errors": […]}``.

    Assumed: a set without a schema that is known is previewed without its types.
    """
    body = call.object()
    data, document = body.get("data"), body.get("mappingSet")
    if not isinstance(document, dict):
        raise bad_request(Service.DATA_PREP, "The field mappingSet must be an object")
    try:
        schema = compiled(call.sandbox, mapping_schema(document)[0])
        mapping = MappingSet.from_json(document)
    except (MappingError, SchemaError) as error:
        raise bad_request(Service.DATA_PREP, str(error)) from None
    apply = mapping.bound(schema).apply
    events = data if isinstance(data, list) else [data]
    errors: list[Item] = []
    records = []
    for event in events:
        if not isinstance(event, dict):
            raise bad_request(Service.DATA_PREP, "The field data must be an object or a list")
        mapped = apply(event)
        records.append(mapped.record)
        errors += [
            {
                "destination": warning.row.destination,
                "exception": warning.detail,
                "source": warning.row.source,
                "columnName": warning.row.destination,
                "sourceType": str(warning.row.source_type),
            }
            for warning in mapped.warnings
        ]
    return json_answer(
        {"data": records if isinstance(data, list) else records[0], "errors": errors}
    )


def _functions(_call: Call) -> Response:
    return json_answer(function_list())


def _operators(_call: Call) -> Response:
    return json_answer(OPERATORS)


def _validate_expression(call: Call) -> Response:
    """
    Say whether an expression parses: ``{"expression": "concat(…)"}``.

    The documents' example wraps it once more; both are taken.
    """
    source: Any = call.object().get("expression")
    if isinstance(source, dict):
        source = source.get("expression")
    if not isinstance(source, str) or not source:
        raise bad_request(Service.DATA_PREP, "The field expression is required")
    try:
        compile_expression(source)
    except RelayError:
        return json_answer(False)
    return json_answer(True)
