"""
One evaluation: the record it reads, what it has spent, and the errors it ends in (pure).

A compiled expression is a tree of closures (`Code`) that take an `Evaluation` and give a value.
They keep nothing between evaluations, so one compiled expression serves any number at a time.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from relay.errors import EvaluationError
from relay.mapping.failures import JavaError, MethodFailed, OperandError, UnknownMethod
from relay.mapping.function import Context, FunctionFailed
from relay.mapping.limits import (
    MAX_ITEMS,
    MAX_LAMBDA_CALLS,
    MAX_LAMBDA_S,
    MAX_SLOW_S,
    MAX_TEXT_CHARS,
    MAX_WORK,
    LimitPassed,
)
from relay.mapping.nodes import Span
from relay.mapping.values import java_type

FAILURES: Final = (
    OperandError,
    JavaError,
    LimitPassed,
    MethodFailed,
    UnknownMethod,
    FunctionFailed,
)
_KINDS: Final = {
    MethodFailed: "method",
    FunctionFailed: "function",
    UnknownMethod: "unknown",
    LimitPassed: "limit",
    OperandError: "operand",
}
SWALLOWED: Final = frozenset({"operand", "method", "function"})
"""Kinds of errors that the operators ``empty`` and ``size`` take for nothing."""

_SMALL = 4096
_SHOWN_CHARS = 60
_LOOKS_AT_THE_CLOCK = 16  # calls of lambdas between two looks
SLOW_FROM_S = 0.001
"""Below this a call is not slow, only unlucky with the scheduler."""


class Evaluation:
    """
    What one evaluation sees and has spent.

    *locals* are the parameters of the lambdas around the running code, by name.
    """

    # What is left to spend, and the parameters of lambdas; changed by the methods here and by
    # the lambdas. An evaluation that needs none of them does not set them.
    locals: Mapping[str, Any] = MappingProxyType({})
    is_spent = False
    """Whether less than all is left to spend, see `renew`."""
    _work = MAX_WORK
    _lambda_calls = MAX_LAMBDA_CALLS
    _slow_s = MAX_SLOW_S
    # The thread's processor time after the last slow call, and at the first lambda's.
    _busy_s: float | None = None
    _lambdas_from_s: float | None = None

    def __init__(self, record: Mapping[str, Any], context: Context | None) -> None:
        self.record = record
        self._context = context

    def renew(self) -> None:
        """Give back all there is to spend, for the next expression over the same record."""
        self._work, self._lambda_calls = MAX_WORK, MAX_LAMBDA_CALLS
        self._slow_s, self._busy_s, self._lambdas_from_s = MAX_SLOW_S, None, None
        self.is_spent = False

    def restart(self) -> None:
        """Give back what was made and called, not the time, to evaluate the same once more."""
        self._work, self._lambda_calls = MAX_WORK, MAX_LAMBDA_CALLS

    def context(self) -> Context:
        """Give the context for functions; without a given one, the system's clock and chance."""
        if self._context is None:
            self._context = Context(_now_ms, random.SystemRandom(), self.record)
        elif self._context.record is not self.record:
            self._context = replace(self._context, record=self.record)
        return self._context

    def made(self, value: Any) -> Any:
        """
        Count what was made, and give it.

        Raises:
            LimitPassed: it is too large, or all that was made is.
        """
        if isinstance(value, (str, list, dict)) and len(value) > _SMALL:
            self._spend(value, len(value))
        return value

    def _spend(self, value: Any, length: int) -> None:
        if isinstance(value, str):
            if length > MAX_TEXT_CHARS:
                raise LimitPassed(f"a text has more than {MAX_TEXT_CHARS} characters")
        elif length > MAX_ITEMS:
            raise LimitPassed(f"a list or a map has more than {MAX_ITEMS} elements")
        self.is_spent = True
        self._work -= length
        if self._work < 0:
            raise LimitPassed(f"the evaluation makes more than {MAX_WORK} characters and elements")

    def took(self, elapsed_s: float) -> None:
        """
        Count the time of one call: what it kept the processor, of the *elapsed_s* it lasted.

        A machine that stood still meanwhile costs no field. The first slow call tells when the
        counting began, and has a bound of its own.

        Raises:
            LimitPassed: the slow calls together took too long.
        """
        if elapsed_s > SLOW_FROM_S:
            self.is_spent = True
            busy_s = time.thread_time()
            if self._busy_s is not None:
                self._slow_s -= min(elapsed_s, busy_s - self._busy_s)
            self._busy_s = busy_s
            if self._slow_s < 0:
                raise LimitPassed(f"slow calls took more than {MAX_SLOW_S} s together")

    def calls_lambda(self) -> None:
        """
        Count one call of a lambda.

        Raises:
            LimitPassed: there were too many, or they took too long.
        """
        self.is_spent = True
        self._lambda_calls -= 1
        if self._lambda_calls < 0:
            raise LimitPassed(f"lambdas are called more than {MAX_LAMBDA_CALLS} times")
        if self._lambda_calls % _LOOKS_AT_THE_CLOCK == 0:
            busy_s = time.thread_time()
            if self._lambdas_from_s is None:
                self._lambdas_from_s = busy_s
            elif busy_s - self._lambdas_from_s > MAX_LAMBDA_S:
                raise LimitPassed(f"lambdas took more than {MAX_LAMBDA_S} s together")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


Code: TypeAlias = Callable[[Evaluation], Any]
StepCode: TypeAlias = Callable[[Evaluation, Any], Any]
"""Code of one step of a reference, which takes the value it starts from, too."""


def fault(source: str, span: Span, error: Exception, *met: Any) -> EvaluationError:
    """
    Make the error of the sub-expression at *span* of *source*, which *met* these values.

    Only their types are told.
    """
    written = source[span[0] : span[1]].lstrip(".")
    if len(written) > _SHOWN_CHARS:
        written = f"{written[: _SHOWN_CHARS - 1]}…"
    message = f"{written}: {error}"
    if met:
        message += f"; met {' and '.join(map(java_type, met))}"
    kind = _KINDS.get(type(error), "java")
    hint = getattr(error, "hint", "")
    return EvaluationError(message, source=source, position=span[0], kind=kind, hint=hint)
