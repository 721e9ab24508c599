"""What the emulator says it received is what it answered for."""

from __future__ import annotations

import dataclasses

from emulator_kit import INLET, adobe, envelope, event

OTHER = "0" * 64


async def test_counts():
    """Events, distinct ones, duplicates and requests are counted, in all and by inlet."""
    async with adobe() as local:
        await local.batch([event("a"), event("b"), event("a")])
        await local.single(event("a"))
        await local.client.post(
            f"/collection/{OTHER}", json=event("c"), headers={"x-adobe-flow-id": "f"}
        )
        await local.single(event("d"), headers={})
        received = await local.received(ids="true")
    assert received["events"] == 5
    assert received["distinct"] == 3
    assert received["duplicates"] == 2
    assert received["requests"] == 4
    assert received["refused"] == 1
    assert received["answers"] == {"200": 2, "207": 1, "400": 1}
    assert received["ids"] == {"a": 3, "b": 1, "c": 1}
    assert received["by_inlet"] == {
        INLET: {"events": 4, "requests": 3, "refused": 1},
        OTHER: {"events": 1, "requests": 1, "refused": 0},
    }


async def test_ids_only_when_asked():
    """The ids, which may be many, come only when they are asked for."""
    async with adobe() as local:
        await local.single(event("a"))
        assert "ids" not in await local.received()


async def test_stored_messages():
    """The messages of one event are shown as they came, refused ones are not."""
    async with adobe() as local:
        await local.batch([event("a", n=1), 5, event("b"), event("a", n=2)])
        await local.single(event("a", n=3))
        found = await local.received(event_id="a")
        none = await local.received(event_id="nobody")
    assert [message["n"] for message in found["messages"]] == [1, 2, 3]
    assert found["count"] == 3
    assert none["messages"] == []


async def test_ids_of_envelopes():
    """An envelope is counted by its ``_id``, or by the field that the tutorial's mapping feeds."""
    tutorial = envelope()
    tutorial["body"]["xdmEntity"] = {"_extconndev": {"event_id0": "t", "metricx": "opened"}}
    nameless = envelope()
    nameless["body"]["xdmEntity"] = {"other": 1}
    upsert = {"header": {"operations": {"data": "merge"}, "flowId": "f"}, "body": event("u")}
    async with adobe() as local:
        await local.batch([envelope("a"), tutorial, nameless, upsert])
        received = await local.received(ids="true")
    assert received["ids"] == {"a": 1, "t": 1, "u": 1}
    assert received["without_id"] == 1
    assert received["duplicates"] == 0


async def test_memory_is_bounded():
    """Only the newest bodies are kept, counts for all."""
    async with adobe(kept_bytes=1000) as local:
        for number in range(100):
            await local.single(event(f"id{number}"))
        received = await local.received(event_id="id0")
        last = await local.received(event_id="id99")
    assert received["events"] == received["distinct"] == 100
    assert received["kept_bytes"] <= 1000
    assert received["count"] == 1
    assert received["messages"] == []
    assert len(last["messages"]) == 1


async def test_clear():
    """DELETE forgets everything."""
    async with adobe() as local:
        await local.single(event())
        assert (await local.client.delete("/__emulator__/received")).status_code == 204
        received = await local.received(ids="true")
    assert received["events"] == received["requests"] == received["kept_bytes"] == 0
    assert received["ids"] == {}


async def test_taker_gets_what_was_accepted():
    """Whoever made the inlet is handed the accepted messages, with their transaction ids."""
    arrivals = []
    async with adobe() as local:
        inlet = local.app.inlets.new(INLET)
        local.app.inlets.put(dataclasses.replace(inlet, taker=arrivals.append))
        answer = await local.batch([event("a"), 5, event("b")])
        alone = await local.single(event("c"))
    batch, single = arrivals
    items = answer.json()["responses"]
    assert [message["event_id"] for message in batch.messages] == ["a", "b"]
    assert batch.xaction_ids == [items[0]["xactionId"], items[2]["xactionId"]]
    assert [message["event_id"] for message in single.messages] == ["c"]
    assert single.xaction_ids == [alone.json()["xactionId"]]
    assert batch.inlet_id == INLET
    assert batch.received_ms == answer.json()["receivedTimeMs"]
