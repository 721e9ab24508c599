"""
Sandbox Management, as far as a set-up needs it: make, list, read, reset and delete sandboxes.

Source:
    developer.adobe.com, Sandbox API, as Adobe's own Python client calls it (adobe/aepp,
    sandboxes.py, read 2026-10).

Assumed:
    The error bodies; ``prod`` can be reset and not deleted.
"""

from __future__ import annotations

import re

from starlette.responses import Response
from starlette.routing import BaseRoute

from relay.emulator.flow_life import INLET
from relay.emulator.gateway import Call, routes
from relay.emulator.json_answer import json_answer
from relay.emulator.problems import Service, bad_request, not_found
from relay.emulator.store import FIRST_SANDBOX, Item, Sandbox, Store

ROOT = "/data/foundation/sandbox-management"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,254}")
_TYPES = ("development", "production")


def sandbox_routes(store: Store) -> list[BaseRoute]:
    """Every path of the sandboxes."""
    one = {"GET": _read, "PUT": _reset, "PATCH": _change, "DELETE": _delete}
    served: list[BaseRoute] = []
    for path, handlers in (
        ("sandboxes", {"GET": _list, "POST": _create}),
        ("sandboxes/{id}", one),
        ("sandboxTypes", {"GET": _types}),
    ):
        served += routes(store, Service.SANDBOXES, f"{ROOT}/{path}", handlers)
    return served


def _list(call: Call) -> Response:
    boxes = [_shown(box) for box in call.store.sandboxes(call.sandbox.org_id)]
    return json_answer(
        {"sandboxes": boxes, "_page": {"limit": len(boxes), "count": len(boxes)}, "_links": {}}
    )


def _types(_call: Call) -> Response:
    return json_answer({"sandboxTypes": list(_TYPES)})


def _create(call: Call) -> Response:
    body = call.object()
    name, title = body.get("name"), body.get("title")
    if not isinstance(name, str) or _NAME.fullmatch(name) is None or not isinstance(title, str):
        raise bad_request(Service.SANDBOXES, "A sandbox has a name in lower case and a title")
    type_ = body.get("type", "development")
    if type_ not in _TYPES:
        raise bad_request(Service.SANDBOXES, "type must be development or production")
    if name in {box.name for box in call.store.sandboxes(call.sandbox.org_id)}:
        raise bad_request(Service.SANDBOXES, f"There is a sandbox {name}")
    made = call.store.make_sandbox(call.sandbox.org_id, name, title=title, type_=type_)
    return json_answer(_shown(made), 201)


def _read(call: Call) -> Response:
    return json_answer(_shown(_found(call)))


def _change(call: Call) -> Response:
    box, body = _found(call), call.object()
    title = body.get("title", box.title)
    if not isinstance(title, str):
        raise bad_request(Service.SANDBOXES, "title must be text")
    box.title = title
    return json_answer(_shown(box))


def _reset(call: Call) -> Response:
    box = _found(call)
    if call.object().get("action") != "reset":
        raise bad_request(Service.SANDBOXES, "The only action is reset")
    _emptied(call, box)
    return json_answer(_shown(box))


def _delete(call: Call) -> Response:
    box = _found(call)
    if box.name == FIRST_SANDBOX:
        raise bad_request(Service.SANDBOXES, "The default sandbox cannot be deleted")
    _emptied(call, box)
    call.store.drop_sandbox(box.org_id, box.name)
    return json_answer(_shown(box) | {"state": "deleted"})


def _emptied(call: Call, box: Sandbox) -> None:
    """Take away everything in *box*, inlets first."""
    for kind in ("flows", "connections"):
        for item in box.of(kind).values():
            if inlet_id := item.get(INLET):
                call.store.inlets.remove(inlet_id)
    box.made.clear()


def _found(call: Call) -> Sandbox:
    for box in call.store.sandboxes(call.sandbox.org_id):
        if box.name == call.id():
            return box
    raise not_found(Service.SANDBOXES, "sandbox", call.id())


def _shown(box: Sandbox) -> Item:
    return {
        "id": box.id,
        "name": box.name,
        "title": box.title,
        "state": "active",
        "type": box.type,
        "region": "VA7",
        "isDefault": box.name == FIRST_SANDBOX,
        "eTag": 1,
        "createdDate": "2023-01-01 00:00:00",
        "lastModifiedDate": "2023-01-01 00:00:00",
        "createdBy": "acme@AdobeID",
        "modifiedBy": "acme@AdobeID",
    }
