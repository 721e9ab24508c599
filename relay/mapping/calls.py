"""
Calls of functions, methods and lambdas, compiled to code (pure).

Every argument is evaluated before the call, in order: ``iif`` evaluates both of its branches. A
field of the record hides a function of the same name, as in the engine.

Source:
    Commons JEXL 3.1, Interpreter.call. The engine gives null for what it does not find; here that
    is an error, because at Adobe it is a warning and an empty field.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, ClassVar

from relay.errors import EvaluationError
from relay.mapping import registry
from relay.mapping.evaluate import FAILURES, Code, Evaluation, StepCode, fault
from relay.mapping.failures import UnknownMethod
from relay.mapping.function import Function, FunctionFailed
from relay.mapping.methods import call_method
from relay.mapping.nodes import FunctionCall, Lambda, Span
from relay.mapping.values import java_type


class LambdaValue:
    """
    A lambda with the parameters it saw where it was written; called from Python with values.

    A parameter without an argument is null, an argument without a parameter is left out.
    """

    java_type: ClassVar[str] = "lambda"
    __slots__ = ("_code", "_evaluation", "_parameters", "_seen")

    def __init__(self, evaluation: Evaluation, parameters: tuple[str, ...], code: Code) -> None:
        self._evaluation = evaluation
        self._parameters = parameters
        self._code = code
        self._seen: Mapping[str, Any] = evaluation.locals

    def __call__(self, *arguments: Any) -> Any:
        """
        Give the body's value.

        Raises:
            EvaluationError: the body has none.
            LimitPassed: the evaluation calls lambdas too often.
        """
        evaluation = self._evaluation
        evaluation.calls_lambda()
        given = dict.fromkeys(self._parameters) | dict(
            zip(self._parameters, arguments, strict=False)
        )
        outside, evaluation.locals = evaluation.locals, {**self._seen, **given}
        try:
            return self._code(evaluation)
        finally:
            evaluation.locals = outside

    def __str__(self) -> str:
        return f"({', '.join(self._parameters)}) -> …"


def lambda_code(node: Lambda, body: Code) -> Code:
    """Compile a lambda whose *body* is compiled."""
    parameters = node.parameters
    return lambda evaluation: LambdaValue(evaluation, parameters, body)


def function_code(source: str, node: FunctionCall, arguments: list[Code]) -> Code:
    """Compile a call of a documented function; what is wrong with it shows when evaluated."""
    function = registry.find(node.name)
    problem = _problem(source, node, function)
    if function is None or problem is not None:
        return _raising(problem)
    call, needs_context = function.call, function.needs_context
    name, span = node.name, node.span

    def call_function(evaluation: Evaluation) -> Any:
        if name in evaluation.record:
            raise _shadowed(source, node)
        values = [argument(evaluation) for argument in arguments]
        started_s = time.monotonic()
        try:
            given = [evaluation.context(), *values] if needs_context else values
            result = evaluation.made(call(*given))
            evaluation.took(time.monotonic() - started_s)
        except FAILURES as error:
            raise fault(source, span, error, *values) from None
        except (EvaluationError, RecursionError):
            raise
        except Exception as error:  # noqa: BLE001 - a bug in a function costs its field, not the event
            kind = type(error).__name__
            failed = FunctionFailed(f"{kind} in the function: a bug, please report it")
            raise fault(source, span, failed, *values) from None
        return result

    return call_function


def _problem(source: str, node: FunctionCall, function: Function | None) -> EvaluationError | None:
    start = node.span[0]
    if node.namespace:
        return EvaluationError(
            f"there is no namespace {node.namespace}: functions are called by their name alone",
            source=source,
            position=start,
            kind="unknown",
            hint="in condition ? a : f(x), write (f(x))",
        )
    if function is None:
        near = registry.nearest(node.name)
        return EvaluationError(
            f"there is no function {node.name}",
            source=source,
            position=start,
            kind="unknown",
            hint=f"did you mean {near}" if near else "docs/mapping-language.md lists them all",
        )
    count = len(node.arguments)
    if not function.accepts(count):
        return EvaluationError(
            f"{node.name} expects {function.expects()}, found {count}",
            source=source,
            position=start,
            kind="unknown",
            hint=function.signature,
        )
    return None


def _raising(problem: EvaluationError | None) -> Code:
    assert problem is not None

    def refuse(_evaluation: Evaluation) -> Any:
        # A new one each time: an error that is raised twice keeps the frames of both.
        raise EvaluationError(
            problem.message,
            source=problem.source,
            position=problem.position,
            kind=problem.kind,
            hint=problem.hint,
        )

    return refuse


def _shadowed(source: str, node: FunctionCall) -> EvaluationError:
    return EvaluationError(
        f"{node.name}(…) is not called: a field of the record has the function's name",
        source=source,
        position=node.span[0],
        kind="unknown",
        hint=f"Data Prep takes {node.name} for the field, too; use another function",
    )


def invoke(source: str, span: Span, value: Any, arguments: list[Any]) -> Any:
    """
    Call *value*, which is a lambda; null stays null.

    Raises:
        EvaluationError: it is no lambda, or the lambda has no value.
    """
    if value is None:
        return None
    try:
        if isinstance(value, LambdaValue):
            return value(*arguments)
        raise UnknownMethod(f"expected a lambda to call, found {java_type(value)}")
    except FAILURES as error:
        raise fault(source, span, error, value) from None


def method_code(source: str, span: Span, name: str, arguments: list[Code]) -> StepCode:
    """Compile a method call to code that takes the receiver, too."""

    def call(evaluation: Evaluation, receiver: Any) -> Any:
        values = [argument(evaluation) for argument in arguments]
        started_s = time.monotonic()
        try:
            result = evaluation.made(call_method(receiver, name, values))
            evaluation.took(time.monotonic() - started_s)
        except FAILURES as error:
            raise fault(source, span, error, receiver, *values) from None
        return result

    return call
