"""Frames and intervals, over all values they may take."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from relay.envelope import Envelope
from relay.spool import frame
from relay.spool.intervals import Intervals

TEXT = st.text(st.characters(codec=None), max_size=20)
ENVELOPES = st.builds(
    Envelope,
    TEXT,
    st.floats(allow_nan=False),
    st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple),
    st.binary(max_size=200),
) | st.builds(
    Envelope,
    TEXT,
    st.floats(allow_nan=False),
    st.just(()),
    st.just(b""),
    st.from_regex(r"[0-9a-f.]{1,30}", fullmatch=True),
    st.integers(1, 1 << 40),
)
SALTS = st.integers(0, (1 << 32) - 1)


def encoded(one: Envelope, *, position: int = 7, salt: int = 0) -> bytes:
    """The bytes of one frame."""
    return b"".join(frame.encode_run([one], position, 3, 2, salt))


@given(ENVELOPES, SALTS, st.integers(0, (1 << 64) - 1), st.binary(max_size=50))
def test_a_frame_reads_as_it_was_written(one, salt, position, before):
    """Any envelope comes back from its frame, wherever in a buffer, in the size foretold."""
    raw = encoded(one, position=position, salt=salt)
    assert len(raw) == frame.length_at(raw, 0)
    found = frame.decode(before + raw, len(before), salt=salt)
    assert found is not None
    assert (found.position, found.durable, found.epoch) == (position, 3, 2)
    assert frame.envelope(before + raw, found) == one
    assert frame.body_bytes(before + raw, found) == one.size_bytes


@given(st.lists(ENVELOPES, min_size=1, max_size=8), st.data())
def test_a_run_ends_before_what_does_not_follow(envelopes, data):
    """Frames are read until one is damaged, skips a position, is cut off or starts too late."""
    hurt = data.draw(st.integers(0, len(envelopes)))
    how = data.draw(st.sampled_from(["damaged", "skips", "cut", "late"]))
    raws = [
        encoded(one, position=7 + at + (how == "skips" and at >= hurt))
        for at, one in enumerate(envelopes)
    ]
    starts = [0, *itertools.accumulate(map(len, raws))]
    buffer = b"".join(raws)
    stop = starts[hurt] if how == "late" else len(buffer)
    if hurt < len(raws) and how == "damaged":
        bit = data.draw(st.integers(0, len(raws[hurt]) * 8 - 1))
        byte = starts[hurt] + bit // 8
        buffer = buffer[:byte] + bytes([buffer[byte] ^ 1 << bit % 8]) + buffer[byte + 1 :]
    elif hurt < len(raws) and how == "cut":
        buffer = buffer[: data.draw(st.integers(starts[hurt], starts[hurt + 1] - 1))]
    found = frame.decode_run(buffer, 0, stop, 0, 7)
    assert [item.position for item in found] == list(range(7, 7 + hurt))
    assert [frame.envelope(buffer, item) for item in found] == envelopes[:hurt]


@given(ENVELOPES, SALTS, st.data())
def test_a_changed_frame_does_not_read(one, salt, data):
    """A frame with any bit flipped, any byte missing, or another salt is none."""
    raw = bytearray(encoded(one, salt=salt))
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    assert frame.decode(bytes(raw), 0, salt=salt) is None
    raw[bit // 8] ^= 1 << bit % 8
    assert frame.decode(bytes(raw), 0, salt=salt ^ 1) is None
    assert (
        frame.decode(bytes(raw[: data.draw(st.integers(0, len(raw) - 1))]), 0, salt=salt) is None
    )


@given(st.binary(max_size=300), SALTS)
def test_noise_is_no_frame(noise, salt):
    """Reading any bytes gives no frame and raises nothing."""
    assert frame.decode(noise, 0, salt=salt) is None
    assert frame.find_next(noise, 0, salt=salt, above=0) is None


SPANS = st.lists(st.tuples(st.integers(1, 80), st.integers(0, 10)), max_size=25)


@given(SPANS, st.integers(0, 100), st.integers(0, 30))
def test_intervals_are_a_set(spans, first, length):
    """Intervals hold what a set of the same positions holds, as few ranges as can be."""
    plain: set[int] = set()
    intervals = Intervals()
    for low, more in spans:
        intervals.add(low, low + more)
        plain |= set(range(low, low + more + 1))
    assert {n for low, high in intervals for n in range(low, high + 1)} == plain
    assert [n in intervals for n in range(100)] == [n in plain for n in range(100)]
    assert (intervals.count, intervals.last) == (len(plain), max(plain, default=0))
    ranges = list(intervals)
    assert all(low[1] + 1 < high[0] for low, high in itertools.pairwise(ranges))
    missing = {
        n for low, high in intervals.missing(first, first + length) for n in range(low, high + 1)
    }
    assert missing == set(range(first, first + length + 1)) - plain


@given(SPANS, st.integers(0, 50))
def test_the_cursor_passes_what_follows_it(spans, cursor):
    """Taking the prefix moves the cursor over all that follows without a hole, and drops it."""
    intervals = Intervals()
    for low, more in spans:
        intervals.add(low, low + more)
    plain = {n for low, high in intervals for n in range(low, high + 1)}
    untouched = intervals.copy()
    moved = intervals.take_prefix(cursor)
    expected = cursor
    while expected + 1 in plain:
        expected += 1
    assert moved == expected
    assert {n for low, high in intervals for n in range(low, high + 1)} == {
        n for n in plain if n > moved
    }
    assert intervals.count == sum(1 for n in plain if n > moved)
    assert untouched.count == len(plain)
