"""Every kind of fault does what its description says, for as long as it says."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import httpx
import pytest
from emulator_kit import FLOW, INLET, adobe, event

from relay.emulator.bodies import HEADER_MANDATORY, WRONG_ORG
from relay.emulator.faults import KINDS

OTHER = "0" * 64
SOME = [event(f"e{number:03d}") for number in range(200)]


def statuses_of(answer):
    """The status of each item of a 207, ``None`` for accepted ones."""
    return [item.get("statusCode") for item in answer.json()["responses"]]


async def test_status_for_a_number_of_requests():
    """A status storm refuses so many requests, stores nothing, and is over."""
    async with adobe() as local:
        await local.fault("status", status=503, requests=2, retry_after=7)
        first, second, third = [await local.batch([event()]) for _ in range(3)]
        received = await local.received()
        left = (await local.client.get("/__emulator__/faults")).json()["faults"]
    assert [first.status_code, second.status_code, third.status_code] == [503, 503, 207]
    assert first.headers["retry-after"] == "7"
    assert first.json()["status"] == 503
    assert received["events"] == 1
    assert left == []


async def test_status_for_seconds():
    """A storm of seconds ends when they are over."""
    async with adobe() as local:
        await local.fault("status", status=500, seconds=4)
        during = await local.single(event())
        local.clock.advance(3.9)
        still = await local.single(event())
        shown = (await local.client.get("/__emulator__/faults")).json()["faults"][0]
        local.clock.advance(0.1)
        after = await local.single(event())
    assert [during.status_code, still.status_code, after.status_code] == [500, 500, 200]
    assert shown["seconds_left"] == pytest.approx(0.1)
    assert shown["hits"] == 2


async def test_retry_after_as_a_date():
    """``Retry-After`` may be an HTTP date, which is never in the past."""
    async with adobe() as local:
        await local.fault("status", status=429, retry_after=5, retry_after_date=True)
        answer = await local.single(event())
        now_s = local.clock.wall_s()
    until_s = parsedate_to_datetime(answer.headers["retry-after"]).timestamp() - now_s
    assert 5 <= until_s <= 6


async def test_no_retry_after_unless_asked():
    """Without ``retry_after`` there is no such header."""
    async with adobe() as local:
        await local.fault("status", status=503)
        assert "retry-after" not in (await local.single(event())).headers


@pytest.mark.parametrize("status", [400, 401, 403, 413, 429, 500, 502, 503, 504, 204, 599])
async def test_any_status(status):
    """Every status can be had, with a JSON body that does not pretend to accept."""
    async with adobe() as local:
        await local.fault("status", status=status)
        answer = await local.single(event())
    assert answer.status_code == status
    assert "xactionId" not in answer.text


async def test_latency_adds_up():
    """Latency delays the answer, does not change it, and several add up."""
    waited = []

    async def sleep(seconds):
        waited.append(seconds)

    async with adobe(sleep=sleep) as local:
        await local.fault("latency", seconds_each=0.25)
        await local.fault("latency", seconds_each=2)
        await local.fault("status", status=503, requests=1)
        statuses = [(await local.single(event())).status_code for _ in range(2)]
    assert statuses == [503, 200]
    assert waited == [2.25, 2.25]


@pytest.mark.parametrize(
    ("kind", "values", "error", "stored"),
    [
        ("reset_before", {}, httpx.ReadError, 0),
        ("reset_after", {}, httpx.ReadError, 1),
        ("reset_after", {"stored": False}, httpx.ReadError, 0),
        ("hang", {}, httpx.ReadTimeout, 0),
        ("hang", {"stored": True}, httpx.ReadTimeout, 1),
    ],
)
async def test_no_answer(kind, values, error, stored):
    """A cut or silent connection is, in one process, the exception a client sees over a socket."""
    async with adobe() as local:
        await local.fault(kind, requests=1, **values)
        with pytest.raises(error):
            await local.single(event("a"))
        received = await local.received()
        again = await local.single(event("a"))
    assert received["events"] == stored
    assert received["answers"] == {"0": 1}
    assert again.status_code == 200


@pytest.mark.parametrize("status", [503, 400])
async def test_partial(status):
    """A share of the messages is refused one by one; exactly the others are stored."""
    async with adobe() as local:
        await local.fault("partial", fraction=0.2, status=status)
        answer = await local.batch(SOME)
        received = await local.received(ids="true")
    statuses = statuses_of(answer)
    assert answer.status_code == 207
    assert set(statuses) == {None, status}
    assert 20 <= statuses.count(status) <= 60
    taken = {one["event_id"] for one, found in zip(SOME, statuses, strict=True) if found is None}
    assert received["ids"].keys() == taken


async def test_partial_of_a_single_message():
    """A single message that is refused has the status as its own."""
    async with adobe() as local:
        await local.fault("partial", fraction=1, status=503)
        answer = await local.single(event())
        assert (await local.received())["events"] == 0
    assert answer.status_code == 503


async def test_partial_sticky():
    """Sticky refusals hit the same events every time, whatever batch they are in."""
    async with adobe() as local:
        await local.fault("partial", fraction=0.3, status=400, sticky=True, message="no")
        forward = statuses_of(await local.batch(SOME))
        backward = statuses_of(await local.batch(SOME[::-1]))
    assert forward == backward[::-1]
    assert 0 < forward.count(400) < len(SOME)


@pytest.mark.parametrize(("delta", "items"), [(-1, 4), (-9, 0), (2, 7)])
async def test_wrong_count(delta, items):
    """A wrong number of items comes back; the messages are stored all the same."""
    async with adobe() as local:
        await local.fault("wrong_count", delta=delta)
        answer = await local.batch(SOME[:5])
        received = await local.received()
    assert len(answer.json()["responses"]) == items
    assert received["events"] == 5


async def test_wrong_org():
    """Every message is refused for its organisation, on both endpoints."""
    async with adobe() as local:
        await local.fault("wrong_org")
        single = await local.single(event())
        batch = await local.batch(SOME[:3])
        received = await local.received()
    assert single.status_code == 400
    assert single.json()["report"]["message"].endswith(WRONG_ORG)
    assert batch.status_code == 207
    assert statuses_of(batch) == [400, 400, 400]
    assert all(item["message"].endswith(WRONG_ORG) for item in batch.json()["responses"])
    assert received["events"] == 0


@pytest.mark.parametrize(("values", "status"), [({}, 200), ({"single": True}, 400)])
async def test_missing_header(values, status):
    """Batches are refused for their header, single messages only if that is asked for."""
    async with adobe() as local:
        await local.fault("missing_header", **values)
        batch = await local.batch(SOME[:2])
        single = await local.single(event())
    assert [item["message"] for item in batch.json()["responses"]] == [HEADER_MANDATORY] * 2
    assert single.status_code == status


@pytest.mark.parametrize(("values", "stored"), [({}, 0), ({"stored": True}, 1)])
async def test_not_json(values, stored):
    """A page of HTML comes back as 200."""
    async with adobe() as local:
        await local.fault("not_json", **values)
        answer = await local.single(event())
        received = await local.received()
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    with pytest.raises(ValueError, match="Expecting value"):
        answer.json()
    assert received["events"] == stored


@pytest.mark.parametrize("status", [401, 403])
async def test_unauthorized(status):
    """The token is refused, whatever it is."""
    async with adobe() as local:
        await local.fault("unauthorized", status=status, requests=1)
        refused = await local.single(event())
        taken = await local.single(event())
    assert refused.status_code == status
    assert refused.json()["title"] == "Authorization"
    assert taken.status_code == 200


async def test_one_inlet_only():
    """A fault of one inlet leaves the others alone, and is not used up by them."""
    async with adobe() as local:
        await local.fault("status", status=503, inlet=OTHER, requests=1)
        here = await local.single(event())
        there = await local.client.post(
            f"/collection/{OTHER}", json=event(), headers={"x-adobe-flow-id": FLOW}
        )
    assert [here.status_code, there.status_code] == [200, 503]


async def test_probability():
    """A fault with a probability strikes about that share of the requests."""
    async with adobe() as local:
        await local.fault("status", status=503, probability=0.5)
        statuses = [(await local.single(event())).status_code for _ in range(100)]
    assert 25 <= statuses.count(503) <= 75


async def test_faults_in_order():
    """Of two faults the older one decides until it is over."""
    async with adobe() as local:
        await local.fault("status", status=503, requests=1)
        await local.fault("status", status=429, requests=1)
        statuses = [(await local.single(event())).status_code for _ in range(3)]
    assert statuses == [503, 429, 200]


async def test_delete_one_and_all():
    """Faults are removed one by one or all together."""
    async with adobe() as local:
        for status in (500, 502, 503):
            await local.fault("status", status=status)
        assert (await local.client.delete("/__emulator__/faults/1")).status_code == 204
        assert (await local.client.delete("/__emulator__/faults/1")).status_code == 404
        assert (await local.single(event())).status_code == 502
        assert (await local.client.delete("/__emulator__/faults")).status_code == 204
        assert (await local.single(event())).status_code == 200


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"kind": "stauts"}, ["stauts", *KINDS]),
        ({}, ["None", *KINDS]),
        ({"kind": ["status"]}, [*KINDS]),
        ([], ["object"]),
        ({"kind": "status", "status": 503, "second": 4}, ["second", "seconds", "retry_after"]),
        ({"kind": "status"}, ["needs status"]),
        ({"kind": "status", "status": "503"}, ["status is a whole number"]),
        ({"kind": "status", "status": True}, ["status is a whole number"]),
        ({"kind": "status", "status": 101}, ["between 200 and 599"]),
        ({"kind": "partial", "fraction": 2}, ["between 0 and 1"]),
        ({"kind": "latency", "seconds_each": "long"}, ["seconds_each is a number"]),
        ({"kind": "hang", "stored": 1}, ["stored is true or false"]),
        ({"kind": "wrong_org", "inlet": 5}, ["inlet is text"]),
    ],
)
async def test_unknown_faults_are_refused(body, words):
    """What is not known is refused with 400, naming it and what is known."""
    async with adobe() as local:
        answer = await local.client.post("/__emulator__/faults", json=body)
        left = (await local.client.get("/__emulator__/faults")).json()["faults"]
    assert answer.status_code == 400
    assert all(word in answer.json()["error"] for word in words)
    assert left == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"flowid": "x"}, "unknown flowid"),
        ({"is_authenticated": "yes"}, "is_authenticated is true or false"),
        ({"batch_shape": "new"}, "batch_shape is one of docs"),
        ([], "JSON object"),
    ],
)
async def test_unknown_inlet_settings_are_refused(body, words):
    """An inlet is described with known keys and values only."""
    async with adobe() as local:
        answer = await local.client.put(f"/__emulator__/inlets/{INLET}", json=body)
    assert answer.status_code == 400
    assert words in answer.json()["error"]


async def test_switches_take_json_only():
    """A switch that is not sent JSON says so."""
    async with adobe() as local:
        for method, path in (
            ("POST", "/__emulator__/faults"),
            ("PUT", f"/__emulator__/inlets/{INLET}"),
        ):
            answer = await local.client.request(method, path, content=b"{")
            assert answer.status_code == 400
            assert "JSON" in answer.json()["error"]
