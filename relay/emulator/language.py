"""
The mapping language as Data Prep lists it: functions from the relay's registry, and operators.

Source:
    Data Prep API, ``/languages/el/functions`` and ``/languages/el/operators`` (shapes and the
    sample entries); dataprep-language.md for the operators.
"""

from __future__ import annotations

from typing import Any

from relay.mapping.registry import functions

Item = dict[str, Any]


def function_list() -> list[Item]:
    """
    List the functions.

    Assumed: ``returnType`` and ``since``, which the relay does not keep.
    """
    return [
        {
            "category": function.family,
            "function": function.name,
            "description": function.sentence,
            "syntax": function.signature,
            "returns": "",
            "returnType": "java.lang.Object",
            "example": function.examples[0].expression if function.examples else "",
            "result": str(function.examples[0].result) if function.examples else "",
            "params": [],
            "since": 1,
        }
        for function in functions()
    ]


def _operator(symbol: str, method: str, operands: int, description: str, example: str) -> Item:
    return {
        "operatorSymbol": symbol,
        "methodName": method,
        "numberOfOperands": operands,
        "description": description,
        "example": example,
    }


OPERATORS: tuple[Item, ...] = (
    _operator("+", "add", 2, "Simple arithmetic addition", "1 + 2"),
    _operator("-", "subtract", 2, "Simple arithmetic subtraction", "3 - 1"),
    _operator("*", "multiply", 2, "Simple arithmetic multiplication", "2 * 3"),
    _operator("/", "divide", 2, "Simple arithmetic division", "1 / 2"),
    _operator("%", "mod", 2, "Remainder of a division", "5 % 2"),
    _operator("-", "negate", 1, "The sign of a number turned", "-12"),
    _operator("~", "complement", 1, "Every bit turned", "~44"),
    _operator("!", "not", 1, "The opposite of a condition", "!cond1"),
    _operator("&&", "and", 2, "Both conditions", "cond1 && cond2"),
    _operator("||", "or", 2, "One of two conditions", "cond1 || cond2"),
    _operator("==", "equals", 2, "Equality", "a == b"),
    _operator("!=", "notEquals", 2, "Inequality", "a != b"),
    _operator("<", "lessThan", 2, "Less than", "a < b"),
    _operator("<=", "lessThanOrEqual", 2, "Less than or equal", "a <= b"),
    _operator(">", "greaterThan", 2, "Greater than", "a > b"),
    _operator(">=", "greaterThanOrEqual", 2, "Greater than or equal", "a >= b"),
    _operator("=~", "contains", 2, "In, or matched by", "a =~ b"),
    _operator("!~", "notContains", 2, "Not in, nor matched by", "a !~ b"),
    _operator("&", "bitwiseAnd", 2, "Bits that both have", "33 & 4"),
    _operator("|", "bitwiseOr", 2, "Bits that one has", "33 | 4"),
    _operator("^", "bitwiseXor", 2, "Bits that only one has", "33 ^ 4"),
    _operator("?:", "ternary", 3, "One of two values", "cond ? a : b"),
)
