"""The audit trail: one row a deed, however many pages it takes, and how a person reads it."""

from __future__ import annotations

import asyncio
import math

import pytest
from spool_kit import envelopes, settlements, spool_at, take
from typer.testing import CliRunner

from relay.cli.app import build
from relay.clock import ManualClock
from relay.control import Desk, change_all, named
from relay.errors import ControlError
from relay.outcome import Reason
from relay.spool.port import Deed, Query


async def quarantined(spool, count):
    """*count* events in quarantine."""
    await spool.append(envelopes(count))
    await spool.settle(settlements(await take(spool, count), Reason.NOT_JSON))


@pytest.mark.parametrize(("per_s", "limit"), [(math.inf, 1_000), (0.001, 1)])
async def test_a_rate_of_any_size_ends(tmp_path, per_s, limit):
    """No rate is too much to be reckoned with, and after the last event nothing is waited for."""
    async with spool_at(tmp_path) as spool, asyncio.timeout(10):
        await quarantined(spool, 3)
        done = await change_all(Desk(spool), "drop", Query(limit=limit), per_s=per_s, who="ann")
        assert done.done == min(limit, 3)


async def test_pages_of_one_command_are_one_deed(tmp_path):
    """A drop of more than a page, and one of an entry every ten seconds, are one row each."""
    clock = ManualClock()
    async with spool_at(tmp_path, clock) as spool:
        await quarantined(spool, 1_210)
        desk = Desk(spool)
        done = await change_all(desk, "drop", Query(limit=1_200), who="ann")
        assert done.done == 1_200
        clock.advance(60)
        at_s = clock.wall_s()
        for position in range(1_201, 1_211):
            clock.advance(10)
            await spool.drop(Query(position=position), who="ann")
        deeds = [Deed(**value) for value in (await desk.call("trail"))["trail"]]
        assert deeds == [
            Deed(at_s + 100, "ann", "drop", 10, "1201-1210"),
            Deed(at_s - 60, "ann", "drop", 1_200, "1-1200"),
        ]


async def test_another_deed_is_another_row(tmp_path):
    """Another person or verb, a position again or from before, a pause: each is told apart."""
    clock = ManualClock()
    async with spool_at(tmp_path, clock) as spool:
        await quarantined(spool, 9)
        for position, who in ((4, "ann"), (6, "ann"), (7, "bob"), (2, "bob")):
            await spool.drop(Query(position=position), who=who)
        await spool.replay(Query(position=8), who="bob")
        await spool.settle(settlements(await take(spool, 1), Reason.NOT_JSON))
        await spool.replay(Query(position=8), who="bob")
        clock.advance(16)
        await spool.replay(Query(position=9), who="bob")
        told = [
            (deed.who, deed.what, deed.entries, deed.positions) for deed in await spool.trail()
        ]
        assert told == [
            ("bob", "replay", 1, "9"),
            ("bob", "replay", 1, "8"),
            ("bob", "replay", 1, "8"),
            ("bob", "drop", 1, "2"),
            ("bob", "drop", 1, "7"),
            ("ann", "drop", 2, "4,6"),
        ]


@pytest.mark.parametrize("limit", [0, -1, "5", 1.5, True, None])
async def test_a_limit_that_is_none_is_refused(tmp_path, limit):
    """Over the socket too the trail's limit is a whole number from 1 on."""
    async with spool_at(tmp_path) as spool:
        with pytest.raises(ControlError, match="limit"):
            await Desk(spool).call("trail", limit=limit)


async def test_any_large_limit_is_all(tmp_path):
    """A limit beyond what is kept, or what a database counts to, is no error."""
    async with spool_at(tmp_path) as spool:
        assert await Desk(spool).call("trail", limit=1 << 70) == {"trail": []}


async def test_what_is_named_is_looked_up_without_the_rest(tmp_path):
    """An event is found by position whatever else was asked; one that never came is refused."""
    async with spool_at(tmp_path) as spool:
        await quarantined(spool, 2)
        desk = Desk(spool)
        (found,) = await named(desk, Query(position=2, reason=Reason.EXPIRED, route="other"))
        assert (found.position, found.reason) == (2, Reason.NOT_JSON)
        assert await named(desk, Query(reason=Reason.EXPIRED)) == []
        with pytest.raises(ControlError, match="no event at position 3"):
            await named(desk, Query(position=3))
        with pytest.raises(ControlError, match="no event with this id"):
            await named(desk, Query(event_id="id-3"))


def test_a_name_with_a_line_break_is_one_line(tmp_path):
    """What a name holds cannot look like another deed."""

    async def drop():
        async with spool_at(tmp_path / "spool") as spool:
            await quarantined(spool, 1)
            await spool.drop(Query(), who="ann\n\x1b[2Kbob")

    asyncio.run(drop())
    config = tmp_path / "relay.toml"
    config.write_text(
        f'[spool]\npath = "{tmp_path / "spool"}"\nsegment_bytes = 65536\nreserve_bytes = 65536\n'
    )
    done = CliRunner().invoke(build(["audit"]), ["audit", "--trail", "--config", str(config)])
    assert done.exit_code == 0, done.output
    assert [line.split()[1:] for line in done.stdout.splitlines()] == [
        ["who", "what", "events", "positions"],
        ["ann??[2Kbob", "drop", "1", "1"],
    ]
