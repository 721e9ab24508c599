"""
Nodes compiled to closures, once; evaluated any number of times (pure).

Source:
    Commons JEXL 3.1, Interpreter: what each node evaluates, in which order.
"""

from __future__ import annotations

from typing import Any

from relay.mapping import calls, nodes
from relay.mapping.coercion import to_boolean
from relay.mapping.evaluate import FAILURES, Code, Evaluation, fault
from relay.mapping.nodes import Node
from relay.mapping.operators import chain_code, unary_code
from relay.mapping.references import reference_code
from relay.mapping.values import JavaArray, distinct, map_key, to_string


class Compiler:
    """Compiles what stands in one *scope*: inside of the lambdas with these parameters."""

    def __init__(self, source: str, scope: frozenset[str] = frozenset()) -> None:
        self.source = source
        self.scope = scope

    def code(self, node: Node) -> Code:
        """Compile *node*."""
        match node:
            case nodes.Literal(value):
                return lambda _evaluation: value
            case nodes.Name(name):
                return self._name(name)
            case nodes.Reference(head):
                is_field = isinstance(head, nodes.Name) and head.name not in self.scope
                return reference_code(self, node, is_field=is_field)
            case nodes.FunctionCall():
                return self._call(node)
            case nodes.Chain():
                return chain_code(self, node)
            case nodes.Group(inner):
                return self.code(inner)
            case nodes.Unary():
                return unary_code(self, node)
            case nodes.Choice():
                return self._choice(node)
        return self._made(node)

    def _made(self, node: Node) -> Code:
        """Compile what makes a value of its own."""
        match node:
            case nodes.ArrayLiteral(items, is_list):
                return _array_code([self.code(item) for item in items], is_list=is_list)
            case nodes.SetLiteral(items):
                codes = [self.code(item) for item in items]
                return lambda evaluation: distinct([code(evaluation) for code in codes])
            case nodes.MapLiteral(entries):
                pairs = [(self.code(key), self.code(value)) for key, value in entries]
                return lambda evaluation: {
                    map_key(key(evaluation)): value(evaluation) for key, value in pairs
                }
            case nodes.Lambda(parameters, body):
                inside = Compiler(self.source, self.scope | set(parameters))
                return calls.lambda_code(node, inside.code(body))
            case nodes.Template():
                return self._template(node)
        raise AssertionError(node)

    def _name(self, name: str) -> Code:
        if name in self.scope:
            return lambda evaluation: evaluation.locals[name]
        return lambda evaluation: evaluation.record.get(name)

    def _call(self, node: nodes.FunctionCall) -> Code:
        arguments = [self.code(argument) for argument in node.arguments]
        if node.name not in self.scope or node.namespace:
            return calls.function_code(self.source, node, arguments)
        source, name, span = self.source, node.name, node.span

        def call_parameter(evaluation: Evaluation) -> Any:
            values = [argument(evaluation) for argument in arguments]
            return calls.invoke(source, span, evaluation.locals[name], values)

        return call_parameter

    def _choice(self, node: nodes.Choice) -> Code:
        otherwise = self.code(node.otherwise)
        cases = [
            (self.code(case.condition), None if case.value is None else self.code(case.value))
            for case in node.cases
        ]

        def choose(evaluation: Evaluation) -> Any:
            for condition, value in cases:
                met = condition(evaluation)
                if to_boolean(met):
                    return met if value is None else value(evaluation)
            return otherwise(evaluation)

        return choose

    def _template(self, node: nodes.Template) -> Code:
        parts = [part if isinstance(part, str) else self.code(part) for part in node.parts]
        if len(parts) == 1 and not isinstance(parts[0], str):
            return parts[0]
        source, span = self.source, node.span

        def write(evaluation: Evaluation) -> str:
            text = ""
            try:
                for part in parts:
                    value = part if isinstance(part, str) else part(evaluation)
                    text = evaluation.made(text + ("" if value is None else to_string(value)))
            except FAILURES as error:
                raise fault(source, span, error) from None
            return text

        return write


def _array_code(codes: list[Code], *, is_list: bool) -> Code:
    if is_list:
        return lambda evaluation: [code(evaluation) for code in codes]
    return lambda evaluation: JavaArray(code(evaluation) for code in codes)
