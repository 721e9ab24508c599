"""The catalog against the reference that it was read from, and against published payloads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from relay.customerio.events import (
    CATALOG,
    EVENT_NAMES,
    METRICS,
    OBJECT_TYPES,
    SOURCE_FIELDS,
    Source,
    is_known,
)

DATA = Path(__file__).parent.parent / "data"
REFERENCE = json.loads((DATA / "customerio-events.json").read_text())
PAYLOADS = sorted(path for path in (DATA / "payloads").glob("*.json") if "legacy" not in path.stem)
SOURCES = {
    "API triggered broadcast": Source.BROADCAST,
    "Campaign": Source.CAMPAIGN,
    "Newsletter": Source.NEWSLETTER,
    "Transactional message": Source.TRANSACTIONAL,
}


def test_names():
    """The App API's names are in the catalog, all of them and no others, in its order."""
    assert list(EVENT_NAMES) == REFERENCE["app_api_event_names"]
    assert len(EVENT_NAMES) == 72


def test_events():
    """Every event of the reference is in the catalog with its fields and sources, and no more."""
    ours = {kind.name: kind for kind in CATALOG}
    assert len(ours) == len(CATALOG) == 73
    assert ours.keys() == {event["event"] for event in REFERENCE["events"]}
    for event in REFERENCE["events"]:
        kind = ours[event["event"]]
        assert (kind.object_type, kind.metric) == (event["object_type"], event["metric"])
        assert sorted(kind.required) == sorted(event["data_required"]), kind
        assert sorted(kind.optional) == sorted(event["data_optional"]), kind
        assert set(kind.sources) == {SOURCES[name] for name in event["source_variants"]}, kind
        assert kind.is_selectable == event["in_app_api_enum"], kind
        assert kind.is_documented == event["in_webhook_spec"], kind


def test_sources():
    """Each source carries the ids that the reference gives it."""
    for name, fields in REFERENCE["source_variant_fields"].items():
        assert set(SOURCE_FIELDS[SOURCES[name]]) == set(fields)


def test_vocabulary():
    """There are eight object types and seventeen metrics."""
    assert len(OBJECT_TYPES) == 8
    assert len(METRICS) == 17
    assert "line" not in OBJECT_TYPES


def test_alternatives():
    """An event about a person is known under every channel that the reference lists for it."""
    for event in REFERENCE["events"]:
        assert is_known(event["object_type"], event["metric"])
        for object_type in event["object_type_alternatives"]:
            assert is_known(object_type, event["metric"])


@pytest.mark.parametrize("path", PAYLOADS, ids=lambda path: path.stem)
def test_published(path):
    """Every published payload of the present format is of a known kind."""
    event = json.loads(path.read_text())
    # The specification types this one's object_type under a misspelt name, and one lacks it.
    object_type = event.get("object_type", "customer")
    assert is_known(object_type, event["metric"])


def test_unknown():
    """What no document names is unknown: a new channel, a new metric, a pair across channels."""
    assert not is_known("inbox_message", "sent")
    assert not is_known("email", "forwarded")
    assert not is_known("slack", "spammed")
    assert not is_known("", "")
