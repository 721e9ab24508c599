"""
A function of the mapping language: what it is called, what it promises, and the call itself.

Functions stand in ``functions_<family>.py``; each file ends with the tuple of those it declares,
and `relay.mapping.registry` joins the tuples. A function receives the values of
`relay.mapping.values` and returns them; plain Python values are fine as returns. All arguments are
evaluated before the call, as the engine does.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import Parameter, signature
from typing import Any


class FunctionFailed(Exception):
    """
    A call that has no value: bad arguments, or an input the function cannot read.

    The message is lower case, says what was expected, and never holds a value of the record: it
    goes into warnings. The evaluator adds source, position and the types met.
    """


@dataclass(frozen=True, slots=True)
class Context:
    """What an evaluation may see beyond its arguments; tests give their own."""

    now_ms: Callable[[], int]
    """Milliseconds since 1970-01-01 UTC."""
    random: random.Random
    record: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Example:
    """
    An expression, the record it is given, and its result; it is a test and part of the reference.

    *result* is what ``evaluate`` gives, a date as its text; with *error* it fails, and says so in
    a message that has this in it. Examples of impure functions are evaluated at
    2021-10-26T10:10:24Z with a random source seeded with 1.
    """

    expression: str
    result: Any
    given: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, slots=True)
class Function:
    """
    One documented function.

    *call* takes the argument values, after a `Context` when *needs_context*. *max_args* is None
    when any number may follow. *is_impure* says that equal arguments may give another result.
    *note* holds what a reader of the reference should know: errata, approximations, assumptions.
    """

    name: str
    family: str
    signature: str
    sentence: str
    examples: tuple[Example, ...]
    call: Callable[..., Any]
    min_args: int
    max_args: int | None
    needs_context: bool
    is_impure: bool = False
    note: str = ""
    alias_of: str = ""
    prepare: Callable[[], object] | None = None
    """Does once what the first call would otherwise wait for; `registry.find` calls it."""

    def accepts(self, arguments: int) -> bool:
        """Say whether that many arguments may be given."""
        return self.min_args <= arguments and (self.max_args is None or arguments <= self.max_args)

    def expects(self) -> str:
        """Say in words how many arguments are expected: ``2 to 4 arguments``."""
        if self.max_args is None:
            return f"at least {self.min_args} argument{_s(self.min_args)}"
        if self.max_args == self.min_args:
            return f"{self.min_args or 'no'} argument{_s(self.min_args)}"
        return f"{self.min_args} to {self.max_args} arguments"


@dataclass(frozen=True, slots=True)
class Method:
    """A method of a Java value that Adobe documents beside its functions; `methods` holds it."""

    name: str
    family: str
    signature: str
    sentence: str
    examples: tuple[Example, ...]
    note: str = ""


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def function(  # noqa: PLR0913 - the columns of the reference page
    name: str,
    family: str,
    written: str,
    sentence: str,
    *examples: Example,
    is_impure: bool = False,
    note: str = "",
    prepare: Callable[[], object] | None = None,
) -> Callable[[Callable[..., Any]], Function]:
    """
    Declare the decorated callable as the function *name*, *written* as the documentation does.

    How many arguments it takes, and whether it wants the `Context` (a first parameter named
    ``context``), is read from the callable.
    """

    def declare(call: Callable[..., Any]) -> Function:
        parameters = list(signature(call).parameters.values())
        needs_context = bool(parameters) and parameters[0].name == "context"
        taken = parameters[1:] if needs_context else parameters
        is_open = any(parameter.kind is Parameter.VAR_POSITIONAL for parameter in taken)
        named = [p for p in taken if p.kind is not Parameter.VAR_POSITIONAL]
        return Function(
            name=name,
            family=family,
            signature=written,
            sentence=sentence,
            examples=examples,
            call=call,
            min_args=sum(p.default is Parameter.empty for p in named),
            max_args=None if is_open else len(named),
            needs_context=needs_context,
            is_impure=is_impure,
            note=note,
            prepare=prepare,
        )

    return declare


def alias(name: str, of: Function, *examples: Example, note: str = "") -> Function:
    """Give *of* another documented *name*."""
    return Function(
        name=name,
        family=of.family,
        signature=of.signature.replace(f"{of.name}(", f"{name}("),
        sentence=of.sentence,
        examples=examples,
        call=of.call,
        min_args=of.min_args,
        max_args=of.max_args,
        needs_context=of.needs_context,
        is_impure=of.is_impure,
        note=note or f"another name of {of.name}",
        alias_of=of.name,
    )
