"""What is wanted, from the configuration alone: bodies, types, tenants."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from provision_kit import desired

from relay.adobe.schema_registry import EXPERIENCE_EVENT, PROFILE
from relay.config import RouteConfig
from relay.config.load import load_config
from relay.errors import ConfigError
from relay.provision.desired import IDENTITY_MAP, Desired, canonical_rows, split_path
from relay.provision.infer import inferred
from relay.provision.session import desired_of, open_session

_LONG = {"type": "integer", "minimum": -9007199254740991, "maximum": 9007199254740991}
_INT = {"type": "integer", "minimum": -2147483648, "maximum": 2147483647}


def _row(source: str, destination: str, kind: str = "ATTRIBUTE") -> dict[str, Any]:
    return {"sourceType": kind, "source": source, "destination": destination}


def test_the_shipped_mapping():
    """The shipped mapping feeds six fields, typed by the shipped schema, in the real tenant."""
    fields = desired("marketing").fields("acme")
    assert set(fields) == {
        "cio_id", "email", "event_id0", "metricx", "object_type1", "timestampx",
    }  # fmt: skip
    assert fields["event_id0"] == {"type": "string", "minLength": 1}


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        (_row("data.x", "_a.x"), {"type": "string"}),
        (_row("timestamp", "_a.x"), _LONG),
        ({"sourceAttribute": "timestamp", "destinationXdmPath": "_a.x"}, _LONG),
        (_row("timestamp", "_a.x", "STATIC"), {"type": "string"}),
        (_row("to_integer(data.x)", "_a.x", "EXPRESSION"), _INT),
        (_row(" to_bigint( (data.x) ) ", "_a.x", "EXPRESSION"), _LONG),
        (_row("to_float('a)')", "_a.x", "EXPRESSION"), {"type": "number"}),
        (_row("is_empty(a)", "_a.x", "EXPRESSION"), {"type": "boolean"}),
        (_row("date(a, 'x', b)", "_a.x", "EXPRESSION"), {"type": "string", "format": "date-time"}),
        (_row("to_integer(a) + '(b)'", "_a.x", "EXPRESSION"), {"type": "string"}),
        (_row("to_integer(a) + f(b)", "_a.x", "EXPRESSION"), {"type": "string"}),
        (_row("to_integer(a", "_a.x", "EXPRESSION"), {"type": "string"}),
        (_row("concat(a, b)", "_a.x", "EXPRESSION"), {"type": "string"}),
    ],
)
def test_inferred_types(row: dict[str, Any], wanted: dict[str, Any]):
    """Without a schema the outermost function tells the type, or the event; all else is text."""
    assert inferred(row) == wanted


def test_nested_fields():
    """Destinations become objects and lists, whatever the order of the rows."""
    rows = [
        _row("data.name", "_sample.person.name"),
        _row("data.items[*].sku", "_sample.items[*].sku"),
        _row("data.tags", "_sample.tags[*]"),
        _row("data.person", "_sample.person"),
        _row("data.x", "other.field"),
        _row("data.y", r"_sample.dotted\.name"),
    ]
    for order in (rows, rows[::-1]):
        assert desired("a", rows=order, local_schema={}).fields("acme") == {
            "person": {"type": "object", "properties": {"name": {"type": "string"}}},
            "items": {
                "type": "array",
                "items": {"type": "object", "properties": {"sku": {"type": "string"}}},
            },
            "tags": {"type": "array", "items": {"type": "string"}},
            "dotted.name": {"type": "string"},
        }


def test_objects_of_the_local_schema():
    """A whole object that a row fills comes with its fields, without what is not ours to say."""
    address = {
        "type": "object",
        "meta:xdmType": "object",
        "title": "Address",
        "properties": {"zip": {"type": "string", "maxLength": 9, "title": "ZIP"}},
    }
    local = {"properties": {"_sample": {"properties": {"address": address}}}}
    made = desired("a", rows=[_row("data.address", "_x.address")], local_schema=local)
    assert made.fields("acme") == {
        "address": {
            "type": "object",
            "properties": {"zip": {"type": "string", "maxLength": 9}},
        }
    }


def test_the_tenants_name():
    """The sample's tenant is replaced by the real one, and the class's own fields are not."""
    rows = [_row("event_id", "_id"), _row("a", "_sample.a"), _row("b", "identityMap.x")]
    assert desired("a", rows=rows).destinations("acme") == ["_id", "_acme.a", "identityMap.x"]


def test_the_class():
    """A mapping that feeds _id and timestamp makes events, any other a record of a profile."""
    event = [_row("event_id", "_id"), _row("timestamp", "timestamp"), _row("a", "_s.a")]
    assert desired("a", rows=event).class_id == EXPERIENCE_EVENT
    assert desired("a", rows=event[1:]).class_id == PROFILE


def test_the_identity_map():
    """The identity map is part of the schema only when the mapping feeds it."""
    rows = [_row("a", "_s.a")]
    assert {"$ref": IDENTITY_MAP} not in desired("a", rows=rows).schema("acme", "g")["allOf"]
    rows.append(_row("b", "identityMap.Email[0].id"))
    assert {"$ref": IDENTITY_MAP} in desired("a", rows=rows).schema("acme", "g")["allOf"]


def test_either_dialect_is_the_same():
    """Rows as we send them and as Data Prep gives them back compare equal."""
    sent = [{"sourceAttribute": "a", "destinationXdmPath": "_x.a", "identity": False}]
    stored = [
        {
            "id": "1", "sourceType": "text/x.schema-path", "source": "a", "destination": "_x.a",
            "sourceAttribute": "a", "destinationXdmPath": "_x.a",
        }
    ]  # fmt: skip
    assert canonical_rows(sent) == canonical_rows(stored)
    expression = [_row("f(a)", "_x.a", "EXPRESSION")]
    assert canonical_rows(expression) == canonical_rows(
        [{**expression[0], "sourceType": "text/x.aep-xl"}]
    )
    assert canonical_rows(expression) != canonical_rows([_row("f(a)", "_x.a")])


def test_paths():
    """A path is split at its dots, not at escaped ones."""
    assert split_path(r"_x.a\.b.c[*]") == ["_x", "a.b", "c[*]"]


def test_the_mark():
    """The description ends with the route's mark, with or without a text before it."""
    assert desired("news").marked_description.endswith(" (relay route news)")
    assert desired("news", description="").marked_description == "(relay route news)"


def _route(**documents: object) -> RouteConfig:
    settings = {f"RELAY_ROUTES__A__{key.upper()}": str(path) for key, path in documents.items()}
    return load_config(None, settings, needs=()).routes["a"]


@pytest.mark.parametrize(
    ("key", "text", "why"),
    [
        ("mapping", None, "No such file or directory; expected a JSON document"),
        ("mapping", "{", "not JSON: "),
        ("mapping", "{}", "a mapping set has a list 'mappings' with at least one row"),
        ("mapping", '{"mappings": []}', "a mapping set has a list 'mappings' with at least one"),
        ("mapping", "[]", "a mapping set has a list 'mappings' with at least one row"),
        ("mapping", "[1]", "the mapping set cannot be used\nrow 1: expected an object"),
        ("schema", "[]", "expected an XDM document, an object"),
    ],
)
def test_documents_that_cannot_be_used(tmp_path: Path, key: str, text: str | None, why: str):
    """A document that the relay would refuse is refused, and no shipped one takes its place."""
    path = tmp_path / f"{key}.json"  # the name is a shipped file's, the folder is not
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        desired_of("a", _route(signing_keys="x", **{key: path}))
    assert caught.value.message.startswith(f"routes.a.{key}: {path}: {why}")
    assert caught.value.problems == (caught.value.message,)


async def test_documents_are_read_beside_the_loop(monkeypatch: pytest.MonkeyPatch):
    """A relay that monitors goes on answering while a large mapping set is compiled."""
    threads: list[threading.Thread] = []

    def read(name: str, route: RouteConfig) -> Desired:
        threads.append(threading.current_thread())
        return desired_of(name, route)

    monkeypatch.setattr("relay.provision.session.desired_of", read)
    settings = {
        "RELAY_ROUTES__A__SIGNING_KEYS": "x",
        "RELAY_ADOBE__CLIENT_ID": "env:ID",
        "RELAY_ADOBE__CLIENT_SECRET": "env:ID",
        "RELAY_ADOBE__ORG_ID": "1234@AdobeOrg",
        "ID": "x",
    }
    async with open_session(load_config(None, settings, needs=("adobe",)), "a") as session:
        assert session.desired.route == "a"
    assert threads
    assert threading.main_thread() not in threads


def test_rows_alone_are_a_mapping_set(tmp_path: Path):
    """A mapping set may be the list of its rows, as for the relay itself."""
    path = tmp_path / "rows.json"
    path.write_text('[{"source": "event_id", "destination": "_any.event_id"}]')
    made = desired_of("a", _route(signing_keys="x", mapping=path))
    assert made.destinations("t") == ["_t.event_id"]
