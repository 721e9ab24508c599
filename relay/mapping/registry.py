"""
Every documented function of the mapping language, by name.

Names are case-sensitive, as the engine has them, and carry no namespace. `methods` lists the
methods of Java values that the documentation shows beside the functions.
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache

from relay.mapping import (
    functions_analytics,
    functions_array,
    functions_date,
    functions_hashing,
    functions_logic,
    functions_object,
    functions_regex,
    functions_special,
    functions_string,
    functions_url,
    functions_user_agent,
)
from relay.mapping.function import Context, Example, Function, FunctionFailed, Method

__all__ = [
    "Context",
    "Example",
    "Function",
    "FunctionFailed",
    "Method",
    "find",
    "functions",
    "methods",
    "nearest",
]


def functions() -> tuple[Function, ...]:
    """Every function, in the documentation's order of families."""
    return (
        *functions_string.FUNCTIONS,
        *functions_regex.FUNCTIONS,
        *functions_hashing.FUNCTIONS,
        *functions_url.FUNCTIONS,
        *functions_date.FUNCTIONS,
        *functions_object.FUNCTIONS,
        *functions_array.FUNCTIONS,
        *functions_logic.FUNCTIONS,
        *functions_special.FUNCTIONS,
        *functions_user_agent.FUNCTIONS,
        *functions_analytics.FUNCTIONS,
    )


def methods() -> tuple[Method, ...]:
    """The methods that are documented beside the functions."""
    return functions_string.METHODS


def find(name: str) -> Function | None:
    """Give the function called exactly *name*, ready to be called."""
    found = _by_name().get(name)
    if found is not None and found.prepare is not None:
        found.prepare()
    return found


def nearest(name: str) -> str | None:
    """Give the known name a person most likely meant by *name*, if one is near."""
    folded = {known.lower(): known for known in _by_name()}
    near = get_close_matches(name.lower(), folded, n=1, cutoff=0.7)
    return folded[near[0]] if near else None


@cache
def _by_name() -> dict[str, Function]:
    return {entry.name: entry for entry in functions()}
