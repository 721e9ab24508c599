"""
Catalog: data sets and batches, as maps keyed by id.

Source:
    developer.adobe.com, Catalog Service API; AdobeDocs/experience-platform.en, help/catalog/api/;
    adobe.md §5; ``catalog_batch_with_errors.json``, ``gateway_errors.json``.

Assumed:
    The error form; the default of 20 objects a page and the maximum of 100; that a data set which
    a flow uses is refused with 400; see docs/assumptions.md, "the emulated control plane".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from relay.emulator.compose import find_part
from relay.emulator.fields import order_key, text_of, values_at, whole
from relay.emulator.gateway import Call, routes
from relay.emulator.ids import new_hex
from relay.emulator.json_answer import json_answer
from relay.emulator.json_patch import PatchError, apply_patch
from relay.emulator.problems import Service, bad_request, not_found, plain_problem
from relay.emulator.references import flows_using, schema_reference
from relay.emulator.runs import Runs
from relay.emulator.store import Item, Store, shown
from relay.emulator.xdm_parts import TIME_SERIES

ROOT = "/data/foundation/catalog"
DEFAULT_LIMIT = 20
MAX_LIMIT = 100

_PAGING = frozenset({"limit", "start", "offset", "orderBy", "orderby", "properties", "property"})
_SYSTEM = (
    "id",
    "version",
    "imsOrg",
    "sandboxId",
    "created",
    "createdClient",
    "createdUser",
    "files",
    "viewId",
)
_PATCH_TYPE = "application/json-patch+json"


class CatalogApi:
    """The handlers of data sets and batches."""

    def __init__(self, store: Store, runs: Runs) -> None:
        self._store = store
        self._runs = runs

    def routes(self) -> list[BaseRoute]:
        """Every path of Catalog."""
        many = {"GET": self._datasets, "POST": self._create}
        one = {
            "GET": self._dataset, "PATCH": self._patch, "PUT": self._put, "DELETE": self._delete,
        }  # fmt: skip
        served: list[BaseRoute] = []
        for path, handlers in (
            ("dataSets", many),
            ("dataSets/{id}", one),
            ("v2/dataSets/{id}", {"PATCH": self._patch}),
            ("batches", {"GET": self._batches}),
            ("batches/{id}", {"GET": self._batch}),
        ):
            served += routes(self._store, Service.CATALOG, f"{ROOT}/{path}", handlers)
        return served

    def _datasets(self, call: Call) -> Response:
        page = _page(call, call.sandbox.of("dataSets").values(), _dataset_filter)
        return json_answer({id_: _shown(item) for id_, item in page.items()})

    def _dataset(self, call: Call) -> Response:
        item = _found(call)
        return json_answer({item["id"]: _shown(item)})

    def _create(self, call: Call) -> Response:
        body = call.object()
        _check(call, body)
        now_ms, id_ = call.store.now_ms, new_hex(24)
        item: Item = {
            "id": id_,
            "version": "1.0.0",
            "imsOrg": call.sandbox.org_id,
            "sandboxId": call.sandbox.id,
            **{key: value for key, value in body.items() if key not in _SYSTEM},
            "created": now_ms,
            "updated": now_ms,
            "createdClient": call.client_id,
            "createdUser": call.user,
            "updatedUser": call.user,
            "viewId": new_hex(24),
            "files": f"@/dataSetFiles?dataSetId={id_}",
            "observableSchema": {},
            "classification": {"dataBehavior": _behavior(call, body), "managedBy": "CUSTOMER"},
        }
        item["tags"] = {"adobe/pqs/table": [_table_name(item)], **item.get("tags", {})}
        call.sandbox.of("dataSets")[id_] = item
        return json_answer([f"@/dataSets/{id_}"], 201, {"Location": f"{ROOT}/dataSets/{id_}"})

    def _patch(self, call: Call) -> Response:
        item, body = _found(call), call.json()
        content_type = call.request.headers.get("content-type", "")
        if content_type.startswith(_PATCH_TYPE) or isinstance(body, list):
            try:
                changed = apply_patch(item, body)
            except PatchError as error:
                raise bad_request(Service.CATALOG, error.message) from None
        elif isinstance(body, dict):
            changed = _merged(item, body)
        else:
            raise bad_request(Service.CATALOG, "The request body must be an object or a patch")
        return _stored(call, item, changed)

    def _put(self, call: Call) -> Response:
        item, body = _found(call), call.object()
        kept = {key: item[key] for key in (*_SYSTEM, "observableSchema") if key in item}
        return _stored(call, item, {**body, **kept})

    def _delete(self, call: Call) -> Response:
        item = _found(call)
        users = flows_using(call.sandbox, "dataSets", item["id"])
        if users:
            raise plain_problem(
                400, "BadRequestError", f"The dataset is used by dataflows: {', '.join(users)}"
            )
        del call.sandbox.of("dataSets")[item["id"]]
        call.sandbox.of("records").pop(item["id"], None)
        return json_answer([f"@/dataSets/{item['id']}"])

    def _batches(self, call: Call) -> Response:
        batches = self._runs.batches(call.sandbox)
        return json_answer(_page(call, batches, _batch_filter))

    def _batch(self, call: Call) -> Response:
        for batch in self._runs.batches(call.sandbox):
            if batch["id"] == call.id():
                return json_answer({batch["id"]: batch})
        raise not_found(Service.CATALOG, "batch", call.id())


def _found(call: Call) -> Item:
    item = call.sandbox.of("dataSets").get(call.id())
    if item is None:
        raise not_found(Service.CATALOG, "dataset", call.id())
    return item


def _shown(item: Item) -> Item:
    return {key: value for key, value in shown(item).items() if key != "id"}


def _stored(call: Call, item: Item, changed: Item) -> Response:
    _check(call, changed, item)
    for key in _SYSTEM:
        if key in item:
            changed[key] = item[key]
    changed["version"] = _following(str(item["version"]))
    changed["updated"], changed["updatedUser"] = call.store.now_ms, call.user
    call.sandbox.of("dataSets")[item["id"]] = changed
    return json_answer([f"@/dataSets/{item['id']}"])


def _following(version: str) -> str:
    head, _, patch = version.rpartition(".")
    return f"{head}.{int(patch) + 1}"


def _check(call: Call, body: Item, was: Item | None = None) -> None:
    """
    Refuse a data set that Catalog would not take; *was* is what a change begins with.

    Assumed:
        Only a changed schema is looked up: a data set whose schema is gone can be renamed.
    """
    name = body.get("name", "")
    if not isinstance(name, str):
        raise bad_request(Service.CATALOG, "The field name must be text")
    for key in ("tags", "fileDescription"):
        if not isinstance(body.get(key, {}), dict):
            raise bad_request(Service.CATALOG, f"The field {key} must be an object")
    reference = body.get("schemaRef")
    if not isinstance(reference, dict):
        raise bad_request(Service.CATALOG, "The field schemaRef is required")
    if was is not None and reference == was.get("schemaRef"):
        return
    id_, _version = schema_reference(reference)
    if find_part(call.sandbox, id_) is None:
        raise bad_request(Service.CATALOG, f"The schema {id_} was not found")


def _behavior(call: Call, body: Item) -> str:
    """
    Name the behaviour of the data set's schema.

    Source: what Adobe's own client reads (adobe/aepp, catalog.py, getDatasetsInfos).
    """
    part = find_part(call.sandbox, schema_reference(body["schemaRef"])[0]) or {}
    return "time-series" if TIME_SERIES in (part.get("meta:extends") or []) else "record"


def _table_name(item: Item) -> str:
    name = "".join(c if c.isalnum() and c.isascii() else "_" for c in str(item.get("name", "")))
    return name.lower() or "dataset"


def _merged(old: Any, new: Any) -> Any:
    """Lay *new* over *old*: objects member by member; null takes a member away."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    merged = dict(old)
    for key, value in new.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged.get(key), value)
    return merged


Takes = Callable[[Item, str, str], bool]


def _page(call: Call, items: Iterable[Item], takes: Takes) -> Mapping[str, Item]:
    """Filter, order and cut *items*: a map keyed by id."""
    query = call.request.query_params
    chosen = [item for item in items if _matches(item, query.multi_items(), takes)]
    direction, _, names = (query.get("orderBy") or query.get("orderby") or "").partition(":")
    if direction not in {"", "asc", "desc"}:
        raise bad_request(Service.CATALOG, "orderBy reads asc:name or desc:created")
    for name in reversed((names or "created").split(",")):
        chosen.sort(key=_order_by(name), reverse=direction == "desc")
    start = _number(call, query.get("start") or query.get("offset") or "0")
    limit = _number(call, query.get("limit") or str(DEFAULT_LIMIT))
    if not 1 <= limit <= MAX_LIMIT:
        raise bad_request(Service.CATALOG, f"limit must be between 1 and {MAX_LIMIT}")
    wanted = [name for name in query.get("properties", "").split(",") if name]
    page = {item["id"]: item for item in chosen[start : start + limit]}
    if wanted:
        return {id_: {k: v for k, v in item.items() if k in wanted} for id_, item in page.items()}
    return page


def _order_by(name: str) -> Callable[[Item], tuple[int, float, str]]:
    return lambda item: order_key(item.get(name))


def _number(call: Call, text: str) -> int:
    number = whole(text)
    if number is None:
        raise bad_request(call.service, f"A whole number is expected, not {text}")
    return number


def _matches(item: Item, pairs: Iterable[tuple[str, str]], takes: Takes) -> bool:
    for name, value in pairs:
        if name == "property":
            if not _takes_property(item, value):
                return False
        elif name not in _PAGING and not takes(item, name, value):
            return False
    return True


def _takes_property(item: Item, text: str) -> bool:
    """
    Take ``property=name==x`` or ``property=name`` (it is there).

    Source: AdobeDocs/experience-platform.en, help/catalog/api/filter-data.md.
    """
    for operator in ("==", "!=", "="):
        name, found, value = text.partition(operator)
        if found:
            has = value in {text_of(each) for each in values_at(item, name)}
            return not has if operator == "!=" else has
    return bool(values_at(item, text))


def _dataset_filter(item: Item, name: str, value: str) -> bool:
    if name == "requestDataSource":
        return True
    return value in {text_of(each) for each in values_at(item, name)}


def _batch_filter(item: Item, name: str, value: str) -> bool:
    match name:
        case "dataSet":
            return value in {related["id"] for related in item["relatedObjects"]}
        case "createdAfter":
            return bool(item["created"] > (whole(value) or 0))
        case "createdBefore":
            return bool(item["created"] < (whole(value) or 0))
        case "batch":
            return bool(item["id"] == value)
        case _:
            return value in {text_of(each) for each in values_at(item, name)}
