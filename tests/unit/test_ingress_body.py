"""A body as it arrives: kept, spilled, capped, given up."""

from __future__ import annotations

import asyncio

import pytest

from relay.config import ServerConfig
from relay.customerio.signature import Keys, match, sign
from relay.ingress.answers import BUSY, TOO_LARGE
from relay.ingress.body import Body, InFlight

LIMITS = ServerConfig.model_validate({"max_body_memory": 10, "max_body_bytes": 20})
STAMP = "1"


def sender(*chunks: bytes, leaves: bool = False):
    """An ASGI receive that gives *chunks*, then the end or the news that the sender left."""
    last = [] if leaves else [chunks[-1]]
    messages = [
        {"type": "http.request", "body": chunk, "more_body": True}
        for chunk in chunks[: len(chunks) - len(last)]
    ]
    messages += [{"type": "http.request", "body": chunk} for chunk in last]
    messages += [{"type": "http.disconnect"}]
    left = iter(messages)

    async def receive():
        return next(left)

    return receive


async def read(tmp_path, receive, in_flight: InFlight):
    body, codes = Body(receive, in_flight), Keys(["k"]).begin(STAMP.encode())
    refusal = await body.read(codes, LIMITS, tmp_path / "large")
    return body, codes, refusal


@pytest.mark.parametrize(
    "chunks",
    [
        (b"",),
        (b"0123456789",),
        (b"01", b"23", b"456789"),
        (b"", b"0123456789"),
        (b"0123456789", b""),
        (b"0", b"", b"1"),
    ],
)
async def test_chunks_are_put_together_and_hashed(tmp_path, chunks):
    """However the bytes come, the body and its signature are those of the whole."""
    in_flight, whole = InFlight(1000), b"".join(chunks)
    body, codes, refusal = await read(tmp_path, sender(*chunks), in_flight)
    assert (refusal, body.data, body.is_complete, body.spill) == (None, whole, True, None)
    assert match(codes, sign("k", STAMP, whole).encode()) == 0
    assert in_flight.bytes == len(whole)
    body.release()
    await body.discard()
    assert in_flight.bytes == 0
    assert not (tmp_path / "large").exists()


@pytest.mark.parametrize(
    "chunks", [(b"0123456789a",), (b"01234", b"56789a", b"bcd"), (b"x" * 20,)]
)
async def test_over_the_memory_cap_it_is_spilled(tmp_path, chunks):
    """The file holds the whole body, only its owner may read it, and it is kept on demand."""
    whole = b"".join(chunks)
    body, codes, refusal = await read(tmp_path, sender(*chunks), InFlight(1000))
    assert refusal is None
    assert body.data == b""
    assert body.spill is not None
    assert not body.is_storing
    await body.spill.finish()
    path = tmp_path / "large" / body.spill.name
    assert path.read_bytes() == whole
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert match(codes, sign("k", STAMP, whole).encode()) == 0
    body.is_kept = True
    body.release()
    await body.discard()
    assert path.exists()


async def test_a_spilled_body_that_nobody_keeps_is_removed(tmp_path):
    """Released without being appended, its file is gone."""
    body, _, _ = await read(tmp_path, sender(b"x" * 15), InFlight(1000))
    assert body.spill is not None
    await body.spill.finish()
    body.release()
    await body.discard()
    assert list((tmp_path / "large").iterdir()) == []


@pytest.mark.parametrize("chunks", [(b"x" * 21,), (b"x" * 20, b"x"), (b"x" * 5,) * 9])
async def test_over_the_hard_cap_it_is_refused(tmp_path, chunks):
    """413 as soon as the bytes pass the cap; nothing is left in memory accounts or on disk."""
    in_flight = InFlight(1000)
    body, _, refusal = await read(tmp_path, sender(*chunks), in_flight)
    assert refusal is TOO_LARGE
    assert not body.is_complete or sum(map(len, chunks)) == 21
    body.release()
    await body.discard()
    assert in_flight.bytes == 0
    assert not list(tmp_path.glob("large/*"))


async def test_the_cap_over_all_bodies(tmp_path):
    """What others hold counts: 503 beyond the cap, and only this body's bytes are given back."""
    in_flight = InFlight(12, bytes=8)
    body, _, refusal = await read(tmp_path, sender(b"1234", b"5"), in_flight)
    assert refusal is BUSY
    body.release()
    await body.discard()
    assert in_flight.bytes == 8


@pytest.mark.parametrize("chunks", [(), (b"1",), (b"x" * 12,)])
async def test_a_sender_that_leaves(tmp_path, chunks):
    """The body is gone, not complete, and leaves nothing behind."""
    in_flight = InFlight(1000)
    body, _, refusal = await read(tmp_path, sender(*chunks, leaves=True), in_flight)
    assert (refusal, body.is_gone, body.is_complete) == (None, True, False)
    body.release()
    await body.discard()
    assert in_flight.bytes == 0
    assert not list(tmp_path.glob("large/*"))


async def test_a_body_interrupted_while_spilling_leaves_no_file(tmp_path):
    """A delivery that runs out of time in the middle of a large body removes its file."""
    began = asyncio.Event()
    chunks = iter([b"x" * 15])

    async def receive():
        for chunk in chunks:
            return {"type": "http.request", "body": chunk, "more_body": True}
        began.set()
        return await asyncio.Event().wait()

    body = Body(receive, InFlight(1000))
    reading = asyncio.create_task(
        body.read(Keys(["k"]).begin(STAMP.encode()), LIMITS, tmp_path / "large")
    )
    await began.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    body.release()
    await body.discard()
    assert not list(tmp_path.glob("large/*"))
