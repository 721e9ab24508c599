"""A state that cannot be written: patience, then an end that loses nothing."""

from __future__ import annotations

import pytest
from forward_kit import Rig, event, rig_in
from structlog.testing import capture_logs

from relay.errors import SpoolFailed
from relay.forward import settling
from relay.retry import Schedule

pytestmark = pytest.mark.sockets


@pytest.fixture
async def rig(tmp_path, monkeypatch):
    monkeypatch.setattr(settling, "_RETRIES", Schedule(base_s=0.001, max_s=0.01))
    async with rig_in(tmp_path) as made:
        yield made


def failing(rig: Rig, times: int) -> None:
    """The next *times* settlements fail, as on a disk that refuses."""
    settle = rig.spool.settle
    left = times

    async def refuse(settlements):
        nonlocal left
        left -= 1
        if left >= 0:
            raise SpoolFailed("the disk refused")
        await settle(settlements)

    rig.spool.settle = refuse


async def test_a_write_that_fails_for_a_moment_is_repeated(rig: Rig):
    """Nothing is sent again for a settlement that succeeds at the third try; the log says why."""
    failing(rig, 2)
    await rig.append(event("e"))
    with capture_logs() as logs:
        rig.start()
        await rig.settled()
    told = [one["why"] for one in logs if one["event"] == "spool_write_failed"]
    assert told == ["the disk refused"] * 2
    assert rig.outcomes == {"delivered": 1}
    assert rig.inlet.taken == {"e": 1}


async def test_a_write_that_keeps_failing_ends_run_and_loses_nothing(rig: Rig):
    """Run raises SpoolFailed; begun again from the cursor, every event is delivered."""
    failing(rig, 8)
    await rig.append(*[event(f"e{number}") for number in range(50)])
    forward = rig.start()
    with pytest.raises(SpoolFailed):
        await rig.settled()
    rig._task = None
    assert forward.stats().state == "ended"
    await forward.finish(within_s=1)
    assert rig.spool.stats().pending == 50
    rig.spool.rewind("marketing")
    rig.start()
    await rig.settled()
    assert rig.outcomes == {"delivered": 50}


async def test_finish_before_run_makes_run_end_at_once(rig: Rig):
    """A stop that comes before the start is obeyed."""
    await rig.append(event("e"))
    route, transform, inlet = rig.parts()
    rig.parts = lambda **_: (route, transform, inlet)
    forward = rig.start()
    await forward.finish(within_s=1)
    await rig._task
    assert not rig.inlet.requests
    assert rig.spool.stats().pending == 1
