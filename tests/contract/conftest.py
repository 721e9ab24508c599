"""The spools that the contract's tests of `relay.spool.port` ask for: one of every backend."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from spool_kit import open_spool

from relay.clock import ManualClock
from relay.spool.port import Spool

Opener = Callable[..., Awaitable[Spool]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["local"])
async def reopen(request, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Opener]:
    """Close the backend's spool, if it is open, and open it again."""
    openers = {"local": open_spool}
    opened: list[Spool] = []

    async def again(**settings: object) -> Spool:
        for spool in opened:
            await spool.close()
        opened.append(await openers[request.param](tmp_path / "spool", clock, **settings))
        return opened[-1]

    yield again
    for spool in opened:
        assert spool.stats().adds_up
        await spool.close()


@pytest.fixture
async def spool(reopen: Opener) -> Spool:
    return await reopen()
