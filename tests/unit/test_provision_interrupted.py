"""Changes and removals that are cut off or refused at every step, and finished by the next run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from provision_kit import Handle, Hook, Killed, World, desired

from relay.errors import AdobeError
from relay.provision.destroy import destroy
from relay.provision.plan import has_changes, make_plan

_ROWS = [
    {"sourceType": "ATTRIBUTE", "source": "event_id", "destination": "_a.event_id0"},
    {"sourceType": "ATTRIBUTE", "source": "metric", "destination": "_a.metricx"},
]


async def _made(folder: Path, change: str) -> World:
    """A set-up that exists, and wishes that differ from it."""
    world = World(folder)
    if change == "another schema":
        route, world.desired = world.desired, replace(desired("other"), name="Given")
        given = await world.apply(memory="other")
        world.desired = route
        await world.apply()
        world.desired = replace(route, schema_id=given.ids.schema)
        return world
    await world.apply()
    if change == "other rows":
        world.desired = desired("marketing", rows=_ROWS)
    else:
        world.desired = replace(world.desired, name="Renamed", description="Another")
    return world


# The last one replaces everything, in many more steps.
CHANGES = [
    "other rows",
    "another name",
    pytest.param("another schema", marks=pytest.mark.prove),
]


def _killing(step: int, *, reaches: bool) -> Hook:
    async def hook(number: int, request: httpx.Request, handle: Handle) -> httpx.Response:
        if number < step:
            return await handle(request)
        if reaches:
            await handle(request)
        raise Killed

    return hook


def _failing(step: int, *, reaches: bool) -> Hook:
    async def hook(number: int, request: httpx.Request, handle: Handle) -> httpx.Response:
        if number != step:
            return await handle(request)
        if reaches:
            await handle(request)
        return httpx.Response(500)

    return hook


async def _is_finished(world: World) -> bool:
    async with world.session() as (session, _):
        current = await session.look()
        return not has_changes(make_plan(session.desired, current)) and not current.obstacles


def _live(world: World) -> tuple[int, int, int]:
    made = world.made()
    return made["flows"], made["sourceConnections"], made["targetConnections"]


@pytest.mark.parametrize("reaches", [False, True])
@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_killed_at_every_step(tmp_path: Path, change: str, *, reaches: bool):
    """A change that was killed before or behind any call is finished by the next run."""
    made = await _made(tmp_path / "made", change)
    world = made.copy(tmp_path / "measured")
    async with world.session() as (session, wire):
        await session.apply(world.progress.append)
    wanted = _live(world)
    for step in range(1, len(wire.calls) + 1):
        world = made.copy(tmp_path / str(step))
        with pytest.raises(Killed):
            await world.apply(hook=_killing(step, reaches=reaches))
        applied = await world.apply()
        assert (step, applied.state, _live(world)) == (step, "enabled", wanted)
        assert await _is_finished(world), step


@pytest.mark.parametrize("reaches", [False, True])
@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_refused_at_every_step(tmp_path: Path, change: str, *, reaches: bool):
    """A 500 at any call of a change, carried out or not, costs nothing but time."""
    made = await _made(tmp_path / "made", change)
    world = made.copy(tmp_path / "measured")
    async with world.session() as (session, wire):
        await session.apply(world.progress.append)
    wanted = _live(world)
    for step in range(1, len(wire.calls) + 1):
        world = made.copy(tmp_path / str(step))
        applied = await world.apply(hook=_failing(step, reaches=reaches))
        assert (step, applied.state, _live(world)) == (step, "enabled", wanted)
        assert await _is_finished(world), step


async def _take_down(world: World, hook: Hook | None = None) -> None:
    async with world.session(hook=hook) as (session, _):
        current = await session.look()
        await destroy(session.adobe, session.desired, current, progress=world.progress.append)


@pytest.mark.parametrize("reaches", [False, True])
@pytest.mark.parametrize("breaking", [_killing, _failing])
async def test_a_removal_broken_at_every_step(tmp_path: Path, breaking, *, reaches: bool):
    """A removal that was cut off anywhere is finished by the next run."""
    made = World(tmp_path / "made")
    await made.apply()
    world = made.copy(tmp_path / "measured")
    async with world.session() as (session, wire):
        current = await session.look()
        await destroy(session.adobe, session.desired, current, progress=world.progress.append)
    for step in range(1, len(wire.calls) + 1):
        world = made.copy(tmp_path / str(step))
        try:
            await _take_down(world, breaking(step, reaches=reaches))
        except (Killed, AdobeError):
            await _take_down(world)
        assert (step, sum(world.made().values())) == (step, 0)
