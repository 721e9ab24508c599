"""What people changed at Adobe by hand, what came with an imported flow, what a removal leaves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from provision_kit import ORG, Handle, World, desired

from relay.errors import AdobeError
from relay.provision.adopt import adopt
from relay.provision.apply import Applied
from relay.provision.destroy import choose, destroy, told
from relay.provision.plan import has_changes, make_plan


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def _of(world: World, kind: str) -> dict[str, Any]:
    made: dict[str, Any] = world.app.store.sandbox(ORG, "prod").of(kind)
    return made


async def _is_as_wanted(world: World) -> bool:
    async with world.session() as (session, _):
        return not has_changes(make_plan(session.desired, await session.look()))


async def _adopted(world: World) -> Applied:
    """A set-up of other names, made for nobody that is known here, and taken over."""
    world.desired = replace(desired("older"), name="Made by hand")
    old = await world.apply(memory="older")
    world.desired = desired("marketing")
    async with world.session() as (session, _):
        session.memory.write(await adopt(session.adobe, session.desired, old.ids.flow))
    return old


@pytest.mark.parametrize("forgets", [False, True])
async def test_a_schema_deleted_alone(world: World, *, forgets: bool):
    """A schema that is gone while a data set is bound to it: everything above it is replaced."""
    first = await world.apply()
    async with world.session() as (session, _):
        await session.adobe.schemas.delete("schemas", first.ids.schema)
    if forgets:
        world.forget()
    second = await world.apply()
    assert second.state == "enabled"
    assert second.ids.schema != first.ids.schema
    assert _of(world, "dataSets")[first.ids.dataset]["name"] == "Customer.io (replaced)"
    assert await _is_as_wanted(world)


async def test_a_data_set_that_cannot_be_set_aside(world: World):
    """The flow is not taken down for a replacement that Adobe refuses at its first step."""
    first = await world.apply()
    async with world.session() as (session, _):
        await session.adobe.schemas.delete("schemas", first.ids.schema)

    async def refuse(_number: int, request: httpx.Request, handle: Handle) -> httpx.Response:
        if request.method == "PATCH" and "/dataSets/" in request.url.path:
            return httpx.Response(403, json={"error_code": "403025", "message": "no"})
        return await handle(request)

    with pytest.raises(AdobeError):
        await world.apply(hook=refuse)
    assert list(_of(world, "flows")) == [first.ids.flow]


async def test_rows_come_back_in_another_order(world: World):
    """No document says in which order Adobe gives a mapping set's rows: any order is the same."""
    await world.apply()

    async def turn(_number: int, request: httpx.Request, handle: Handle) -> httpx.Response:
        answer = await handle(request)
        if request.method != "GET" or "/mappingSets" not in request.url.path:
            return answer
        body = json.loads(await answer.aread())
        for item in body.get("data", [body]):
            item["mappings"].reverse()
        return httpx.Response(200, json=body)

    async with world.session(hook=turn) as (session, wire):
        applied = await session.apply(world.progress.append)
    assert {step.action for step in applied.steps} == {"leave"}
    assert {call.split()[0] for call in wire.calls} == {"GET"}


async def test_a_flow_without_a_mapping_gets_one(world: World):
    """A flow made by hand may have no transformation: it gets the one it needs."""
    first = await world.apply()
    _of(world, "flows")[first.ids.flow]["transformations"] = []
    second = await world.apply()
    assert second.ids == first.ids
    (mapping,) = _of(world, "flows")[first.ids.flow]["transformations"]
    assert mapping["params"]["mappingId"] == second.ids.mapping
    assert await _is_as_wanted(world)


async def test_an_adopted_data_set_is_left(world: World):
    """A data set that came with an imported flow holds what others wrote: it is not deleted."""
    old = await _adopted(world)
    await world.apply()
    async with world.session() as (session, _):
        current = await session.look()
        choice = await choose(session.adobe, session.desired, current)
        assert choice.deleted == ["flow", "source", "target", "mapping"]
        await destroy(session.adobe, session.desired, current, progress=world.progress.append)
    assert told(choice, current) == [
        f"leave {title} {id_}: it was not made for this route"
        for title, id_ in (
            ("dataset", old.ids.dataset),
            ("schema", old.ids.schema),
            ("field group", old.ids.field_group),
        )
    ]
    assert list(_of(world, "dataSets")) == [old.ids.dataset]


async def test_an_adopted_data_set_keeps_its_name(world: World):
    """A data set of another owner is replaced without being touched."""
    old = await _adopted(world)
    before = dict(_of(world, "dataSets")[old.ids.dataset])
    world.desired = replace(desired("given"), name="Given")
    given = await world.apply(memory="given")
    world.desired = desired("marketing", schema_id=given.ids.schema)
    new = await world.apply()
    assert new.ids.dataset not in {old.ids.dataset, given.ids.dataset}
    assert _of(world, "dataSets")[old.ids.dataset] == before


async def test_a_given_schema_is_not_said_to_go(world: World):
    """What is shown before a removal is what the removal does: a given schema stays."""
    world.desired = replace(desired("given"), name="Given")
    given = await world.apply(memory="given")
    world.desired = desired("marketing", schema_id=given.ids.schema)
    await world.apply()
    async with world.session() as (session, _):
        choice = await choose(session.adobe, session.desired, await session.look())
    assert choice.deleted == ["flow", "source", "target", "mapping", "dataset"]
    assert choice.left == {"schema": "it was given by provision.schema_id"}
