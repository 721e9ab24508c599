"""Taking a set-up down: the order, after a failure, and what stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from provision_kit import ONE_OF_EACH, ORG, ROWS, Handle, World, desired

from relay.errors import AdobeError
from relay.provision.destroy import ORDER, destroy


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def _sandbox(world: World) -> Any:
    return world.app.store.sandbox(ORG, "prod")


async def test_destroyed_in_order(world: World):
    """Everything goes, in the one order in which Adobe allows it."""
    await world.apply()
    async with world.session() as (session, wire):
        current = await session.look()
        wire.calls.clear()
        deleted = await destroy(
            session.adobe, session.desired, current, progress=world.progress.append
        )
    assert deleted == list(ORDER)
    assert sum(world.made().values()) == 0
    writes = [call for call in wire.calls if not call.startswith("GET ")]
    assert writes[0].startswith("DELETE /data/foundation/flowservice/flows/")


async def test_destroyed_after_a_failure(world: World):
    """A run that was refused half-way is finished by the next one."""
    await world.apply()

    async def refuse(_number: int, request: httpx.Request, handle: Handle) -> httpx.Response:
        if request.method == "DELETE" and "targetConnections" in request.url.path:
            return httpx.Response(403, json={"error_code": "403025", "message": "no"})
        return await handle(request)

    async with world.session(hook=refuse) as (session, wire):
        with pytest.raises(AdobeError):
            await world.take_down(session)
        wire.hook = None
        assert await world.take_down(session) == [
            "target", "mapping", "dataset", "schema", "field_group",
        ]  # fmt: skip
    assert sum(world.made().values()) == 0


async def test_only_what_is_named(world: World):
    """One resource can go alone, if nothing uses it."""
    await world.apply()
    async with world.session() as (session, _):
        current = await session.look()
        assert await destroy(
            session.adobe, session.desired, current, only=("flow",), progress=world.progress.append
        ) == ["flow"]
    assert world.made() == {**ONE_OF_EACH, "flows": 0}


@pytest.mark.parametrize("resource", ["dataset", "target"])
async def test_what_the_flow_uses_stays(world: World, resource: str):
    """What the flow uses is refused alone, and the error says what to delete first."""
    await world.apply()
    async with world.session() as (session, _):
        current = await session.look()
        with pytest.raises(AdobeError) as caught:
            await destroy(
                session.adobe, session.desired, current, only=(resource,), progress=print
            )
    assert "delete the flow first" in caught.value.hint
    assert world.made() == ONE_OF_EACH


async def test_a_mapping_set_that_others_use(world: World):
    """A mapping set that another flow uses is neither taken over nor deleted."""
    world.desired = desired("marketing", rows=ROWS)
    first = await world.apply()
    world.desired = replace(
        desired("second", rows=ROWS), name="Second", schema_id=first.ids.schema
    )
    second = await world.apply(memory="second")
    assert second.ids.mapping != first.ids.mapping
    flow = _sandbox(world).of("flows")[second.ids.flow]
    flow["transformations"][0]["params"]["mappingId"] = first.ids.mapping
    world.desired = desired("marketing", rows=ROWS)
    async with world.session() as (session, _):
        deleted = await destroy(
            session.adobe,
            session.desired,
            await session.look(),
            only=("flow", "mapping"),
            progress=world.progress.append,
        )
    assert deleted == ["flow"]
    assert (
        f"leave mapping set {first.ids.mapping}: flow {second.ids.flow} uses it, too"
        in world.progress
    )
