"""Reading members of objects by the dotted paths of query parameters (pure)."""

from __future__ import annotations

from typing import Any

_MAX_DIGITS = 15


def values_at(item: Any, path: str) -> list[Any]:
    """
    List what stands at *path*; ``[]`` after a name, or nothing, means every element of a list.

    ``sourceConnectionIds[]``, ``transformations[].params.mappingId``, ``connectionSpec.id``.
    """
    found = [item]
    for step in path.split("."):
        name = step.removesuffix("[]")
        nearer: list[Any] = []
        for value in found:
            member = value.get(name) if isinstance(value, dict) else None
            if isinstance(member, list):
                nearer.extend(member)
            elif member is not None:
                nearer.append(member)
        found = nearer
    return found


def whole(text: str) -> int | None:
    """Read a whole number as queries have them: plain digits, no more than fit a JSON number."""
    if not text.isascii() or not text.isdigit() or len(text) > _MAX_DIGITS:
        return None
    return int(text)


def text_of(value: Any) -> str:
    """Write a value as a query parameter would."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def order_key(value: Any) -> tuple[int, float, str]:
    """Make values of any type comparable: numbers, then text, then nothing."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (0, float(value), "")
    return (1, 0.0, text_of(value)) if value is not None else (2, 0.0, "")
