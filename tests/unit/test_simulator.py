"""Simulated traffic without a network: events, flaws, mixes, the schedule, the request, counts."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from ulid import ULID

from relay.clock import ManualClock
from relay.config import RouteConfig, shipped
from relay.customerio.composer import Composer, to_wire
from relay.customerio.events import CATALOG, SOURCE_FIELDS, is_known
from relay.customerio.flaws import FLAWS, Flaw, spoil
from relay.customerio.redelivery import Answer, Failure, Redelivery
from relay.customerio.report import Tally
from relay.customerio.request import Target, signed_request
from relay.customerio.signature import verify
from relay.customerio.simulator import Load
from relay.customerio.traffic import Mix, Post, mixed
from relay.envelope import Entry, Envelope
from relay.forward.decode import Rejected
from relay.forward.transform import Transform
from relay.outcome import Reason

NOW_S = 1_700_000_000.0
KINDS = pytest.mark.parametrize("kind", CATALOG, ids=lambda kind: kind.name)
REASON_OF = {
    Flaw.EMPTY: Reason.EMPTY_BODY,
    Flaw.NOT_JSON: Reason.NOT_JSON,
    Flaw.NOT_AN_OBJECT: Reason.NOT_AN_OBJECT,
    Flaw.MISSING_EVENT_ID: Reason.MISSING_EVENT_ID,
    Flaw.WRONG_TYPES: Reason.SCHEMA_VIOLATION,
    Flaw.LEGACY: Reason.LEGACY_FORMAT,
}


def composer(seed=1, **options):
    return Composer(seed=seed, clock=ManualClock(wall_s=NOW_S), **options)


def posts(**shares):
    return list(mixed(Mix(**shares), composer()))


# Events


@KINDS
def test_fields(kind):
    """Every kind has its required fields, its source's ids, and nothing the catalog lacks."""
    made = composer(content_share=1.0)
    sources = [set(SOURCE_FIELDS[source]) for source in kind.sources] or [set()]
    for _ in range(40):
        event = made.event(kind)
        fields = set(event["data"])
        assert set(kind.required) <= fields
        assert any(
            ids <= fields <= ids | set(kind.required) | set(kind.optional) for ids in sources
        ), fields
        object_type = event.get("object_type", event.get("object_type_type"))
        assert is_known(object_type, event["metric"])
        assert event["metric"] == kind.metric


def test_every_kind_comes():
    """One deck holds every kind and every source, machine opens, and test sends."""
    made = composer()
    events = [made.event() for _ in range(made.deck_size)]
    metrics = Counter(event["metric"] for event in events)
    assert set(metrics) == {kind.metric for kind in CATALOG}
    assert metrics["opened"] > metrics["spammed"] > 0
    fields = {field for event in events for field in event["data"]}
    assert fields >= {"campaign_id", "broadcast_id", "newsletter_id", "transactional_message_id"}
    assert fields >= {"proxied", "prefetched", "synthetic", "machine"}
    assert any("cio_id" not in event["data"]["identifiers"] for event in events)


def test_same_seed():
    """The same seed and clock make the same bytes; another seed makes others."""
    one, same, other = composer(3), composer(3), composer(4)
    for _ in range(200):
        body = to_wire(one.event())
        assert body == to_wire(same.event())
        assert body != to_wire(other.event())


def test_ids():
    """Ids are distinct ULIDs, made from 0.08 to 2.2 s after the event they name."""
    made = composer()
    events = [made.event() for _ in range(2_000)]
    assert len({event["event_id"] for event in events}) == 2_000
    for event in events:
        recorded_s = ULID.from_str(event["event_id"]).timestamp
        assert recorded_s == NOW_S
        # The timestamp is cut to whole seconds, so the gap may look up to a second longer.
        assert 0.08 <= recorded_s - event["timestamp"] < 3.2


def test_body_content():
    """Body Content comes with every sent event when asked, and never when not."""
    sent = next(kind for kind in CATALOG if kind.name == "email_sent")
    data = composer(content_share=1.0).event(sent)["data"]
    assert data["content"].startswith("<html>")
    assert all(isinstance(value, list) for value in data["headers"].values())
    push = next(kind for kind in CATALOG if kind.name == "push_sent")
    assert "android" in json.loads(composer(content_share=1.0).event(push)["data"]["content"])
    never = composer(content_share=0.0)
    assert not any("content" in never.event(sent)["data"] for _ in range(100))


def test_wire():
    """The body escapes the three characters that Go escapes, and reads back as the event."""
    event = {"event_id": "1", "data": {"subject": "a <b> & c, ü, 新"}}
    body = to_wire(event)
    assert body == (
        b'{"event_id":"1","data":{"subject":"a \\u003cb\\u003e \\u0026 c, '
        + "ü, 新".encode()
        + b'"}}'
    )
    assert json.loads(body) == event


# Mixes


def test_shares():
    """The numbers of repeats and of invalid ones are exact, and every flaw has its turn."""
    made = posts(posts=1_000, duplicates=0.05, invalid=0.12)
    assert len(made) == 1_000
    assert sum(post.is_repeat for post in made) == 50
    flaws = Counter(post.flaw for post in made if post.flaw)
    assert flaws == dict.fromkeys(FLAWS, 20)
    assert not made[0].is_repeat


def test_repeats():
    """A repeat has the bytes of an earlier valid event; other ids come once."""
    seen: dict[bytes, str] = {}
    for post in posts(posts=2_000, duplicates=0.2, invalid=0.1):
        if post.is_repeat:
            assert seen[post.body] == post.event_id
        elif post.flaw is None:
            assert post.body not in seen
            seen[post.body] = post.event_id
    assert len(set(seen.values())) == len(seen) == 1_400


@pytest.mark.parametrize(
    "shares", [{"duplicates": 1.0}, {"invalid": 1.0}, {"duplicates": 0.5, "invalid": 0.5}]
)
@pytest.mark.parametrize("count", [1, 2, 7])
def test_extreme_shares(shares, count):
    """All may be odd but the first, which is something to repeat."""
    made = posts(posts=count, **shares)
    assert len(made) == count
    assert not made[0].is_repeat
    assert made[0].flaw is None
    assert all(post.is_repeat or post.flaw for post in made[1:])


@pytest.mark.parametrize(
    "wrong",
    [
        {"posts": 0},
        {"posts": 1, "duplicates": -0.1},
        {"posts": 1, "duplicates": 0.6, "invalid": 0.6},
    ],
)
def test_wrong_mix(wrong):
    """A mix that cannot be made is refused."""
    with pytest.raises(ValueError, match="expected"):
        Mix(**wrong)


def test_fate():
    """The shipped mapping set takes every valid event; every flaw has its one reason."""
    options = {name: field.default for name, field in RouteConfig.model_fields.items()}
    files = {"mapping": str(shipped("mapping.json")), "schema_file": str(shipped("schema.json"))}
    transform = Transform("test", RouteConfig.model_construct(**options | files), Path("unused"))
    for post in posts(posts=3_000, duplicates=0.1, invalid=0.1):
        entry = Entry(1, Envelope("test", NOW_S, (), post.body))
        result = transform.decode(entry)
        if not isinstance(result, Rejected):
            result = transform.check(result)
        reason = result.reason if isinstance(result, Rejected) else None
        assert reason == (REASON_OF[post.flaw] if post.flaw else None), (post, result)


def test_spoiled():
    """A flaw leaves the event itself as it was."""
    event = composer().event()
    before = to_wire(event)
    for flaw in FLAWS:
        assert spoil(event, flaw, Random(1)) != before
    assert to_wire(event) == before


# The schedule


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 410, 429, 500, 502, 521])
def test_hour_status(status):
    """These statuses cost an hour before the first retry, then the backoff goes on."""
    schedule = Redelivery()
    assert schedule.delay_s(Answer(status), 1) == 3_600
    assert schedule.delay_s(Answer(status), 2) == 20


@pytest.mark.parametrize("status", [301, 307, 408, 409, 413, 415, 422, 501, 503, 504])
def test_other_status(status):
    """Other statuses that are no 2xx are retried with the plain backoff."""
    schedule = Redelivery()
    assert not Answer(status).is_ack
    assert [schedule.delay_s(Answer(status), attempt) for attempt in (1, 2, 3)] == [10, 20, 40]
    assert schedule.delay_s(Answer(status), 10_000) == 6 * 3_600


@pytest.mark.parametrize("failure", list(Failure), ids=str)
def test_failure(failure):
    """No answer in time is retried soon; a broken connection costs an hour."""
    costs_an_hour = failure not in {Failure.TIMEOUT, Failure.UNREACHABLE, Failure.MALFORMED}
    assert Answer(0, failure).costs_an_hour == costs_an_hour
    assert not Answer(0, failure).is_ack
    assert Answer(0, failure).label == str(failure)


def test_speed():
    """A speed divides the hour, the backoff and the seven days."""
    fast = Redelivery(speed=3_600)
    assert fast.delay_s(Answer(500), 1) == 1
    assert fast.delay_s(Answer(503), 1) == pytest.approx(10 / 3_600)
    assert fast.window_s == 168


def test_ack():
    """Any 2xx acknowledges."""
    assert all(Answer(status).is_ack for status in (200, 201, 202, 204, 299))


# The request


def test_request():
    """A request carries the time it is sent and a signature that verifies over its body."""
    body = to_wire(composer().event())
    target = Target.parse("http://127.0.0.1:8080/webhooks/customerio?tenant=a")
    head, _, sent = signed_request(target, "key", body, now_s=NOW_S + 0.9).partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:])
    assert lines[0] == "POST /webhooks/customerio?tenant=a HTTP/1.1"
    assert headers["Host"] == "127.0.0.1:8080"
    assert headers["X-Cio-Timestamp"] == "1700000000"
    assert int(headers["Content-Length"]) == len(body) == len(sent)
    assert verify(["key"], "1700000000", sent, headers["X-Cio-Signature"]) == 0


@pytest.mark.parametrize(
    ("url", "is_loopback", "authority"),
    [
        ("http://127.0.0.1:9/x", True, "127.0.0.1:9"),
        ("http://127.9.9.9/x", True, "127.9.9.9"),
        ("http://localhost", True, "localhost"),
        ("http://[::1]:8080/x", True, "[::1]:8080"),
        ("https://relay.example.com/x", False, "relay.example.com"),
        ("http://localhost.example.com/x", False, "localhost.example.com"),
        ("http://10.0.0.1:443/x", False, "10.0.0.1:443"),
        ("http://0.0.0.0/x", False, "0.0.0.0"),
    ],
)
def test_target(url, is_loopback, authority):
    """Only localhost and loopback addresses are this machine."""
    target = Target.parse(url)
    assert target.is_loopback == is_loopback
    assert target.authority == authority


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/x",
        "ftp://127.0.0.1/x",
        "http:///x",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/x\r\nX-Other: 1",
        "http://user:pass@127.0.0.1/x",
        "http://127.0.0.1/ü",
        "http://127.0.0.1:99999/",
    ],
)
def test_wrong_target(url):
    """What is no address, or would break out of the request line, is refused."""
    with pytest.raises(ValueError, match=r"expected|[Pp]ort"):
        Target.parse(url)


# Counts


def test_tally():
    """The report adds up: posts are acknowledged, dropped or unsent; calls have one label each."""
    tally = Tally(5)
    for attempt, answer in enumerate((Answer(503), Answer(0, Failure.EOF), Answer(200)), start=1):
        tally.called(answer, attempt=attempt, took_s=0.25 * attempt)
    tally.settled(Post("A", b""), is_acked=True)
    tally.called(Answer(200), attempt=1, took_s=0.001)
    tally.settled(Post("A", b"", is_repeat=True), is_acked=True)
    tally.called(Answer(200), attempt=1, took_s=0.002)
    tally.settled(Post("", b"", flaw=Flaw.EMPTY), is_acked=True)
    tally.called(Answer(400), attempt=1, took_s=0.5)
    tally.settled(Post("B", b""), is_acked=False)
    report = tally.report(elapsed_s=2.0)
    assert (report.posts, report.acked, report.dropped, report.unsent) == (5, 3, 1, 1)
    assert (report.repeats, report.invalid) == (1, {"empty": 1})
    assert (report.calls, report.retries) == (6, 2)
    assert report.statuses == {"200": 3, "400": 1, "503": 1, "eof": 1}
    assert (report.ack_p50_ms, report.ack_max_ms) == (2.0, 750.0)
    assert report.acked_ids == ("A",)
    assert report.acked_per_s == 1.5
    assert not report.is_complete


def test_empty_report():
    """A run that got nowhere has an account too."""
    report = Tally(1).report(elapsed_s=0.0, ended="because")
    assert (report.acked, report.ack_p99_ms, report.acked_per_s) == (0, 0.0, 0.0)


@pytest.mark.parametrize(
    "wrong", [{"connections": 0}, {"rate": -1}, {"speed": 0}, {"timeout_s": 0}, {"give_up_s": -1}]
)
def test_wrong_load(wrong):
    """A load that cannot be sent is refused."""
    with pytest.raises(ValueError, match="expected"):
        Load(**wrong)


def test_lanes():
    """Serial is one lane; otherwise there are no more lanes than events."""
    assert Load(serial=True, connections=8).lanes == 1
    assert Load(events=3, connections=8).lanes == 3
