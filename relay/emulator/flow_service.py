"""
Flow Service: base, source and target connections, flows and their actions.

Source:
    developer.adobe.com, Flow Service API; adobe.md §3; ``flow_get.json``, ``flow_errors.json``.
"""

from __future__ import annotations

from copy import deepcopy
from urllib.parse import parse_qsl

from starlette.responses import Response
from starlette.routing import BaseRoute

from relay.emulator import flow_specs
from relay.emulator.fields import text_of
from relay.emulator.filters import read_listing
from relay.emulator.flow_life import INLET, FlowLife
from relay.emulator.flow_rules import check, check_shape
from relay.emulator.gateway import Call, Handler, routes
from relay.emulator.ids import new_etag, new_hex, new_uuid
from relay.emulator.json_answer import json_answer, no_content
from relay.emulator.json_patch import PatchError, apply_patch, paths_of
from relay.emulator.problems import Service, flow_problem, not_found
from relay.emulator.references import flows_using
from relay.emulator.store import Item, Store, shown

ROOT = "/data/foundation/flowservice"
_SEARCHED = ("connections", "flows")
KINDS = ("connections", "sourceConnections", "targetConnections", "flows")

_CHANGEABLE = frozenset({"enabled", "disabled", "initializing", "draft"})
_FIXED = frozenset(
    {"id", "etag", "version", "state", "createdAt", "updatedAt", "imsOrgId", "sandboxId"}
)
_AUDIT = (
    "id", "createdAt", "updatedAt", "createdBy", "updatedBy", "createdClient", "updatedClient",
    "sandboxId", "sandboxName", "imsOrgId", "etag", "version", "lastOperation", "runs",
)  # fmt: skip
_KNOWN_ACTIONS = frozenset({"enable", "disable", "publish", "finalize", "finalize_update"})


class FlowServiceApi:
    """The handlers of connections and flows."""

    def __init__(self, store: Store, life: FlowLife) -> None:
        self._store = store
        self._life = life

    def routes(self) -> list[BaseRoute]:
        """Every path of connections, flows and specs."""
        served: list[BaseRoute] = []
        for kind in KINDS:
            many = {"GET": self._lister(kind), "POST": self._creator(kind)}
            one = {
                "GET": self._reader(kind),
                "PATCH": self._patcher(kind),
                "DELETE": self._deleter(kind),
            }
            served += routes(self._store, Service.FLOW, f"{ROOT}/{kind}", many)
            if kind in _SEARCHED:
                search = {"POST": self._searcher(kind)}
                served += routes(self._store, Service.FLOW, f"{ROOT}/{kind}/search", search)
            served += routes(self._store, Service.FLOW, f"{ROOT}/{kind}/{{id}}", one)
            action = {"POST": self._action if kind == "flows" else self._publisher(kind)}
            served += routes(self._store, Service.FLOW, f"{ROOT}/{kind}/{{id}}/action", action)
        test = {"GET": _test}
        served += routes(self._store, Service.FLOW, f"{ROOT}/connections/{{id}}/test", test)
        for kind in ("connectionSpecs", "flowSpecs"):
            many = {"GET": _spec_lister(kind), "POST": _refuse_spec}
            one = {"GET": _spec_reader(kind), "PUT": _refuse_spec, "DELETE": _refuse_spec}
            served += routes(self._store, Service.FLOW, f"{ROOT}/{kind}", many)
            served += routes(self._store, Service.FLOW, f"{ROOT}/{kind}/{{id}}", one)
        return served

    def _lister(self, kind: str) -> Handler:
        def handler(call: Call) -> Response:
            self._life.settle(call.sandbox)
            listing = read_listing(kind, call.request.query_params.multi_items())
            items = [_rendered(call, kind, item) for item in call.sandbox.of(kind).values()]
            return json_answer(listing.answer(items))

        return handler

    def _searcher(self, kind: str) -> Handler:
        """
        List by a body instead of a query: ``{"queryString": "property=name==x", "limit": 5}``.

        Assumed: ``queryString`` is the list's query; no document shows one.
        """

        def handler(call: Call) -> Response:
            self._life.settle(call.sandbox)
            listing = read_listing(kind, _query_of(call.object()))
            items = [_rendered(call, kind, item) for item in call.sandbox.of(kind).values()]
            return json_answer(listing.answer(items))

        return handler

    def _creator(self, kind: str) -> Handler:
        def handler(call: Call) -> Response:
            body = call.json()
            is_draft = call.query("mode").lower() == "draft"
            check_shape(body)
            if not is_draft:
                check(kind, call.sandbox, body)
            item = _made(call, kind, body)
            if is_draft:
                item["state"] = "draft"
            else:
                self._begin(call, kind, item)
            call.sandbox.of(kind)[item["id"]] = item
            location = {"Location": f"{ROOT}/{kind}/{item['id']}"} if kind == "flows" else None
            return json_answer(_versioned(item), 201, location)

        return handler

    def _begin(self, call: Call, kind: str, item: Item) -> None:
        """Bring what was made, or published, to life."""
        if kind == "flows":
            item["inheritedAttributes"] = _inherited(call, item)
            self._life.start(item, "initializing")
            return
        item["state"] = "enabled"
        if kind == "connections" and item["connectionSpec"]["id"] == flow_specs.HTTP_API:
            item[INLET] = new_hex(64)
            self._life.open_base(call.sandbox, item)

    def _reader(self, kind: str) -> Handler:
        def handler(call: Call) -> Response:
            item = self._found(call, kind)
            return json_answer({"items": [_rendered(call, kind, item)]})

        return handler

    def _patcher(self, kind: str) -> Handler:
        def handler(call: Call) -> Response:
            item = self._found(call, kind)
            _require_etag(call, item)
            _require_changeable(item, "Update")
            operations = call.json()
            changed = _patched(item, operations)
            if item["state"] != "draft":
                check(kind, call.sandbox, {k: v for k, v in changed.items() if k != "state"})
            call.sandbox.of(kind)[item["id"]] = changed
            changed["updatedBy"], changed["updatedClient"] = call.user, call.client_id
            self._life.touch(changed, "update")
            if kind == "flows":
                self._after_patch(call, changed, operations)
            return json_answer(_versioned(changed))

        return handler

    def _after_patch(self, call: Call, flow: Item, operations: object) -> None:
        if flow["state"] == "draft":
            return
        flow["inheritedAttributes"] = _inherited(call, flow)
        touches_data = any(
            not path.startswith(("/name", "/desc")) for path in paths_of(operations)
        )
        if flow["state"] == "enabled" and touches_data:
            self._life.start(flow, "updating")
        self._life.announce(call.sandbox, flow)

    def _deleter(self, kind: str) -> Handler:
        def handler(call: Call) -> Response:
            item = self._found(call, kind)
            users = flows_using(call.sandbox, kind, item["id"])
            if users and kind == "connections":
                raise flow_problem(
                    "1418-400",
                    f"The base connection is used in one or more flows: {', '.join(users)}. "
                    "Delete the flows first.",
                )
            if users:
                raise flow_problem(
                    "1447-400",
                    f"Found active flows containing id {item['id']}: {', '.join(users)}",
                )
            _require_changeable(item, "Delete")
            del call.sandbox.of(kind)[item["id"]]
            self._life.close(item)
            return no_content()

        return handler

    def _action(self, call: Call) -> Response:
        flow = self._found(call, "flows")
        operation = call.query("op").lower()
        if operation not in _KNOWN_ACTIONS:
            raise flow_problem("1435-400", f"Unsupported action {call.query('op') or 'null'}")
        state = flow["state"]
        match operation:
            case "disable":
                if state != "enabled":
                    detail = f"The action disable cannot be applied on current state {state}"
                    raise flow_problem("1422-400", detail)
                self._life.stop(call.sandbox, flow)
            case "enable":
                self._enable(call, flow)
            case "publish":
                self._publish(call, "flows", flow)
            case _:
                raise flow_problem("1402-400", f"The action {operation} is for providers only")
        return json_answer(_versioned(flow))

    def _enable(self, call: Call, flow: Item) -> None:
        state = flow["state"]
        if state == "enabled":
            return
        if state != "disabled":
            detail = f"The action enable cannot be applied on current state {state}"
            raise flow_problem("1422-400", detail)
        check("flows", call.sandbox, {k: v for k, v in flow.items() if k != "state"})
        self._life.start(flow, "enabling")
        self._life.touch(flow, "enable")
        self._life.announce(call.sandbox, flow)

    def _publisher(self, kind: str) -> Handler:
        def handler(call: Call) -> Response:
            item = self._found(call, kind)
            if call.query("op").lower() != "publish":
                raise flow_problem("1435-400", f"Unsupported action {call.query('op') or 'null'}")
            self._publish(call, kind, item)
            return json_answer(_versioned(item))

        return handler

    def _publish(self, call: Call, kind: str, item: Item) -> None:
        if item["state"] != "draft":
            raise flow_problem("1444-400", f"The {kind} resource is not in state draft")
        check(kind, call.sandbox, {k: v for k, v in item.items() if k != "state"})
        self._begin(call, kind, item)
        self._life.touch(item, "create")

    def _found(self, call: Call, kind: str) -> Item:
        self._life.settle(call.sandbox)
        item = call.sandbox.of(kind).get(call.id())
        if item is None:
            raise not_found(Service.FLOW, kind, call.id())
        return item


def _query_of(body: Item) -> list[tuple[str, str]]:
    pairs = parse_qsl(str(body.get("queryString", "")))
    return pairs + [
        (name, text_of(body[name])) for name in ("limit", "orderby", "count") if name in body
    ]


def _test(call: Call) -> Response:
    """Say whether a base connection works: it does when it is there."""
    if call.id() not in call.sandbox.of("connections"):
        raise not_found(Service.FLOW, "connections", call.id())
    return json_answer({"result": True})


def _made(call: Call, kind: str, body: Item) -> Item:
    now_ms, etag = call.store.now_ms, new_etag(call.store.now_s)
    item: Item = {
        "id": new_uuid(),
        "createdAt": now_ms,
        "updatedAt": now_ms,
        "createdBy": call.user,
        "updatedBy": call.user,
        "createdClient": call.client_id,
        "updatedClient": call.client_id,
        "sandboxId": call.sandbox.id,
        "sandboxName": call.sandbox.name,
        "imsOrgId": call.sandbox.org_id,
    }
    item |= {key: value for key, value in body.items() if key not in _AUDIT}
    item |= {"version": etag, "etag": etag, "providerRefId": new_uuid()}
    if kind == "flows":
        item["runs"] = f"/runs?property=flowId=={item['id']}"
        item["lastOperation"] = {"started": 0, "updated": 0, "operation": "create"}
    return item


def _inherited(call: Call, flow: Item) -> Item:
    """What a flow tells of its connections, as in ``flow_get.json``."""
    told: Item = {"properties": {"isSourceFlow": True}}
    for kind, ids in (
        ("sourceConnections", flow["sourceConnectionIds"]),
        ("targetConnections", flow["targetConnectionIds"]),
    ):
        told[kind] = []
        for id_ in ids:
            connection = call.sandbox.of(kind)[id_]
            entry = {"id": id_, "connectionSpec": _spec_of(connection)}
            base = call.sandbox.of("connections").get(str(connection.get("baseConnectionId")))
            if base is not None:
                entry["baseConnection"] = {"id": base["id"], "connectionSpec": _spec_of(base)}
            told[kind].append(entry)
    return told


def _spec_of(connection: Item) -> Item:
    spec = connection["connectionSpec"]
    return {"id": spec["id"], "version": spec.get("version", "1.0")}


def _rendered(call: Call, kind: str, item: Item) -> Item:
    answer = shown(item)
    inlet_id = item.get(INLET)
    if inlet_id is None:
        return answer
    url = f"{call.base_url}/collection/{inlet_id}"
    if kind == "flows":
        answer["options"] = {**answer.get("options", {}), "inletUrl": url}
        return answer
    auth = deepcopy(answer["auth"])
    auth["params"] |= {"inletUrl": url, "inletId": inlet_id}
    return answer | {"auth": auth}


def _versioned(item: Item) -> Item:
    return {"id": item["id"], "etag": item["etag"]}


def _require_etag(call: Call, item: Item) -> None:
    given = call.request.headers.get("if-match", "")
    if not given:
        raise flow_problem("1403-400", "The header 'If-Match' is missing in the request")
    if given.strip() != item["etag"]:
        raise flow_problem(
            "1404-412", "The supplied version does not match the current version on the entity"
        )


def _require_changeable(item: Item, what: str) -> None:
    state = item["state"]
    if state == "updating":
        raise flow_problem("1421-400", f"The current state {state} cannot be transitioned")
    if state not in _CHANGEABLE:
        raise flow_problem(
            "1416-400", f"{what} is only allowed on enabled, disabled or initializing, not {state}"
        )


def _patched(item: Item, operations: object) -> Item:
    for path in paths_of(operations):
        top = path.split("/")[1] if path.startswith("/") else ""
        if top == "connectionSpec":
            raise flow_problem("1414-400", "The connection spec of a connection cannot be updated")
        if top in _FIXED or top.startswith("_emulated"):
            raise flow_problem("1455-400", f"patch validation error: {path} cannot be changed")
    try:
        changed: Item = apply_patch(item, operations)
    except PatchError as error:
        if error.operation:
            raise flow_problem("1434-400", error.message) from None
        raise flow_problem("1455-400", f"patch validation error: {error.message}") from None
    check_shape({key: value for key, value in changed.items() if key != "state"})
    return changed


def _specs(kind: str) -> list[Item]:
    return flow_specs.connection_specs() if kind == "connectionSpecs" else flow_specs.flow_specs()


def _spec_lister(kind: str) -> Handler:
    def handler(call: Call) -> Response:
        listing = read_listing(kind, call.request.query_params.multi_items())
        return json_answer(listing.answer(_specs(kind)))

    return handler


def _spec_reader(kind: str) -> Handler:
    def handler(call: Call) -> Response:
        found = [spec for spec in _specs(kind) if spec["id"] == call.id()]
        if not found:
            raise not_found(Service.FLOW, kind, call.id())
        return json_answer({"items": found})

    return handler


def _refuse_spec(_call: Call) -> Response:
    raise flow_problem("1426-400", "A user token cannot create or update a spec")
