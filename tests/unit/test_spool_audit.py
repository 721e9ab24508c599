"""The audit's value: its names, its JSON, and what it says where there is no spool."""

from __future__ import annotations

import json

import pytest
from spool_kit import account, envelopes, settlement, spool_at, take

from relay.audit import audit, audit_deep
from relay.errors import SpoolError
from relay.outcome import Outcome, Reason
from relay.spool.port import Query


async def test_the_account_by_outcome_and_reason(tmp_path):
    """Every outcome and reason is counted under its name; accepted is their sum and pending."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        await spool.append(envelopes(12))
        entries = await take(spool, 10)
        reasons = [
            Reason.ACCEPTED_BY_INLET,
            Reason.ACCEPTED_BY_INLET,
            Reason.SAME_EVENT_ID,
            Reason.NOT_JSON,
            Reason.NOT_JSON,
            Reason.EXPIRED,
            Reason.METRIC_FILTERED,
            Reason.EMPTY_BODY,
        ]
        await spool.settle([settlement(*pair) for pair in zip(entries, reasons, strict=False)])
        await spool.drop(Query(reason=Reason.EMPTY_BODY), who="ann")
        await spool.replay(Query(reason=Reason.EXPIRED))
    found = account(folder)
    assert found.as_json() == {
        "accepted": 12,
        "delivered": 2,
        "duplicate": 1,
        "quarantined": 2,
        "filtered": 1,
        "discarded": 1,
        "lost": 0,
        "pending": 5,
        "by_reason": {
            "accepted_by_inlet": 2,
            "same_event_id": 1,
            "not_json": 2,
            "metric_filtered": 1,
            "dropped_by_person": 1,
        },
        "quarantined_by_reason": {"not_json": 2},
        "deep": True,
        "adds_up": True,
        "problems": [],
    }
    json.dumps(found.as_json())
    assert {name for name in found.as_json() if name in set(Outcome)} == set(Outcome)


@pytest.mark.parametrize("look", [audit, audit_deep])
def test_no_spool_is_an_error_that_says_so(tmp_path, look):
    """A folder that is not there, or holds no spool, is refused with its name."""
    with pytest.raises(SpoolError, match="there is no spool at"):
        look(tmp_path / "absent")
    with pytest.raises(SpoolError, match=r"state\.db is missing"):
        look(tmp_path)


@pytest.mark.parametrize("look", [audit, audit_deep])
async def test_a_damaged_state_is_an_error_that_says_so(tmp_path, look):
    """A state that cannot be read is no account; the error says what the relay will do."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        await spool.append(envelopes(1))
    (folder / "state.db").write_text("not a database" * 1000)
    with pytest.raises(SpoolError, match="cannot be read") as caught:
        look(folder)
    assert "sets it aside" in caught.value.hint


async def test_an_empty_spool_adds_up(tmp_path):
    """A spool that never took anything has an account of zeros."""
    async with spool_at(tmp_path / "spool"):
        pass
    assert account(tmp_path / "spool").accepted == 0
