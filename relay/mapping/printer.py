"""
Nodes written as an expression again, so that parsing gives equal nodes (pure).

Brackets are in the nodes (`Group`); none is invented here. Words that are operators come out as
symbols, numbers and texts in one spelling each.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

from relay.mapping import nodes
from relay.mapping.nodes import Node, Step
from relay.mapping.numbers import BigInteger, Float, Long
from relay.mapping.tokens import RESERVED

_PLAIN_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$@.]*")
_PLAIN_MEMBER = re.compile(r"[A-Za-z0-9_$][A-Za-z0-9_$@.]*")
_LAST_NAME = re.compile(r"(?<![\w.$@\\])[A-Za-z_$@](?:[A-Za-z0-9_$@]|\\\.)*$")
_CALL = re.compile(r"[A-Za-z_$@](?:[A-Za-z0-9_$@]|\\\.)*\(")
_UNSAFE = re.compile(r"[^ -\ud7ff\ue000-\U0010ffff]|[\"\\\x7f-\x9f\u2028\u2029]")


def print_expression(node: Node) -> str:
    """Write *node* so that `relay.mapping.parser.parse` reads an equal one."""
    match node:
        case nodes.Literal(value):
            return _literal(value)
        case nodes.Name(name):
            return _name(name)
        case nodes.Group(inner):
            return f"({print_expression(inner)})"
        case nodes.Unary(operator, operand):
            return _unary(operator, print_expression(operand))
        case nodes.Chain(first, rest):
            parts = [print_expression(first)]
            for operation in rest:
                parts += operation.operator, print_expression(operation.operand)
            return " ".join(parts)
        case nodes.Choice():
            return _choice(node)
        case nodes.Reference(head, steps):
            written = print_expression(head)
            # "1.d" would be a Double.
            between = " " if isinstance(head, nodes.Literal) and written[0].isdigit() else ""
            return written + between + "".join(map(_step, steps))
    return _made(node)


def _made(node: Node) -> str:
    match node:
        case nodes.FunctionCall(name, arguments, namespace):
            before = f"{_dotted(namespace)}:" if namespace else ""
            return f"{before}{_dotted(name)}({_list(arguments)})"
        case nodes.ArrayLiteral(items, is_list):
            parts = [print_expression(item) for item in items]
            return f"[{', '.join([*parts, '...'] if is_list else parts)}]"
        case nodes.SetLiteral(items):
            return f"{{{_list(items)}}}"
        case nodes.MapLiteral(entries):
            pairs = [
                _before_colon(print_expression(key), print_expression(value))
                for key, value in entries
            ]
            return f"{{{', '.join(pairs) or ':'}}}"
        case nodes.Lambda(parameters, body):
            return _lambda(parameters, print_expression(body))
        case nodes.Template(parts_):
            return f"`{''.join(map(_template_part, parts_))}`"
    raise AssertionError(node)


def _list(items: tuple[Node, ...]) -> str:
    return ", ".join(map(print_expression, items))


def _choice(node: nodes.Choice) -> str:
    written = print_expression(node.otherwise)
    for case in reversed(node.cases):
        condition = print_expression(case.condition)
        if case.value is None:
            written = f"{condition} ?: {written}"
        else:
            value = print_expression(case.value)
            written = f"{condition} ? {_before_colon(value, written, ' : ')}"
    return written


def _before_colon(written: str, following: str, colon: str = ": ") -> str:
    """Join what a colon separates; "a : f(" would be a call with a namespace."""
    last = _LAST_NAME.search(written)
    if last and last[0] not in RESERVED and _CALL.match(following):
        written = f"{written[: last.start()]}${{{last[0]}}}"
    return f"{written}{colon}{following}"


def _lambda(parameters: tuple[str, ...], body: str) -> str:
    names = ", ".join(map(_dotted, parameters))
    before = names if len(parameters) == 1 else f"({names})"
    return f"{before} -> {{{body}}}" if body.startswith("{") else f"{before} -> {body}"


def _unary(operator: str, operand: str) -> str:
    if operator.isalpha():
        return f"{operator}{'' if operand.startswith('(') else ' '}{operand}"
    # "!~" and "!$" are operators of their own.
    between = "" if operand[0].isalnum() or operand[0] in '("[_' else " "
    return f"{operator}{between}{operand}"


def _step(step: Step) -> str:
    match step:
        case nodes.Member(name):
            return f".{_member(name)}"
        case nodes.Index(index):
            return f"[{print_expression(index)}]"
        case nodes.Each():
            return "[*]"
        case nodes.MethodCall(name, arguments):
            return f".{_member(name)}({_list(arguments)})"
        case nodes.Invocation(arguments):
            return f"({_list(arguments)})"
        case nodes.SizeMethod():
            return ".size()"
    return ".empty()"


def _name(name: str) -> str:
    if _PLAIN_NAME.fullmatch(name) and name not in RESERVED:
        return _dotted(name)
    first = "" if name[0].isalnum() or name[0] == "_" else "\\"
    escaped = re.sub(r"([.\[\]\\])", r"\\\1", name[1:])
    head = f"\\{name[0]}" if first or name[0] in ".[]\\" else name[0]
    return f"${{{head}{escaped}}}"


def _dotted(name: str) -> str:
    return name.replace(".", "\\.")


def _member(name: str) -> str:
    if _PLAIN_MEMBER.fullmatch(name) and name not in RESERVED:
        return _dotted(name)
    return _text(name)


def _literal(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return _text(value)
        case Long():
            return f"{int(value)}L"
        case BigInteger():
            return f"{int(value)}h"
        case int():
            return str(value)
        case Decimal():
            return f"{value}b"
    return _floating(value)


def _floating(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    suffix = "f" if isinstance(value, Float) else ""
    written = "1.0e999" if math.isinf(value) else repr(float(value))
    mantissa, mark, exponent = written.partition("e")
    mantissa = mantissa if "." in mantissa else f"{mantissa}.0"
    return f"{mantissa}{mark}{exponent}{suffix}"


def _text(value: str) -> str:
    return f'"{_UNSAFE.sub(_escaped, value)}"'


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    return f"\\{character}" if character in '"\\' else f"\\u{ord(character):04x}"


def _template_part(part: str | Node) -> str:
    if isinstance(part, str):
        written = _template_text(part)
    else:
        # Braces are counted in a template wherever they stand, in texts too.
        written = re.sub(r'"(?:[^"\\]|\\.)*"', _without_braces, print_expression(part))
        written = f"${{{written}}}"
    return written.replace("\\", "\\\\").replace("`", "\\`")


def _without_braces(text: re.Match[str]) -> str:
    return text[0].replace("{", "\\u007b").replace("}", "\\u007d")


def _template_text(text: str) -> str:
    written, at = "", 0
    while at < len(text):
        pair = text[at : at + 2]
        if pair[0] in "$#" and pair[1:] in {"", "{"}:
            written += f"\\{pair[0]}"
            at += 1
        else:
            # These take the next character along, as the template's reader does.
            step = 2 if pair[0] in "$#\\" else 1
            written += text[at : at + step]
            at += step
    return written
