"""The small parts of forwarding: claims, mode, addresses, hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.clock import ManualClock
from relay.config import RouteConfig
from relay.envelope import Entry, Envelope
from relay.forward.batch import WRAPPER_BYTES, Batch, splice
from relay.forward.claims import Claims, Follower
from relay.forward.decode import Decoded
from relay.forward.hold import Hold
from relay.forward.inlet import addresses, make_inlet
from relay.forward.mode import Mode
from relay.forward.transform import Record
from relay.metrics import Metrics
from relay.retry import Schedule


def decoded(position: int, event_id: str = "e", *, attempt: int = 1) -> Decoded:
    entry = Entry(position, Envelope("r", 0.0, (), b"{}"), attempt)
    return Decoded(entry, {}, b"{}", event_id, b"d", "", "", None)


def test_the_first_with_an_id_leads_and_the_others_follow():
    """Followers are given back, once, when their leader has its end."""
    claims = Claims()
    assert claims.claim(decoded(1))
    assert not claims.claim(decoded(2))
    assert not claims.claim(decoded(3))
    assert claims.claim(decoded(4, "f"))
    assert [each.entry.position for each in claims.release("e", 1)] == [2, 3]
    assert claims.release("e", 1) == []
    assert claims.claim(decoded(5))
    assert len(claims) == 2


def test_a_follower_is_kept_without_what_it_was_parsed_to():
    """However large a repeat unpacks, what waits of it is the entry, its id and its digest."""
    claims = Claims()
    leader, repeat = decoded(1), decoded(2)
    assert claims.claim(leader)
    assert not claims.claim(repeat)
    assert claims.release("e", 1) == [Follower(repeat.entry, "e", b"d")]


def test_a_replayed_entry_does_not_follow_and_frees_nobody():
    """It goes on beside the leader, and its end is not the leader's."""
    claims = Claims()
    assert claims.claim(decoded(1))
    assert claims.claim(decoded(2, attempt=2))
    assert not claims.claim(decoded(3))
    assert claims.release("e", 2) == []
    assert [each.entry.position for each in claims.release("e", 1)] == [3]


@pytest.mark.parametrize(
    ("url", "single", "batch"),
    [
        (
            "https://h/collection/abc?x-adobe-flow-id=f",
            "https://h/collection/abc?x-adobe-flow-id=f",
            "https://h/collection/batch/abc?x-adobe-flow-id=f",
        ),
        (
            "https://h/collection/batch/abc",
            "https://h/collection/abc",
            "https://h/collection/batch/abc",
        ),
        (
            "https://h/collection/abc?to=/collection/x",
            "https://h/collection/abc?to=/collection/x",
            "https://h/collection/batch/abc?to=/collection/x",
        ),
        ("https://h/inlet/abc", "https://h/inlet/abc", ""),
    ],
)
def test_the_batch_address_is_made_from_the_path_alone(url: str, single: str, batch: str):
    """Only the first /collection/ of the path changes; the query stays as it is."""
    assert addresses(url) == (single, batch)


@pytest.mark.parametrize(
    ("url", "flow_id", "flow"),
    [
        ("https://h/collection/abc", "f1", "f1"),
        ("https://h/collection/batch/abc?x-adobe-flow-id=f2&a=b", "f1", "f2"),
        ("https://h/collection/abc?X-Adobe-Flow-Id=f2", "", "f2"),
        ("https://h/collection/abc?x-adobe-flow-id=", "f1", "f1"),
    ],
)
def test_what_is_remembered_is_of_one_inlet_and_flow(url: str, flow_id: str, flow: str):
    """Host, path and the flow id, wherever it stands, make the identity."""
    route = RouteConfig(signing_keys=("k",), inlet={"url": url, "flow_id": flow_id})
    inlet = make_inlet("r", route, tokens=None, metrics=Metrics(), clock=ManualClock())
    assert inlet.identity == f"h/collection/abc {flow}"


@pytest.mark.parametrize(
    ("configured", "takes_batches", "remembered", "name", "as_batch"),
    [
        ("auto", True, False, "probing", True),
        ("auto", True, True, "single", False),
        ("auto", False, False, "single", False),
        ("batch", True, True, "batch", True),
        ("batch", False, False, "single", False),
        ("single", True, False, "single", False),
    ],
)
def test_a_mode_begins_as_configured_and_remembered(
    configured, takes_batches, remembered, name, as_batch
):
    """What is remembered counts in auto only; without a batch address there are no batches."""
    mode = Mode(configured, takes_batches=takes_batches, remembered=remembered)
    assert (mode.name, mode.as_batch) == (name, as_batch)


def test_a_configured_mode_is_never_left():
    """Batch and single are not given up for a missing header, and nothing is remembered."""
    for configured in ("batch", "single"):
        mode = Mode(configured, takes_batches=True)
        as_batch = mode.as_batch
        assert not mode.headerless(as_batch=as_batch)
        assert not mode.took(as_batch=as_batch)
        assert mode.as_batch is as_batch


def test_single_is_worth_remembering_only_once_it_is_taken():
    """After a refusal for the header both ways are open until something is taken."""
    mode = Mode("auto", takes_batches=True)
    assert mode.headerless(as_batch=True)
    assert mode.name == "probing"
    assert mode.took(as_batch=False)
    assert mode.name == "single"
    assert not mode.took(as_batch=False)
    assert mode.headerless(as_batch=True)
    assert mode.name == "single"


def test_a_hold_is_the_longest_of_its_reasons():
    """What the inlet asked is not shortened by a shorter delay of our own, nor the reverse."""
    clock = ManualClock()
    hold = Hold("", Schedule(base_s=1.0, max_s=60.0), clock=clock, unit=lambda: 1.0)
    assert hold.left_s == 0.0
    hold.asked(10.0)
    hold.failed()
    assert hold.left_s == pytest.approx(10.0)
    for _ in range(5):
        hold.failed()
    assert hold.left_s == pytest.approx(32.0)
    hold.took()
    clock.advance(40.0)
    hold.failed()
    assert hold.left_s == pytest.approx(1.0)


def record(payload: bytes) -> Record:
    return Record(Entry(1, Envelope("r", 0.0, (), b"")), "e", b"d", payload, None)


@given(
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=60),
    max_records=st.integers(1, 10),
    max_bytes=st.integers(30, 120),
    at_once=st.integers(1, 60),
)
def test_a_batch_is_never_larger_than_its_bounds(sizes, max_records, max_bytes, at_once):
    """Records and bytes with the wrapper stay in bounds; one too large travels alone; in order."""
    batch = Batch(max_records, max_bytes, 1.0)
    records = [record(bytes([at]) * size) for at, size in enumerate(sizes)]
    pieces = []
    for start in range(0, len(records), at_once):
        pieces += batch.add(records[start : start + at_once], now_s=0.0)
    pieces += batch.close()
    payloads = [each.payload for piece in pieces for each in piece.records]
    assert payloads == [bytes([at]) * size for at, size in enumerate(sizes)]
    for piece in pieces:
        assert len(piece) <= max_records
        body = splice([each.payload for each in piece.records])
        assert len(body) <= max_bytes or len(piece) == 1
        assert len(body) >= WRAPPER_BYTES
