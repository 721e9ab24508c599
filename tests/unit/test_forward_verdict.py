"""The fate table of `relay.forward.verdict`: every status, every failure, every shape of 207."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from relay.forward.answer import Answer, Failure
from relay.forward.verdict import Fate, Verdict, judge

FIXTURES = Path(__file__).parent.parent / "data" / "adobe-fixtures"
RECEIPT = {"inletId": "9b0c", "xactionId": "1:2:3", "receivedTimeMs": 4}

SETUP = {402, 405, 406, 411, 414, 415, 421, 426, 428, 431, 451, 501, 505, 506, 508, 510}
FATES = {
    **dict.fromkeys((401, 403, 407, 511), Fate.CREDENTIALS),
    **dict.fromkeys((404, 410), Fate.UNKNOWN),
    **dict.fromkeys((429, 503), Fate.BUSY),
    **dict.fromkeys((408, 425), Fate.LATER),
    **dict.fromkeys(SETUP, Fate.SETUP),
    500: Fate.ERROR,
}


def expected(status: int) -> Fate:
    """The class's fate where the table has no row."""
    if status in FATES:
        return FATES[status]
    if 300 <= status < 400:
        return Fate.SETUP
    return Fate.EVENT if 400 <= status < 500 else Fate.LATER


def whole(verdict: Verdict) -> Fate:
    assert not verdict.items
    return verdict.whole.fate


def fates(document: object, records: int) -> list[Fate]:
    """What a 207 with *document* means for each of *records*."""
    verdict = judge(Answer(207, document=document), records=records, is_batch=True)
    return [ruling.fate for ruling in verdict.items or [verdict.whole] * records]


def fixture(name: str) -> dict:
    return json.loads((FIXTURES / name).read_text())


@pytest.mark.parametrize("is_batch", [True, False])
@pytest.mark.parametrize("body", [None, {}, [], "text", 7, {"message": 7}, {"report": []}])
def test_every_status_has_its_fate(is_batch: bool, body: object):
    """Every status from 100 to 599 without a telling body is judged by the table."""
    for status in [*range(100, 200), *range(300, 600), 600, 999]:
        verdict = judge(Answer(status, document=body), records=3, is_batch=is_batch)
        assert whole(verdict) is expected(status), status
        assert verdict.whole.why


@pytest.mark.parametrize(
    ("said", "fate"),
    [
        ({"status": 400, "message": "Message is invalid"}, Fate.EVENT),
        ({"statusCode": "503"}, Fate.BUSY),
        ({"status": 200}, Fate.TAKEN),
        ({"status": "pass"}, Fate.TAKEN),
        ({"status": None}, Fate.TAKEN),
    ],
)
def test_a_success_that_holds_a_refusal_is_one(said: dict[str, object], fate: Fate):
    """A 200 for one event is believed unless it has a status of its own that says otherwise."""
    verdict = judge(Answer(200, document={**RECEIPT, **said}), records=1, is_batch=False)
    assert whole(verdict) is fate


@pytest.mark.parametrize("status", [200, 201, 202, 207, 226, 299])
def test_success_is_taken_only_with_the_inlets_own_words(status: int):
    """A 2xx without a receipt, or for a batch without a list, is nobody's word for it."""
    for document in (None, [], "ok", {}, {"status": "ok"}, {"responses": {}}, {"responses": "x"}):
        for is_batch in (True, False):
            verdict = judge(Answer(status, document=document), records=1, is_batch=is_batch)
            assert whole(verdict) is Fate.UNREADABLE
    single = judge(Answer(status, document=RECEIPT), records=1, is_batch=False)
    batch = judge(Answer(status, document=RECEIPT), records=1, is_batch=True)
    assert whole(single) is Fate.TAKEN
    assert whole(batch) is Fate.UNREADABLE


@pytest.mark.parametrize("failure", list(Failure))
def test_every_failure_has_its_fate(failure: Failure):
    """No answer is temporary, but for an endless one and a credential that will not do."""
    special = {Failure.TOO_LONG: Fate.UNREADABLE, Failure.NO_TOKEN: Fate.CREDENTIALS}
    verdict = judge(Answer(failure=failure, detail="Named"), records=2, is_batch=True)
    assert whole(verdict) is special.get(failure, Fate.LATER)
    assert failure.value in verdict.whole.why


@pytest.mark.parametrize("name", ["async", "sync_pass", "raw_http_api_doc", "raw_2023_lab"])
def test_every_documented_receipt_is_taken(name: str):
    """All four published shapes of the single inlet's 200 count as taken."""
    document = fixture("single_200_variants.json")[name]
    assert whole(judge(Answer(200, document=document), records=1, is_batch=False)) is Fate.TAKEN


@pytest.mark.parametrize(
    ("name", "status", "fate"),
    [
        ("401_auth_inlet", 401, Fate.CREDENTIALS),
        ("400_wrong_org", 400, Fate.SETUP),
        ("400_missing_schemaRef", 400, Fate.SETUP),
        ("400_sync_validation", 400, Fate.EVENT),
    ],
)
def test_documented_errors_of_the_inlet(name: str, status: int, fate: Fate):
    """A wrong org or schema reference is the set-up's fault, a violation the event's."""
    document = fixture("single_errors.json")[name]
    assert whole(judge(Answer(status, document=document), records=1, is_batch=False)) is fate


def test_documented_errors_of_the_gateway():
    """Tokens, keys and profiles are credentials; missing headers and types are the set-up."""
    for case in fixture("gateway_errors.json"):
        status = int(case["http"][:3])
        fate = {400: Fate.SETUP, 429: Fate.BUSY}.get(status, Fate.CREDENTIALS)
        verdict = judge(Answer(status, document=case["body"]), records=1, is_batch=False)
        assert whole(verdict) is fate, case


@pytest.mark.parametrize(
    ("name", "expected_fates"),
    [
        ("batch_207_docs.json", [Fate.TAKEN, Fate.SETUP, Fate.SETUP]),
        ("batch_207_kafka_connect_fixture.json", [Fate.HEADERLESS, Fate.TAKEN]),
        ("batch_207_live_2024.json", [Fate.HEADERLESS]),
    ],
)
def test_every_documented_207_is_read_item_by_item(name: str, expected_fates: list[Fate]):
    """Both statusCode and status, with or without xactionId, in the order of the request."""
    assert fates(fixture(name), len(expected_fates)) == expected_fates


OK = {"xactionId": "1:2:3"}
NO = {"statusCode": 400, "message": "Message is invalid"}


@pytest.mark.parametrize(
    ("item", "fate"),
    [
        (OK, Fate.TAKEN),
        ({"status": 200}, Fate.TAKEN),
        ({"statusCode": "202"}, Fate.TAKEN),
        ({"xactionId": "1-0", "status": 200}, Fate.TAKEN),
        ({"statusCode": 400}, Fate.EVENT),
        ({"status": "400"}, Fate.EVENT),
        ({"xactionId": "1-0", "status": 400}, Fate.EVENT),
        ({"xactionId": "1-0", "statusCode": None, "status": 400}, Fate.EVENT),
        ({"status": 413}, Fate.EVENT),
        ({"status": 401}, Fate.CREDENTIALS),
        ({"status": 404}, Fate.UNKNOWN),
        ({"status": 429}, Fate.BUSY),
        ({"status": 500}, Fate.ERROR),
        ({"status": 503}, Fate.BUSY),
        ({"status": 504}, Fate.LATER),
        ({}, Fate.UNANSWERED),
        ({"message": "?"}, Fate.UNANSWERED),
        ({"status": True}, Fate.UNANSWERED),
        ({"status": "fine"}, Fate.UNANSWERED),
        ({"status": None}, Fate.UNANSWERED),
        ({"xactionId": 7}, Fate.UNANSWERED),
        (None, Fate.UNANSWERED),
        ("ok", Fate.UNANSWERED),
        ([], Fate.UNANSWERED),
    ],
)
def test_an_item_is_judged_like_a_whole_request(item: object, fate: Fate):
    """Each shape of an item, alone and beside one that was taken."""
    assert fates({"responses": [item]}, 1) == [fate]
    assert fates({"responses": [OK, item]}, 2) == [Fate.TAKEN, fate]


def test_all_items_may_have_failed():
    """A 207 in which nothing was taken takes nothing."""
    assert fates({"responses": [NO] * 4}, 4) == [Fate.EVENT] * 4


def test_fewer_items_are_placed_by_their_ids():
    """When each id ends in a rising place of the request, the missing one is unanswered."""
    responses = [{"xactionId": f"1565638336649:1750:244:{at}"} for at in (0, 2, 3)]
    answered = fates({"responses": responses}, 4)
    assert answered == [Fate.TAKEN, Fate.UNANSWERED, Fate.TAKEN, Fate.TAKEN]


@pytest.mark.parametrize(
    "responses",
    [
        [],
        [OK],
        [OK, OK, OK],
        [{"xactionId": "1:1:1:3"}, NO, NO],
        [{"xactionId": "1:1:1:2"}, {"xactionId": "1:1:1:1"}],
        [{"xactionId": "1:1:1:1"}, {"xactionId": "1:1:1:1"}],
        [{"xactionId": "1:1:1:1"}, {"xactionId": "1:1:2:2"}],
        [{"xactionId": "1:1:1:4"}, {"xactionId": "1:1:1:5"}],
        [{"xactionId": "1:1:1"}, {"xactionId": "1:1:2"}],
        [{"xactionId": "1:1:1:" + "9" * 5000}],
        [{"xactionId": "1:1:1:²"}],
    ],
)
def test_fewer_items_without_a_place_answer_nobody(responses: list):
    """When it cannot be told who was taken, nobody counts as taken, and it is said."""
    verdict = judge(Answer(207, document={"responses": responses}), records=4, is_batch=True)
    assert whole(verdict) is Fate.UNANSWERED
    assert verdict.odd


def test_more_items_than_records_are_ignored_and_told():
    """The first items stand for the records; that there are more is said."""
    document = {"responses": [OK, NO, OK, OK]}
    verdict = judge(Answer(207, document=document), records=2, is_batch=True)
    assert [ruling.fate for ruling in verdict.items] == [Fate.TAKEN, Fate.EVENT]
    assert verdict.odd == "4 items for 2 records"
    assert verdict.whole.why == "1 of 2 items not taken, the first: 400"


def test_a_list_in_a_single_answer_is_read_too():
    """One event that is answered like a batch is judged by its item."""
    verdict = judge(Answer(207, document={"responses": [NO]}), records=1, is_batch=False)
    assert whole(verdict) is Fate.EVENT
