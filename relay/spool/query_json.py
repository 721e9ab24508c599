"""Queries, and what they find, as they cross the control socket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from relay.errors import ControlError
from relay.outcome import Outcome, Reason
from relay.spool.port import Found, Query

_FIELDS = frozenset(field.name for field in fields(Query))
_FOUND = tuple(field.name for field in fields(Found))


def query_of(arguments: Mapping[str, Any]) -> Query:
    """
    Read a query as it comes over the socket.

    Raises:
        ControlError: a field is unknown or has no sense.
    """
    unknown = sorted(set(arguments) - _FIELDS)
    if unknown:
        raise ControlError(f"unknown field {', '.join(unknown)}")
    values = dict(arguments)
    try:
        if values.get("outcome"):
            values["outcome"] = Outcome(values["outcome"])
        if values.get("reason"):
            values["reason"] = Reason(values["reason"])
    except ValueError as error:
        raise ControlError(str(error)) from None
    return Query(**values)


def arguments_of(query: Query) -> dict[str, Any]:
    """Write *query* as `query_of` reads it; what does not narrow is left out."""
    blank = Query()
    return {
        field.name: value
        for field in fields(Query)
        if (value := getattr(query, field.name)) != getattr(blank, field.name)
    }


def value_of(found: Found) -> dict[str, Any]:
    """
    Give one event as `found_of` reads it.

    `dataclasses.asdict` also copies what is in the fields: 13 ms for a page, held by the loop.
    """
    return {name: getattr(found, name) for name in _FOUND}


def found_of(value: Mapping[str, Any]) -> Found:
    """Read one event as `Desk` gives it, on either side of the socket."""
    outcome, reason = value["outcome"], value["reason"]
    return Found(
        **{
            **value,
            "outcome": Outcome(outcome) if outcome else None,
            "reason": Reason(reason) if reason else None,
        }
    )
