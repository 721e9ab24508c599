"""The control socket: searches that take long, and work that is cut short."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

import pytest

from relay import control
from relay.control import ControlClient, ControlServer, change_all
from relay.errors import ControlError
from relay.spool.port import Query, Replayed

pytestmark = pytest.mark.sockets


class SlowDesk:
    """Answers after *after_s*; *replies* are given one by one, then the relay is gone."""

    def __init__(self, *, after_s: float = 0.0, replies: int = 1) -> None:
        self.after_s = after_s
        self.left = replies

    async def call(self, verb, **arguments):
        await asyncio.sleep(self.after_s)
        self.left -= 1
        if self.left < 0:
            raise ControlError("the relay closed the control connection", hint="look at paths")
        limit, after = arguments.get("limit", 100), arguments.get("after", 0)
        return asdict(Replayed(done=limit, last=after + limit))


@pytest.fixture
def hasty(monkeypatch):
    """Whoever hears nothing for 0.2 s gives up; the relay gives a sign every 0.02 s."""
    monkeypatch.setattr(control, "_TIMEOUT_S", 0.2)
    monkeypatch.setattr(control, "_SIGN_S", 0.02)


async def test_a_search_may_take_longer_than_the_patience_with_a_silent_relay(tmp_path, hasty):
    """The signs of life before the answer are no part of it."""
    server = ControlServer(tmp_path, SlowDesk(after_s=0.6))
    await server.open()
    try:
        answer = await ControlClient(tmp_path).call("events", limit=7)
    finally:
        await server.close()
    assert answer["done"] == 7


async def test_a_relay_that_hangs_is_given_up(tmp_path, hasty, monkeypatch):
    """Without a sign of life the command ends."""
    monkeypatch.setattr(control, "_SIGN_S", 10.0)
    (tmp_path / "version").write_text("1")
    server = ControlServer(tmp_path, SlowDesk(after_s=0.6))
    await server.open()
    try:
        with pytest.raises(ControlError):
            await ControlClient(tmp_path).call("events")
    finally:
        await server.close()


async def test_work_that_is_cut_short_says_how_much_was_done():
    """The count and the last position, and no advice about paths that are right."""
    with pytest.raises(ControlError) as raised:
        await change_all(SlowDesk(replies=2), "replay", Query(limit=5000))
    assert "after 1000 events, up to position 1000: the relay closed" in raised.value.message
    assert "path" not in raised.value.hint


async def test_work_that_cannot_begin_says_why():
    """Nothing was done: the first error is all that there is to tell."""
    with pytest.raises(ControlError, match=r"^the relay closed") as raised:
        await change_all(SlowDesk(replies=0), "replay", Query(limit=1000))
    assert raised.value.hint == "look at paths"
