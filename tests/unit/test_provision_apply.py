"""Applying: from nothing, again, after damage, through every failure, and two at once."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import httpx
import pytest
from provision_kit import ONE_OF_EACH, Handle, Hook, Killed, World

from relay.provision.destroy import destroy
from relay.provision.plan import Action, has_changes, make_plan

_MOST_CALLS = 80


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def _calls_of_one_run(tmp_path: Path) -> list[str]:
    world = World(tmp_path / "measured")
    async with world.session() as (session, wire):
        await session.apply(world.progress.append)
    return wire.calls


async def _is_as_wanted(world: World) -> bool:
    """Whether a look from elsewhere, which remembers nothing, finds nothing to do."""
    async with world.session(memory="elsewhere") as (session, _):
        current = await session.look()
        return not has_changes(make_plan(session.desired, current)) and not current.obstacles


async def test_from_nothing(world: World):
    """On an empty Adobe one of each resource is made and the flow has its inlet."""
    applied = await world.apply()
    assert world.made() == ONE_OF_EACH
    assert applied.state == "enabled"
    assert applied.inlet_url.startswith("https://adobe:8090/collection/")
    made = [step.resource for step in applied.steps if step.action is Action.CREATE]
    assert made == ["field_group", "schema", "dataset", "mapping", "source", "target", "flow"]


async def test_settling_time_is_told(world: World):
    """A flow that was made wants its events five minutes later."""
    applied = await world.apply()
    assert applied.not_before_s == pytest.approx(world.clock.wall_s() + 300)


async def test_a_wait_for_the_flow_is_told(world: World):
    """While the flow is being enabled, whoever waits is told of it, once a state."""
    applied = await world.apply()
    assert world.progress[-2:] == [
        "create flow: there is none",
        f"flow {applied.ids.flow} is initializing; waiting",
    ]


async def test_again_changes_nothing(world: World):
    """A second run writes nothing, with and without remembered ids."""
    first = await world.apply()
    for forgets in (False, True):
        if forgets:
            world.forget()
        async with world.session() as (session, wire):
            again = await session.apply(world.progress.append)
        assert {call.split()[0] for call in wire.calls} == {"GET"}
        assert again.ids == first.ids
        assert all(step.action is Action.LEAVE for step in again.steps)


async def test_settling_time_survives_a_killed_run(world: World):
    """A run after one that was killed behind the flow's creation still tells the settling time."""

    async def kill_behind_the_flow(_n: int, request: httpx.Request, handle: Handle):
        answer = await handle(request)
        if (request.method, request.url.path.rsplit("/", 1)[-1]) == ("POST", "flows"):
            raise Killed
        return answer

    with pytest.raises(Killed):
        await world.apply(hook=kill_behind_the_flow)
    world.clock.advance(10)
    applied = await world.apply()
    left_s = applied.not_before_s - world.clock.wall_s()
    assert 280 < left_s <= 300
    world.clock.advance(300)
    assert (await world.apply()).not_before_s == 0


@pytest.mark.parametrize(
    ("resource", "also"),
    [
        ("flow", ()),
        ("source", ("flow",)),
        ("target", ("flow",)),
        ("mapping", ("flow",)),
        ("dataset", ("flow",)),
        ("schema", ("flow", "dataset")),
        ("field_group", ("flow", "dataset", "schema")),
    ],
)
@pytest.mark.parametrize("forgets", [False, True])
async def test_after_deleting_one_by_hand(
    world: World, resource: str, also: tuple[str, ...], *, forgets: bool
):
    """What a person deleted (with what had to go first) is made again, and nothing else."""
    await world.apply()
    async with world.session() as (session, _):
        current = await session.look()
        await destroy(
            session.adobe,
            session.desired,
            current,
            only=(resource, *also),
            progress=world.progress.append,
        )
    if forgets:
        world.forget()
    applied = await world.apply()
    assert applied.state == "enabled"
    assert await _is_as_wanted(world)
    # A mapping set has no name: one for a schema that is gone is found by its id alone.
    lost = int(forgets and "schema" in (resource, *also))
    assert world.made() == {**ONE_OF_EACH, "mappingSets": 1 + lost}


@pytest.mark.parametrize("forgets", [False, True])
@pytest.mark.parametrize("reaches", [False, True])
async def test_killed_at_every_step(tmp_path: Path, *, reaches: bool, forgets: bool):
    """Killed before or behind any call, the next run ends with one of each."""
    calls = await _calls_of_one_run(tmp_path)
    assert 10 < len(calls) < _MOST_CALLS
    for step in range(1, len(calls) + 1):
        world = World(tmp_path / str(step))

        async def kill(number: int, request: httpx.Request, handle: Handle, step: int = step):
            if number < step:
                return await handle(request)
            if reaches:
                await handle(request)
            raise Killed

        with pytest.raises(Killed):
            await world.apply(hook=kill)
        if forgets:
            world.forget()
        applied = await world.apply()
        assert (step, applied.state, world.made()) == (step, "enabled", ONE_OF_EACH)
        assert await _is_as_wanted(world), step


def _answering(status: int, step: int, *, reaches: bool) -> Hook:
    async def hook(number: int, request: httpx.Request, handle: Handle) -> httpx.Response:
        if number != step:
            return await handle(request)
        if reaches:
            await handle(request)
        return httpx.Response(status, headers={"retry-after": "7"}, json={"title": "no"})

    return hook


@pytest.mark.parametrize(
    ("status", "reaches"), [(429, False), (500, False), (500, True), (503, True), (504, True)]
)
async def test_refused_at_every_step(tmp_path: Path, status: int, *, reaches: bool):
    """A 429 or a 5xx at any call, carried out or not, costs nothing but time."""
    calls = await _calls_of_one_run(tmp_path)
    for step in range(1, len(calls) + 1):
        world = World(tmp_path / str(step))
        applied = await world.apply(hook=_answering(status, step, reaches=reaches))
        assert (step, applied.state, world.made()) == (step, "enabled", ONE_OF_EACH)


@pytest.mark.parametrize("reaches", [False, True])
async def test_connection_lost_at_every_step(tmp_path: Path, *, reaches: bool):
    """An answer that never comes, to a call that was carried out or not, does no harm."""
    calls = await _calls_of_one_run(tmp_path)
    for step in range(1, len(calls) + 1):
        world = World(tmp_path / str(step))

        async def lose(number: int, request: httpx.Request, handle: Handle, step: int = step):
            if number != step:
                return await handle(request)
            if reaches:
                await handle(request)
            raise httpx.ReadTimeout("")

        applied = await world.apply(hook=lose)
        assert (step, applied.state, world.made()) == (step, "enabled", ONE_OF_EACH)


@pytest.mark.parametrize("seed", range(12))
async def test_two_at_once(world: World, seed: int):
    """Two runs on two machines, however their calls fall, end with the same one of each."""
    order = random.Random(seed)

    async def dawdle(_number: int, request: httpx.Request, handle: Handle):
        for _ in range(order.randrange(8)):
            await asyncio.sleep(0)
        world.clock.advance(0.002)
        return await handle(request)

    one, other = await asyncio.gather(
        world.apply(hook=dawdle, memory="here"), world.apply(hook=dawdle, memory="there")
    )
    assert one.inlet_url == other.inlet_url
    assert (one.ids.flow, one.ids.dataset) == (other.ids.flow, other.ids.dataset)
    assert world.made() == ONE_OF_EACH
    assert await _is_as_wanted(world)


async def test_two_at_once_on_one_machine(world: World):
    """Two runs on one machine take turns: the second finds everything made."""
    one, other = await asyncio.gather(world.apply(), world.apply())
    assert one.ids == other.ids
    actions = sorted({step.action for step in (*one.steps, *other.steps)})
    assert actions == [Action.CREATE, Action.LEAVE]
    assert world.made() == ONE_OF_EACH
