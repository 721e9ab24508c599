"""
What the text of a refusal says: does it name the set-up, the envelope header, or only the event?

Pure. Adobe's messages may repeat values of the event, so nothing of them is kept but sentences
that we know, JSON pointers and keywords.

Source:
    adobe.md §1.4, §1.5; fixtures ``batch_207_*.json``, ``single_errors.json``,
    ``gateway_errors.json``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

# Every message begins with these two, whatever it is about.
_PREFIX = re.compile(r"\b(?:inletId|imsOrgId): \[[^\]]*\]")
_BRACKETS = re.compile(r"\[[^\]]*\]|'[^']*'|\"[^\"]*\"")
_HEADERLESS = re.compile(r"'header' field is mandatory", re.IGNORECASE)
_SETUP = (
    ("org", re.compile(r"\bims ?org|\borgani[sz]ation\b|\borg\b", re.IGNORECASE)),
    ("flow", re.compile(r"\b(?:data)?flow ?-?(?:id)?\b", re.IGNORECASE)),
    (
        "schema",
        re.compile(r"\bxdm format\b|\bschema ?ref|\bschema\b(?! violation)", re.IGNORECASE),
    ),
    ("dataset", re.compile(r"\bdataset ?(?:id)?\b", re.IGNORECASE)),
    ("header", re.compile(r"\bheaders?\b|\bcontent-type\b", re.IGNORECASE)),
)
_POINTER = re.compile(r"#[\w/.~:-]{0,200}")
_KEYWORD = re.compile(r"[A-Za-z]{1,40}")
_GATEWAY_CODE = re.compile(r"\d{6}")
_MOST_VIOLATIONS = 5


class Topic(StrEnum):
    """What a refusal is about."""

    EVENT = "event"
    HEADERLESS = "headerless"  # it wants Adobe's envelope: raw events are not taken this way
    ORG = "org"
    FLOW = "flow"
    SCHEMA = "schema"
    DATASET = "dataset"
    HEADER = "header"


def topic_of(message: str) -> Topic:
    """
    Say what *message* is about; what it names of the set-up wins.

    Text in brackets or quotes is the event's own or an id, so it does not count.
    """
    if _HEADERLESS.search(message):
        return Topic.HEADERLESS
    plain = _BRACKETS.sub(" ", _PREFIX.sub(" ", message))
    for name, pattern in _SETUP:
        if pattern.search(plain):
            return Topic(name)
    return Topic.EVENT


def message_of(document: Any) -> str:
    """Find the message in an error body: a problem document, the gateway's, or a batch's item."""
    if type(document) is not dict:
        return ""
    report = document.get("report")
    places = (report, document) if type(report) is dict else (document,)
    for place in places:
        for key in ("message", "detail", "error_description"):
            text = place.get(key)
            if isinstance(text, str) and text:
                return text
    title = document.get("title")
    return title if isinstance(title, str) else ""


def told(status: int, document: Any) -> str:
    """
    Put a refusal into words that hold nothing of the event.

    ``400: #/_id type, # additionalProperties`` or ``400: names the org``.
    """
    said = list(_violations(document))[:_MOST_VIOLATIONS]
    if not said:
        topic = topic_of(message_of(document))
        if topic is Topic.HEADERLESS:
            said = ["wants Adobe's envelope header"]
        elif topic is not Topic.EVENT:
            said = [f"names the {topic}"]
    code = document.get("error_code") if type(document) is dict else None
    if isinstance(code, str) and _GATEWAY_CODE.fullmatch(code):
        said.insert(0, code)
    return f"{status}: {', '.join(said)}" if said else str(status)


def _violations(document: Any) -> Iterator[str]:
    """Walk ``report.cause._streamingValidation`` for pointers and keywords, never messages."""
    found = document
    for key in ("report", "cause", "_streamingValidation"):
        found = found.get(key) if type(found) is dict else None
    waiting = list(found) if type(found) is list else []
    for _ in range(100):
        if not waiting:
            return
        violation = waiting.pop(0)
        if type(violation) is not dict:
            continue
        pointer, keyword = violation.get("pointerToViolation"), violation.get("keyword")
        if (
            isinstance(pointer, str)
            and isinstance(keyword, str)
            and _POINTER.fullmatch(pointer)
            and _KEYWORD.fullmatch(keyword)
        ):
            yield f"{pointer} {keyword}"
        causes = violation.get("causingExceptions")
        if type(causes) is list:
            waiting += causes
