"""What the text of a refusal says, and that nothing of an event is kept of it."""

from __future__ import annotations

import pytest

from relay.forward.refusal import Topic, message_of, told, topic_of

PREFIX = "inletId: [9b0c] imsOrgId: [X@AdobeOrg] "


@pytest.mark.parametrize(
    ("message", "topic"),
    [
        ("The 'header' field is mandatory. Provide a valid 'header' value.", Topic.HEADERLESS),
        (PREFIX + "Message has an absent or wrong ims org in the header", Topic.ORG),
        (PREFIX + "Message has unknown xdm format", Topic.SCHEMA),
        (PREFIX + "Message is invalid", Topic.EVENT),
        ("3 schema violations found", Topic.EVENT),
        ("The schema does not exist", Topic.SCHEMA),
        ("The flow id is not known", Topic.FLOW),
        ("dataflow is disabled", Topic.FLOW),
        ("dataset not found", Topic.DATASET),
        ("Missing header", Topic.HEADER),
        ("A valid content-type must be specified", Topic.HEADER),
        ("extraneous key [flowId] is not permitted", Topic.EVENT),
        ("'header' is not a valid value", Topic.EVENT),
        ("The message cannot be validated: [#/_t/schema: expected String]", Topic.EVENT),
        ("", Topic.EVENT),
    ],
)
def test_a_message_is_about_the_set_up_or_the_event(message: str, topic: Topic):
    """Names of the set-up count outside brackets, quotes and the prefix of every message."""
    assert topic_of(message) is topic


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"report": {"message": "a"}, "title": "b"}, "a"),
        ({"message": "a"}, "a"),
        ({"detail": "a", "title": "b"}, "a"),
        ({"title": "b"}, "b"),
        ({"report": "x"}, ""),
        ({"message": ["a"]}, ""),
        (None, ""),
        ("a", ""),
    ],
)
def test_the_message_is_found_in_every_shape_of_error(document: object, message: str):
    """Problem documents, the gateway's errors and items of a batch."""
    assert message_of(document) == message


def test_only_pointers_keywords_and_known_words_are_kept():
    """Values that Adobe repeats in its messages do not reach quarantine, pauses or logs."""
    secret = "jane@example.com"
    violations = [
        {"pointerToViolation": "#/email", "keyword": "format", "message": f"[{secret}] is not"},
        {"pointerToViolation": f"#/{secret}", "keyword": "type", "message": secret},
        {"pointerToViolation": "#", "keyword": f"{secret}", "message": secret},
    ]
    document = {
        "error_code": "400123",
        "report": {"message": secret, "cause": {"_streamingValidation": violations}},
    }
    text = told(400, document)
    assert text == "400: 400123, #/email format"
    assert told(400, {"message": f"the org of {secret} is wrong"}) == "400: names the org"
    assert told(400, {"message": secret, "error_code": secret}) == "400"


def test_nested_violations_are_listed_to_a_bound():
    """Causes inside causes are read, at most five are told, and a cycle of thousands ends."""
    deep = {"pointerToViolation": "#/a", "keyword": "type", "causingExceptions": []}
    for _ in range(300):
        deep = {"pointerToViolation": "#", "keyword": "allOf", "causingExceptions": [deep]}
    document = {"report": {"cause": {"_streamingValidation": [deep, 7, None]}}}
    assert told(400, document) == "400: " + ", ".join(["# allOf"] * 5)
