"""
Reading from events and writing into records by parsed paths (pure).

Events are never changed: what is written is a copy.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final

from relay.mapping.paths import EACH, Path


class _Missing(Enum):
    """The type of `MISSING`."""

    MISSING = "missing"


MISSING: Final = _Missing.MISSING


class PlaceTakenError(Exception):
    """A record holds a value where a path needs an object or an array."""


def read(value: Any, path: Path) -> Any:
    """
    Read *path* from *value*; `MISSING` when a step is not there.

    A null on the way is a null at the end. ``[*]`` gives a list with one result an element;
    elements that lack the rest stay in it as `MISSING`, so that positions agree.
    """
    for at, step in enumerate(path):
        if value is None:
            return None
        if step is EACH:
            if type(value) is not list:
                return MISSING
            return _read_each(value, path[at + 1 :])
        value = _step(value, step)
        if value is MISSING:
            return MISSING
    return value


def _read_each(items: list[Any], rest: Path) -> Any:
    found = [read(item, rest) for item in items]
    return MISSING if found and all(item is MISSING for item in found) else found


def _step(value: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return value[step] if type(value) is list and step < len(value) else MISSING
    return value.get(step, MISSING) if type(value) is dict else MISSING


def put(
    record: dict[str, Any], parents: tuple[str, ...], leaf: str, value: Any
) -> dict[str, Any] | None:
    """
    Put *value* at the names *parents* and *leaf*, as `write` does, and give the object it is in.

    The record holds *value* itself then. None when the record holds something else on the way;
    it is left as it was.
    """
    for name in parents:
        child = record.get(name)
        if type(child) is not dict:
            if child is not None:
                return None
            child = record[name] = {}
        record = child
    record[leaf] = merged(record[leaf], value) if leaf in record else value
    return record


def write(record: dict[str, Any], path: Path, value: Any, fit: Callable[[Any], Any]) -> None:
    """
    Put *value* at *path*, making objects and arrays on the way; objects are merged deeply.

    ``[*]`` spreads a list over the elements, by position; a value that is no list is one element.
    *fit* makes the copy that the record holds, `MISSING` taken away where *path* does not.

    Raises:
        PlaceTakenError: the record holds something else on the way; it is left as it was.
    """
    _placed(record, path, value, fit)


def _placed(old: Any, path: Path, value: Any, fit: Callable[[Any], Any]) -> Any:
    if not path:
        return merged(old, fit(value))
    step, rest = path[0], path[1:]
    if step is EACH:
        items = value if type(value) is list else [value]
        holder = _list(old, len(items))
        for at, item in enumerate(items):
            if item is not MISSING and item is not None:
                holder[at] = _placed(holder[at], rest, item, fit)
            elif holder[at] is None and rest:
                holder[at] = {}
        return holder
    if isinstance(step, int):
        holder = _list(old, step + 1)
        holder[step] = _placed(holder[step], rest, value, fit)
        return holder
    if old is not None and type(old) is not dict:
        raise PlaceTakenError
    members = {} if old is None else old
    members[step] = _placed(members.get(step), rest, value, fit)
    return members


def _list(old: Any, length: int) -> list[Any]:
    if old is not None and type(old) is not list:
        raise PlaceTakenError
    holder: list[Any] = [] if old is None else old
    holder.extend([None] * (length - len(holder)))
    return holder


def dense(value: Any, levels: int) -> Any:
    """
    Leave out what ``[*]`` did not find, in the lists that so many of them made.

    Without ``[*]`` on the right, positions mean nothing.
    """
    if not levels or type(value) is not list:
        return value
    return [dense(item, levels - 1) for item in value if item is not MISSING]


def merged(old: Any, new: Any) -> Any:
    """Lay *new* over *old*: objects member by member, anything else replaces."""
    if type(old) is not dict or type(new) is not dict:
        return new
    for key, value in new.items():
        old[key] = merged(old.get(key), value)
    return old


def remove(record: dict[str, Any], path: Path) -> None:
    """Take away what is at *path*, if anything is."""
    holder: Any = read(record, path[:-1]) if EACH not in path else None
    last = path[-1]
    if type(holder) is dict:
        holder.pop(last, None)
    elif type(holder) is list and isinstance(last, int) and last < len(holder):
        del holder[last]
