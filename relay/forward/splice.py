"""
Cutting members out of a JSON object without encoding the rest again (pure).

The bytes between the cuts stay as the sender wrote them: spacing, escapes, the spelling of
numbers. Only bodies that were parsed before are cut, so the scanner looks for ends, not errors.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

import orjson

# Our own patterns over text that is known to be JSON; linear, as no piece can be cut in two ways.
# A single match over megabytes would hold the interpreter for 300 ms, so what one step takes is
# bounded: 32 short pieces before the next mark, among them containers that hold no other. Mark by
# mark, thousands of small objects would take ten times as long.
_PIECE = rb'[^"{}\[\]]{1,256}+|"[^"\\]{0,256}+"'
_STEP = re.compile(rb"(?:" + _PIECE + rb"|[{\[](?:" + _PIECE + rb'){0,16}[}\]]){0,32}(["{}\[\]]?)')
_SCALAR = re.compile(rb"[^,}\]\s]+")
_SPACE = re.compile(rb"\s*")

_QUOTE, _BACKSLASH, _COMMA, _CLOSE = ord('"'), ord("\\"), ord(","), ord("}")
_OPENING = (ord("{"), ord("["))
_OPENS = (b"{", b"[")


class _Member(NamedTuple):
    """One ``"key": value`` by its byte offsets."""

    key: str
    start: int
    end: int


def cut_members(body: bytes, parent: str, names: Collection[str]) -> bytes:
    """
    Return *body* without the members *names* of its object member *parent*.

    *body* is a valid JSON object; what is not there is not missed.
    """
    value = _value_of(body, parent)
    if value is None or body[value] != _OPENING[0]:
        return body
    members = list(_members(body, value))
    return _without(body, members, names) if members else body


def _value_of(body: bytes, name: str) -> int | None:
    """Find the value of the member *name* without walking through it."""
    at = _after_space(body, _after_space(body, 0) + 1)
    while body[at] != _CLOSE:
        key, value = _head(body, at)
        if key == name:
            return value
        at = _behind_comma(body, _end_of_value(body, value))
    return None


def _without(body: bytes, members: list[_Member], names: Collection[str]) -> bytes:
    """Join what stays, each with the comma and the spacing that stood before it."""
    parts = [body[: members[0].start]]
    before = -1
    for member in members:
        if member.key not in names:
            parts.append(body[before if len(parts) > 1 else member.start : member.end])
        before = member.end
    parts.append(body[members[-1].end :])
    return b"".join(parts)


def _members(body: bytes, brace: int) -> Iterator[_Member]:
    """Walk the members of the object whose ``{`` is at *brace*."""
    at = _after_space(body, brace + 1)
    while body[at] != _CLOSE:
        key, value = _head(body, at)
        end = _end_of_value(body, value)
        yield _Member(key, at, end)
        at = _behind_comma(body, end)


def _head(body: bytes, at: int) -> tuple[str, int]:
    """Give the key that begins at *at*, and where its value begins."""
    key_end = _end_of_string(body, at)
    return _key(body[at:key_end]), _after_space(body, _after_space(body, key_end) + 1)


def _behind_comma(body: bytes, at: int) -> int:
    at = _after_space(body, at)
    return _after_space(body, at + 1) if body[at] == _COMMA else at


def _key(quoted: bytes) -> str:
    if _BACKSLASH in quoted:
        text: str = orjson.loads(quoted)
        return text
    return quoted[1:-1].decode()


def _after_space(body: bytes, at: int) -> int:
    found = _SPACE.match(body, at)
    assert found is not None
    return found.end()


def _end_of_string(body: bytes, at: int) -> int:
    """Give the offset behind the string that begins at *at*."""
    quote = body.index(b'"', at + 1)
    while body[quote - 1] == _BACKSLASH and _is_escaped(body, quote):
        quote = body.index(b'"', quote + 1)
    return quote + 1


def _is_escaped(body: bytes, at: int) -> bool:
    """Say whether an odd number of backslashes stands before *at*."""
    first = at
    while body[first - 1] == _BACKSLASH:
        first -= 1
    return (at - first) % 2 == 1


def _end_of_value(body: bytes, at: int) -> int:
    if body[at] == _QUOTE:
        return _end_of_string(body, at)
    if body[at] not in _OPENING:
        found = _SCALAR.match(body, at)
        assert found is not None
        return found.end()
    depth, at = 1, at + 1
    while True:
        step = _STEP.match(body, at)
        assert step is not None
        at, mark = step.end(), step[1]
        if mark == b'"':
            at = _end_of_string(body, at - 1)
        elif mark in _OPENS:
            depth += 1
        elif mark:
            depth -= 1
            if depth == 0:
                return at
