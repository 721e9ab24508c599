"""A reader at the log's end is given what is stored next from memory, and nothing else changes."""

from __future__ import annotations

import asyncio
import random

import pytest
from spool_kit import envelope, settlements, spool_at

from relay.envelope import Envelope
from relay.spool import reader


async def _take_all(spool, last: int) -> list[int]:
    positions: list[int] = []
    while not positions or positions[-1] < last:
        entries = await spool.read("a", max_entries=7, max_bytes=1 << 20)
        positions += [entry.position for entry in entries]
    return positions


async def test_what_is_stored_next_is_the_same_object(tmp_path):
    """Once a reader has come to the end, it hands out the envelope that was appended."""
    async with spool_at(tmp_path) as spool:
        first, second = envelope(1), envelope(2)
        await spool.append([first])
        (read,) = await spool.read("a", max_entries=10, max_bytes=1 << 20)
        await spool.append([second])
        (followed,) = await spool.read("a", max_entries=10, max_bytes=1 << 20)
        assert read.envelope == first
        assert read.envelope is not first
        assert (followed.position, followed.envelope) == (2, second)
        assert followed.envelope is second


@pytest.mark.parametrize("limit", [0, 3, 20, 2000])
@pytest.mark.parametrize("seed", range(5))
async def test_each_entry_comes_once_and_in_order(tmp_path, monkeypatch, seed, limit):
    """However reads and appends alternate, over segments, other routes and settled entries."""
    monkeypatch.setattr(reader, "_FOLLOWED_ENTRIES", limit)
    dice = random.Random(seed)
    async with asyncio.timeout(60), spool_at(tmp_path) as spool:
        given: list[int] = []
        taken: list[int] = []
        last = 0
        for _ in range(60):
            calls = [
                Envelope(dice.choice("aaab"), 1.0, (), bytes(dice.randrange(3000)))
                for _ in range(dice.randrange(1, 12))
            ]
            for call in calls:
                last = await spool.append([call])
                if call.route == "a":
                    given.append(last)
            if given and len(taken) < len(given) and dice.random() < 0.7:
                entries = await spool.read("a", max_entries=dice.randrange(1, 9), max_bytes=9000)
                taken += [entry.position for entry in entries]
                await spool.settle(settlements(entries))
        while len(taken) < len(given):
            entries = await spool.read("a", max_entries=100, max_bytes=1 << 20)
            taken += [entry.position for entry in entries]
        assert taken == given


async def test_what_nobody_asks_for_stays_on_disk(tmp_path, monkeypatch):
    """Behind its limit a reader takes nothing from memory, and misses nothing for it."""
    monkeypatch.setattr(reader, "_FOLLOWED_ENTRIES", 3)
    async with asyncio.timeout(60), spool_at(tmp_path) as spool:
        await spool.append([envelope(1)])
        await spool.read("a", max_entries=10, max_bytes=1 << 20)
        later = [envelope(number) for number in range(2, 30)]
        for one in later:
            await spool.append([one])
        assert await _take_all(spool, 29) == list(range(2, 30))
