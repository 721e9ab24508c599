"""From the spool to an inlet over loopback: what is taken, and what goes no further."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json

import pytest
from forward_kit import INVALID, Rig, each, event, rig_in

from relay.forward.transform import Transform

pytestmark = pytest.mark.sockets


@pytest.fixture
async def rig(tmp_path):
    async with rig_in(tmp_path) as made:
        yield made


async def test_events_are_spliced_into_batches_and_delivered(rig: Rig):
    """1,500 events arrive once each, in order, raw, in batches of 500."""
    bodies = [event(f"e{number}") for number in range(1500)]
    await rig.append(*bodies)
    # Only the cap closes a batch, also where reading is held up.
    rig.start(mode="batch", ordering="strict", batch_max_age="60s")
    await rig.settled()
    assert rig.outcomes == {"delivered": 1500}
    assert rig.inlet.order == [f"e{number}" for number in range(1500)]
    assert rig.inlet.requests[0].body == b'{"messages":[' + b",".join(bodies[:500]) + b"]}"
    assert [len(request.ids) for request in rig.inlet.requests] == [500, 500, 500]


async def test_a_record_of_each_fate_adds_up(rig: Rig):
    """Delivered, filtered, malformed, invalid and repeated events end each in its own way."""
    await rig.append(
        event("good"),
        event("good"),
        event("other", metric="unsubscribed"),
        b"not json",
        b'{"event_id":"odd","object_type":{},"metric":"subscribed","timestamp":1,"data":{}}',
        b'{"object_type":"customer"}',
    )
    rig.start(filter={"metric_deny": ["unsubscribed"]})
    await rig.settled()
    assert rig.outcomes == {"delivered": 1, "duplicate": 1, "filtered": 1, "quarantined": 3}
    assert rig.inlet.taken == {"good": 1}


async def test_the_same_id_twice_at_once_is_sent_once(rig: Rig):
    """Ids repeated in one batch, in the next and after delivery are duplicates."""
    await rig.append(*[event(f"e{number % 300}") for number in range(900)])
    rig.start()
    await rig.settled()
    await rig.append(event("e7"))
    await rig.settled()
    assert rig.outcomes == {"delivered": 300, "duplicate": 601}
    assert set(rig.inlet.taken.values()) == {1}


async def test_a_repeat_is_a_duplicate_before_anything_else_ends_it(rig: Rig):
    """A repeat of a delivered event is a duplicate, also when a filter would now take it out."""
    await rig.append(event("e"))
    forward = rig.start()
    await rig.settled()
    forward.reload(*rig.parts(filter={"object_type_deny": ["customer"]}))
    await rig.append(event("e"), event("e", timestamp=5), event("new"))
    await rig.settled()
    assert rig.outcomes == {"delivered": 1, "duplicate": 1, "quarantined": 1, "filtered": 1}
    assert set((await rig.quarantined()).values()) == {"id_conflict"}


async def test_the_same_id_with_other_content_is_a_conflict(rig: Rig):
    """Spacing does not matter; another value does, in the same batch and after delivery."""
    await rig.append(event("e"), event("e").replace(b": ", b":"), event("e", timestamp=5))
    rig.start()
    await rig.settled()
    assert rig.outcomes == {"delivered": 1, "duplicate": 1, "quarantined": 1}
    await rig.append(event("e", timestamp=6))
    await rig.settled()
    assert set((await rig.quarantined()).values()) == {"id_conflict"}
    assert rig.inlet.taken == {"e": 1}


async def test_after_a_quarantined_event_the_same_id_has_its_own_chance(rig: Rig):
    """An id that was refused locally and comes again corrected is delivered, not a conflict."""
    bad = b'{"event_id":"e","object_type":{},"metric":"subscribed","timestamp":1,"data":{}}'
    await rig.append(bad, event("e"))
    rig.start()
    await rig.settled()
    assert rig.outcomes == {"delivered": 1, "quarantined": 1}
    assert rig.inlet.taken == {"e": 1}


async def test_a_follower_of_a_refused_event_is_sent_itself(rig: Rig):
    """Two entries with one id: the inlet refuses the first, and then takes the corrected one."""

    def script(request):
        bad = [message.get("timestamp") == 1 for message in request.messages]
        return each(
            request,
            lambda event_id: INVALID if bad[request.ids.index(event_id)] else None,
        )

    rig.inlet.script = script
    await rig.append(event("e", timestamp=1), event("e", timestamp=2), event("f"))
    rig.start()
    await rig.settled()
    assert rig.outcomes == {"delivered": 2, "quarantined": 1}
    assert rig.inlet.taken == {"e": 1, "f": 1}


async def test_a_follower_that_fails_keeps_nobody_waiting(rig: Rig, monkeypatch):
    """When the second of three entries with one id meets a bug of ours, the third is sent."""
    parsed = []

    def decode(self, entry):
        parsed.append(entry.envelope.body)
        if parsed.count(second) > 1 and entry.envelope.body == second:
            raise MemoryError
        return as_ever(self, entry)

    as_ever = Transform.decode
    monkeypatch.setattr(Transform, "decode", decode)
    rig.inlet.script = lambda request: each(
        request,
        lambda event_id: (
            INVALID if request.messages[request.ids.index(event_id)]["timestamp"] == 1 else None
        ),
    )
    first, second, third = (event("e", timestamp=number) for number in (1, 2, 3))
    await rig.append(first, second, third, event("f"))
    rig.start()
    await rig.settled()
    assert rig.outcomes == {"delivered": 2, "quarantined": 2}
    assert rig.inlet.taken == {"e": 1, "f": 1}


async def test_compressed_and_large_bodies_are_sent_decoded(rig: Rig):
    """A gzip body and one of 200 kB arrive as the event's own bytes."""
    large = event("large", padding="x" * 200_000)
    await rig.append(gzip.compress(event("packed")), headers=[("content-encoding", "gzip")])
    await rig.append(large)
    rig.start()
    await rig.settled()
    assert rig.outcomes == {"delivered": 2}
    assert any(large in request.body for request in rig.inlet.requests)


async def test_hmac_signs_the_exact_body(rig: Rig):
    """x-hmac-sha256 is the lowercase hex of HMAC-SHA256 over the bytes that were sent."""
    await rig.append(event("e"), event("f"))
    rig.start(auth="hmac", hmac_secret="secret")
    await rig.settled()
    request = rig.inlet.requests[0]
    expected = hmac.new(b"secret", request.body, hashlib.sha256).hexdigest()
    assert request.headers["x-hmac-sha256"] == expected


@pytest.mark.parametrize(
    ("query", "header"), [("", "flow-1"), ("?x-adobe-flow-id=in%2Durl&a=b", None)]
)
async def test_the_flow_id_is_a_header_or_stays_in_the_query(rig: Rig, query, header):
    """The batch address keeps the query as it is written; a flow id in it is not sent twice."""
    await rig.append(event("e"))
    rig.start(url=rig.inlet.url + query)
    await rig.settled()
    request = rig.inlet.requests[0]
    assert request.target.startswith("/collection/batch/9b0c")
    assert request.target.endswith(query)
    assert request.headers.get("x-adobe-flow-id") == header
    assert request.headers["content-type"] == "application/json"


async def test_single_mode_sends_the_event_itself(rig: Rig):
    """In single mode each request's body is one event's bytes, to the inlet's own address."""
    bodies = [event(f"e{number}") for number in range(5)]
    await rig.append(*bodies)
    rig.start(mode="single")
    await rig.settled()
    assert sorted(request.body for request in rig.inlet.requests) == sorted(bodies)
    assert {request.target for request in rig.inlet.requests} == {
        rig.inlet.url.removeprefix(f"http://127.0.0.1:{rig.inlet.port}")
    }


async def test_xdm_wraps_the_mapped_record(rig: Rig):
    """With format xdm each message is Adobe's envelope around the mapped record."""
    await rig.append(event("e"))
    rig.start(format="xdm", schema_id="https://ns.adobe.com/t/schemas/s", ims_org_id="o@AdobeOrg")
    await rig.until(lambda: bool(rig.inlet.requests))
    (message,) = json.loads(rig.inlet.requests[0].body)["messages"]
    assert message["header"]["schemaRef"]["id"] == "https://ns.adobe.com/t/schemas/s"
    assert message["header"]["imsOrgId"] == "o@AdobeOrg"
    assert message["body"]["xdmEntity"]["_extconndev"]["event_id0"] == "e"


async def test_an_exception_of_ours_quarantines_that_entry_alone(rig: Rig):
    """When transform fails on one entry, it alone is an internal_error; the next is delivered."""
    await rig.append(event("bad"), event("good"))
    route, transform, inlet = rig.parts()
    check = transform.check

    def failing(decoded):
        if decoded.event_id == "bad":
            raise ZeroDivisionError
        return check(decoded)

    transform.check = failing
    rig.parts = lambda **_: (route, transform, inlet)
    rig.start()
    await rig.settled()
    assert rig.outcomes == {"delivered": 1, "quarantined": 1}
    assert await rig.quarantined() == {"bad": "internal_error"}


async def test_metrics_tell_of_requests_batches_and_outcomes(rig: Rig):
    """Requests by status, records a batch, outcomes by reason, lag and unknown events count."""
    await rig.append(event("e"), event("f", metric="never_heard_of"))
    rig.start()
    await rig.settled()
    await rig.finish()
    value = rig.metrics.registry.get_sample_value
    labels = {"route": "marketing"}
    assert value("relay_inlet_requests_total", {**labels, "status": "207"}) == 1
    assert value("relay_batch_records_sum", labels) == 2
    assert value("relay_unknown_events_total", labels) == 1
    assert value("relay_event_lag_seconds_count", labels) == 2
    assert value("relay_end_to_end_seconds_count", labels) == 2
    delivered = {**labels, "outcome": "delivered", "reason": "accepted_by_inlet"}
    assert value("relay_outcomes_total", delivered) == 2
