"""From the spool to an inlet over loopback: what is taken, and what goes no further."""

from __future__ import annotations

import gzip
import hashlib
import hmac

import pytest
from forward_kit import CannedInlet, Rig, each, event, rig_in

pytestmark = pytest.mark.sockets


@pytest.fixture
async def rig(tmp_path):
    async with rig_in(tmp_path) as made:
        yield made


async def test_events_are_spliced_into_batches_and_delivered(rig: Rig):
    """1,200 events arrive once each, in order, raw, in batches of at most 500."""
    bodies = [event(f"e{number}") for number in range(1200)]
    await rig.append(*bodies)
    rig.start(mode="batch", ordering="strict")
    await rig.settled()
    assert rig.outcomes == {"delivered": 1200}
    assert rig.inlet.order == [f"e{number}" for number in range(1200)]
    assert rig.inlet.requests[0].body == b'{"messages":[' + b",".join(bodies[:500]) + b"]}"
    assert [len(request.ids) for request in rig.inlet.requests] == [500, 500, 200]
