"""What each published payload becomes under the shipped mapping sets."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from relay.mapping.mapping_set import Mapped, MappingSet
from relay.schema import CompiledSchema, compile_schema

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
EVENTS = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "tests" / "data" / "payloads").glob("*.json"))
}
# The set of Adobe's tutorial, and the one recommended here.
SETS = {"tutorial": "", "recommended": ".experience-event"}
EMAIL_EVENTS = {
    "sent": "directMarketing.emailSent",
    "delivered": "directMarketing.emailDelivered",
    "opened": "directMarketing.emailOpened",
    "clicked": "directMarketing.emailClicked",
    "bounced": "directMarketing.emailBounced",
    "unsubscribed": "directMarketing.emailUnsubscribed",
}


def shipped(name: str) -> tuple[MappingSet, CompiledSchema]:
    """One of the shipped sets with its schema."""
    mapping, schema = (
        json.loads((ROOT / "config" / f"{kind}{SETS[name]}.json").read_text(encoding="utf-8"))
        for kind in ("mapping", "schema")
    )
    return MappingSet.from_json(mapping), compile_schema(schema)


SHIPPED = {name: shipped(name) for name in SETS}


def mapped(name: str, event: str) -> Mapped:
    mapping, schema = SHIPPED[name]
    return mapping.apply(EVENTS[event], schema)


def told(name: str, event: str) -> dict[str, Any]:
    """The record, and what would be said about it."""
    result = mapped(name, event)
    violations = SHIPPED[name][1].check(result.record, limit=None)
    return {
        "record": result.record,
        "warnings": [f"{one.row.destination}: {one.detail}" for one in result.warnings],
        "violations": [f"{one.path}: {one.message}" for one in violations],
    }


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("event", EVENTS)
def test_record_is_the_golden_one(name, event, request):
    """The payload gives the kept record, warnings and violations; --update-golden writes them."""
    path = HERE / "records" / name / f"{event}.json"
    found = told(name, event)
    if request.config.getoption("update_golden", default=False):
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(found, indent=2, sort_keys=True, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
    assert found == json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", SETS)
def test_no_golden_record_is_left_over(name):
    """There is one kept record for each payload and no other."""
    assert {path.stem for path in (HERE / "records" / name).iterdir()} == set(EVENTS)


@pytest.mark.parametrize("event", EVENTS)
def test_the_recommended_set_keeps_id_and_time(event):
    """`_id` is the event's id, and `timestamp` the same second as the event's, in UTC."""
    given, record = EVENTS[event], mapped("recommended", event).record
    assert record.get("_id") == given.get("event_id")
    time = given.get("timestamp")
    written = record.get("timestamp")
    seconds = datetime.fromisoformat(written).timestamp() if written else None
    assert seconds == (None if time is None else float(time))


@pytest.mark.parametrize("event", EVENTS)
def test_the_recommended_set_names_the_event_type(event):
    """Adobe's name where it has one, customerio.<object_type>.<metric> for every other."""
    given = EVENTS[event]
    kind, metric = given.get("object_type"), given.get("metric")
    own = f"customerio.{kind}.{metric}" if kind and metric else None
    expected = EMAIL_EVENTS.get(metric, own) if kind == "email" else own
    assert mapped("recommended", event).record.get("eventType") == expected


@pytest.mark.parametrize("event", EVENTS)
def test_the_recommended_set_gives_the_address_as_identity(event):
    """An event with an address has it as its primary identity, one without has no identity."""
    data = EVENTS[event].get("data") or {}
    address = (data.get("identifiers") or {}).get("email") or data.get("email_address")
    expected = {"Email": [{"id": address, "primary": True}]} if address else None
    assert mapped("recommended", event).record.get("identityMap") == expected


@pytest.mark.parametrize("name", SETS)
def test_only_an_event_without_a_time_breaks_its_schema(name):
    """
    Of all payloads only the signature fixture, which has no timestamp, breaks a shipped schema.

    An ExperienceEvent needs its time, and inventing one would be worse than a refusal.
    """
    broken = {event for event in EVENTS if told(name, event)["violations"]}
    timeless = {event for event, given in EVENTS.items() if "timestamp" not in given}
    assert timeless == {"customerio_node-email-delivered"}
    assert broken == (timeless if name == "recommended" else set())
