"""What is repeated of a refusal's own words: the inlet's, and nothing that the event brought."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from dispatch_kit import TAKEN, Bench, record, sent
from hypothesis import given
from hypothesis import strategies as st

from relay.forward.answer import Answer
from relay.forward.quotation import MOST_CHARACTERS, Quotation

FIXTURES = Path(__file__).parent.parent / "data" / "adobe-fixtures"
INLET = "(data-collection-service/inlet)"
DOE = (
    b'{"event_id":"01E4C4CT6YDC7Y5M7FE1GWWPQJ","data":{"name":"Jane Doe","age":42,'
    b'"email":"jane.doe@example.com","subject":"Grandmother\'s invoice","nick":"\\u005aelda"}}'
)


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        (
            "400_wrong_org",
            "Invalid XDM Message Format. Message has an absent or wrong ims org in the header",
        ),
        ("400_missing_schemaRef", "Invalid XDM Message Format. Message has unknown xdm format"),
        (
            "400_sync_validation",
            (
                "Invalid XDM Message Format. Message is invalid. "
                "extraneous key […] is not permitted. expected type: String, found: Long"
            ),
        ),
    ],
)
def test_documented_refusals_are_quoted_in_adobes_words(name: str, quoted: str):
    """Title, message and violations of the inlet's problem bodies, and the problem's type."""
    document = json.loads((FIXTURES / "single_errors.json").read_text())[name]
    assert Quotation([DOE]).of(document) == f"{quoted} {INLET}"


def test_an_items_message_is_quoted():
    """An item of a 207 has only a message; the ids in front of it say nothing new."""
    items = json.loads((FIXTURES / "batch_207_docs.json").read_text())["responses"]
    assert [Quotation([DOE]).of(item) for item in items] == [
        "",
        "Message has unknown xdm format",
        "Message has an absent or wrong ims org in the header",
    ]


@pytest.mark.parametrize(
    "document",
    [
        {"type": "https://ns.adobe.com/aep/errors/DCVS-1104-400"},
        {"message": "DCVS-1104-400: the type does not match"},
        {"error_code": "DCVS-1104-400"},
        {"errorCode": "DCVS-1104-400", "message": "x" * 2000},
        {"report": {"code": "DCVS-1104-400"}},
    ],
)
def test_adobes_codes_are_kept_wherever_they_stand(document: dict):
    """In the type, the text or a member of its own, also beside an event of any size."""
    for payloads in ([], [DOE], [b"x" * 900_000]):
        assert "DCVS-1104-400" in Quotation(payloads).of(document)


@pytest.mark.parametrize(
    ("message", "quoted"),
    [
        ("value Jane Doe is not valid", "value … is not valid"),
        ("JaneDoe rejected", "… rejected"),
        ("janedoe, rejected", "…, rejected"),
        ("Jane's record doesn't conform", "… record doesn't conform"),
        ("zelda is unknown", "… is unknown"),
        ("a grand mother failed", "a … failed"),
        ("[jane.doe@example.com] is not a valid date-time", "[…] is not a valid date-time"),
        ("jane.doe@example.com is not valid", "… is not valid"),
        ("'Jane' and 'header'", "'…' and 'header'"),
        ("the name of a Jürgen", "the … of a …"),
        ("age 42 exceeds 3", "… exceeds …"),
        ("the overlord overflowed", "the overlord overflowed"),
        ("token eyJhbGciOi.abc.def is expired", "token … is expired"),
        ("Bearer 3a5f and aXbYcZdQ", "Bearer … and …"),
        ("the secret correcthorsebatterystaple", "the secret …"),
        ("first\nsecond\r\n\x00\x1b[31m is wrong\u2028now", "first second … is wrong …"),
        ("Jane Doe", ""),
        ("", ""),
    ],
)
def test_only_words_that_cannot_be_the_events_are_kept(message: str, quoted: str):
    """Values, joined values, numbers, addresses, tokens and control characters are masked."""
    assert Quotation([b"{}", DOE]).of({"message": message}) == quoted


def test_beside_a_large_request_only_words_of_the_trade_are_kept():
    """What is too much to be looked through may hold any word."""
    quotation = Quotation([DOE, b"x" * 900_000])
    assert quotation.of({"message": "the overlord is invalid"}) == "the … is invalid"


@pytest.mark.parametrize(
    "document",
    [
        None,
        "text",
        7,
        [],
        {"message": ["x"]},
        {"type": 7, "title": None},
        {"report": "x"},
        {"report": {"cause": {"_streamingValidation": "x"}}},
        {"report": {"cause": {"_streamingValidation": [7, {"message": 7}, {}]}}},
        {"type": "https://ns.adobe.com/"},
        {"type": "https://example.com/problem/janedoe"},
        {"type": "urn:Jane:Doe"},
    ],
)
def test_what_is_no_text_is_not_quoted(document: object):
    """A body without words of the inlet gives nothing, whatever its shape."""
    assert Quotation([DOE]).of(document) == ""


def test_a_quotation_is_one_short_line():
    """However long, deep and many the texts are."""
    deep: dict = {"message": "value exceeds " * 400}
    for _ in range(90):
        deep = {"message": "is wrong", "causingExceptions": [deep] * 2}
    document = {
        "type": "http://ns.adobe.com/adobecloud/problem/data-collection-service/inlet",
        "title": "is invalid\n" * 5000,
        "report": {"message": "[" * 5000, "cause": {"_streamingValidation": [deep]}},
    }
    quoted = Quotation([DOE]).of(document)
    assert 250 < len(quoted) <= MOST_CHARACTERS
    assert quoted.endswith(f"… {INLET}")
    assert quoted.isprintable()


def test_of_many_different_texts_the_first_are_quoted():
    """Five hundred items, each refused in other words, cost no more than twenty."""
    quotation = Quotation([DOE])
    said = [quotation.of({"message": f"value {number} is wrong"}) for number in range(500)]
    assert said[:20] == ["value … is wrong"] * 20
    assert set(said[20:]) == {""}
    assert quotation.of({"message": "value 3 is wrong"}) == "value … is wrong"


WORDS = st.text("abcdefghijklmnopqrstuvwxyzABC", min_size=4, max_size=9).map(
    lambda word: f"q{word}"
)


@given(
    values=st.lists(WORDS, min_size=1, max_size=6), glue=st.sampled_from(["", " ", "-", "/", "'"])
)
def test_no_row_of_letters_of_an_event_is_repeated(values: list[str], glue: str):
    """Values of an event, joined in any way, in any case, never come out."""
    sent = json.dumps({"data": values}).encode()
    said = glue.join(values)
    texts = {
        "title": f"Message {said.title()}",
        "message": f"key {said.upper()} is {said.lower()}",
    }
    quoted = Quotation([sent]).of(texts).lower()
    assert not [value for value in values if value.lower() in quoted]


BODY_OF_DOE = {
    "type": "http://ns.adobe.com/adobecloud/problem/data-collection-service/inlet",
    "title": "Jane Doe is invalid",
    "report": {
        "message": "inletId: [9b0c] imsOrgId: [X@AdobeOrg] jane.doe@example.com is invalid"
    },
}
REFUSED_IN_THE_END = sorted({400, 409, 412, 413, 416, 417, 418, 422, 499, 500})


@pytest.mark.parametrize("status", REFUSED_IN_THE_END)
@pytest.mark.parametrize("as_item", [True, False])
def test_each_status_that_can_end_in_quarantine_quotes_without_content(status: int, as_item: bool):
    """The table of statuses: whatever refuses an event, its detail has Adobe's words alone."""
    bench = Bench(mode="batch" if as_item else "single")
    bench.dispatch.add(record(1, payload=DOE))
    other = 2
    while not bench.refused:
        assert other < 60
        request = bench.next()
        if request.piece.records[0].entry.position != 1:
            bench.took(request)
        elif as_item:
            item = {"status": status, "message": BODY_OF_DOE["report"]["message"]}
            bench.items(request, *[item, *[TAKEN] * (len(request.piece) - 1)])
        else:
            bench.answer(request, Answer(status, document=BODY_OF_DOE))
        bench.add(other)
        bench.clock.advance(10)
        other += 1
    (why,) = bench.whys
    assert why.startswith(f"{status}; Adobe says: ")
    assert "… is invalid" in why
    assert not re.search(r"jane|doe|example\.com|9b0c|AdobeOrg", why, re.IGNORECASE)


def test_what_another_event_of_the_request_brought_is_not_repeated_either():
    """Two events are blamed by one answer that mixes them up: neither tells of the other."""
    bench = Bench(mode="batch")
    bench.dispatch.add(record(1, payload=DOE))
    bench.add(2, 3)
    of_1 = {"status": 400, "message": "Message is invalid"}
    of_2 = {"status": 422, "message": "grandmother Jane is wrong"}
    bench.items(bench.next(), of_1, of_2, TAKEN)
    request = bench.next()
    assert sent(request) == [1, 2]
    bench.items(request, of_1, of_2)
    assert bench.refused == [1, 2]
    assert bench.whys == ["400; Adobe says: Message is invalid", "422; Adobe says: … is wrong"]


def test_a_pause_tells_in_adobes_words_too():
    """Twenty refused events in a row: the operator reads what the inlet said, and no value."""
    bench = Bench(mode="single")
    for number in range(20):
        bench.dispatch.add(record(number, payload=DOE))
        bench.answer(bench.next(), Answer(400, document=BODY_OF_DOE))
    pause = bench.dispatch.pause
    assert pause is not None
    assert (pause.reason, pause.detail) == ("suspects", f"400; Adobe says: … is invalid {INLET}")
