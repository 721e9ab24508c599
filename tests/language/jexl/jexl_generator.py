"""Random expressions from the grammar, over the record of tests/data/jexl-cases.jsonl."""

from __future__ import annotations

import random
from typing import Any

RECORD: dict[str, Any] = {
    "event_id": "01E4C4CT6YDC7Y5M7FE1GWWPQJ",
    "object_type": "email",
    "metric": "opened",
    "timestamp": 1613063089,
    "count": 3,
    "ratio": 2.5,
    "missing": None,
    "flag": True,
    "off": False,
    "numeric": "12",
    "blank": "",
    "big": 9007199254740993,
    "data": {
        "identifiers": {
            "id": "42",
            "email": "test@example.com",
            "cio_id": "d9c106000001",
        },
        "campaign_id": 9,
        "proxied": False,
        "subject": 'Hello, "you"',
        "tags": ["vip", "eu", "42"],
        "scores": [3, 1, 2],
        "recipients": [{"device": "ios", "n": 1}, {"device": "android", "n": 2}],
        "nothing": None,
        "empty_list": [],
        "empty_map": {},
    },
}
# Besides what the shared cases have: letters of two units, a huge number, names joined by dots.
WIDER: dict[str, Any] = {
    **RECORD,
    "emoji": "a😀é",
    "huge": 2**70,
    "tiny": -0.0001,
    "least": -2147483648,
    "far": -9223372036854775808,
    "loose.name": "joined",
    "loose.deep.er": {"x": 1},
}

_TEXTS = ["event_id", "object_type", "metric", "numeric", "blank", "data.subject", "emoji"]
_TEXTS += ["data.identifiers.email", "data.identifiers.id", "data.tags[0]", "data.tags[2]"]
_LISTS = ["data.tags", "data.scores", "data.recipients", "data.empty_list"]
_MAPS = ["data.identifiers", "data.recipients[0]", "data.empty_map"]
_NUMBERS = ["timestamp", "count", "ratio", "big", "huge", "tiny", "least", "far"]
_NUMBERS += ["data.campaign_id", "data.scores[1]", "data.recipients[0].n"]
_OTHERS = ["missing", "flag", "off", "nope", "data.nothing", "data.proxied", "data.nope"]
_OTHERS += ["nope.deep", "loose.name", "loose.deep.er.x", "data.nope.deep", "data.tags[9]"]
_OTHERS += ["data.tags.1", "data['identifiers'].email", 'data."campaign_id"', "data.tags[-1]"]

_TEXT_LITERALS = ['"a"', '"12"', '"2.5"', '""', '" "', "'x y'", '"true"', '"false"', '"-7"']
_TEXT_LITERALS += [r'"\u00e9"', '"😀"', r'"\d+"', '"[a-z]+"', '"o.*d"', '"NaN"', '"1e2"', '"."']
_TEXT_LITERALS += [
    '"+5"',
    '"0x10"',
    '" 3 "',
    '"1d"',
    r'"a\nb"',
    "'it\\'s'",
    '"9223372036854775808"',
]
_NUMBER_LITERALS = ["0", "1", "2", "7", "-3", "10L", "12h", "1.5f", "2.5", "0.1", "1.0", "-0.0"]
_NUMBER_LITERALS += ["1.25b", "0b", "100b", "0x1F", "017", "2147483647", "2147483648", "1.5e3"]
_NUMBER_LITERALS += ["-2147483648", "9223372036854775807", "-9223372036854775808", "3d", "NaN"]
_NUMBER_LITERALS += ["9223372036854775808", "-5L", "0.30b", "1.0e300", "4h", "0L", "0.0"]

_NUMBERLIKE = [
    "missing",
    "flag",
    "off",
    "blank",
    "numeric",
    "nope",
    "data.identifiers.id",
    "data.nothing",
]
_NUMBERLIKE += [
    '"12"',
    '"2.5"',
    '"-7"',
    '"1.5e2"',
    "count.toString()",
    "data.tags.size()",
    "null",
    "true",
]

_EQUALITY = ["==", "!=", "eq", "ne"]
_RELATION = ["<", ">", "<=", ">=", "=~", "!~", "=^", "!^", "=$", "!$", "lt", "gt", "le", "ge"]
_PRODUCT = ["*", "/", "%", "div", "mod"]
_BITS = ["|", "^", "&"]

_TEXT_METHODS = [
    "length()", "isEmpty()", "isBlank()", "toUpperCase()", "toLowerCase()", "trim()", "strip()",
    "toString()", 'equals("opened")', 'equalsIgnoreCase("OPENED")', 'contains("e")',
    'startsWith("op")', 'endsWith("d")', 'indexOf("e")', 'indexOf("e", 2)', 'lastIndexOf("e")',
    "substring(1)", "substring(1, 3)", "substring(2L)", "substring(0, 1)", 'concat("!")',
    'replace("e", "3")', 'replaceAll("[aeiou]", "_")', 'replaceFirst("e", "")', 'compareTo("om")',
    'matches("[a-z]+")', 'split("e")', "repeat(2)", 'compareToIgnoreCase("OM")', "equals(1)",
    'startsWith("e", 2)', 'lastIndexOf("e", 3)', "substring(9)", "substring(2, 1)",
    "contains(null)", "concat(missing)", "size()", "empty()",
]  # fmt: skip
_LIST_METHODS = [
    "size()", "isEmpty()", "get(0)", "get(9)", 'contains("vip")', "contains(3)", "contains(3L)",
    'indexOf("eu")', "lastIndexOf(2)", "toString()", "subList(0, 0)", "empty()",
    "containsAll(data.tags)", "equals(data.tags)",
]  # fmt: skip
_MAP_METHODS = [
    "size()", "isEmpty()", 'get("id")', 'containsKey("email")', 'containsValue("42")', "get(0)",
    'getOrDefault("x", 7)', "toString()", "keySet()", "empty()", "equals(data.identifiers)",
]  # fmt: skip
_NUMBER_METHODS = ["toString()", "equals(3)", "intValue()", "longValue()", "doubleValue()"]


class Generator:
    """Makes expressions; the same *seed* makes the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        # Whether the expression under way keeps to what arithmetic takes; set by `expression`.
        self._is_calm = False

    def expression(self) -> str:
        """Make one expression, deliberately wrong now and then."""
        self._is_calm = self._random.random() < 0.5
        written = self._expression(self._pick(1, 2, 2, 3, 4))
        return self._broken(written) if self._random.random() < 0.05 else written

    def _pick(self, *choices: Any) -> Any:
        return self._random.choice(choices)

    def _one(self, choices: list[str]) -> str:
        return self._random.choice(choices)

    def _expression(self, depth: int) -> str:
        draw = self._random.random()
        if depth <= 0 or draw < 0.12:
            return self._value(depth)
        if draw < 0.2:
            parts = [self._expression(depth - 1) for _ in range(3)]
            return f"{parts[0]} ? {parts[1]} : {parts[2]}"
        if draw < 0.24:
            return f"{self._expression(depth - 1)} ?: {self._expression(depth - 1)}"
        if draw < 0.35:
            operator = self._pick("&&", "||", "and", "or")
            return f"{self._operand(depth)} {operator} {self._operand(depth)}"
        if draw < 0.42:
            return f"{self._operand(depth)} {self._one(_BITS)} {self._operand(depth)}"
        return self._operand(depth)

    def _operand(self, depth: int) -> str:
        draw = self._random.random()
        if depth <= 0 or draw < 0.15:
            return self._value(depth)
        if draw < 0.35:
            return f"{self._term(depth)} {self._one(_EQUALITY)} {self._term(depth)}"
        if draw < 0.62:
            return f"{self._term(depth)} {self._one(_RELATION)} {self._term(depth)}"
        return self._term(depth)

    def _term(self, depth: int) -> str:
        count = self._pick(1, 1, 2, 2, 3)
        written = self._unary(depth - 1)
        for _ in range(count - 1):
            operator = self._pick("+", "-", "+", self._one(_PRODUCT))
            written += f" {operator} {self._unary(depth - 1)}"
        return written

    def _unary(self, depth: int) -> str:
        draw = self._random.random()
        if draw < 0.07:
            return f"{self._pick('-', '~', '!', 'not ', '- ')}{self._value(depth)}"
        if draw < 0.12:
            return f"{self._pick('size', 'empty')}({self._expression(depth - 1)})"
        if draw < 0.14:
            return f"{self._pick('size', 'empty')} {self._value(depth)}"
        return self._value(depth)

    def _value(self, depth: int) -> str:
        if depth > 0 and self._random.random() < 0.3:
            return self._compound(depth)
        kind = self._random.random()
        if self._is_calm:
            return self._one(self._pick(_NUMBER_LITERALS, _NUMBERS, _NUMBERLIKE))
        if kind < 0.2:
            return self._one(_NUMBER_LITERALS)
        if kind < 0.35:
            return self._one(_TEXT_LITERALS)
        if kind < 0.42:
            return self._pick("true", "false", "null", "[1,2,3]", "['opened','sent']", "{1,2}")
        if kind < 0.5:
            return self._method()
        if kind < 0.53:
            return self._template()
        names = self._pick(_TEXTS, _LISTS, _MAPS, _NUMBERS, _NUMBERS, _OTHERS, _TEXTS, _OTHERS)
        return self._one(names)

    def _compound(self, depth: int) -> str:
        inner = depth - 1
        draw = self._random.random()
        if draw < 0.45:
            return f"({self._expression(inner)})"
        items = [self._expression(inner) for _ in range(self._pick(1, 1, 2, 3))]
        if draw < 0.6:
            return f"[{', '.join(items)}{self._pick('', '', '', ', ...')}]"
        if draw < 0.66:
            return f"[{', '.join(items)}][{self._pick('0', '1', '-1', '0.9', self._unary(0))}]"
        if draw < 0.72:
            return f"{{{', '.join(f'({item})' for item in items)}}}"
        if draw < 0.8:
            key = self._pick('"k"', '"k"', "1", "2.5", "metric", "null")
            return f"{{{key}: {items[0]}}}{self._pick('', '.k', '[1]', '[metric]')}"
        if draw < 0.85:
            low, high = self._pick(0, 1, 3), self._pick(2, 5, 1)
            return f"({low}..{high})" if draw < 0.82 else f"({self._unary(0)} =~ ({low}..{high}))"
        return f"{{'k': {items[0]}}}.k"

    def _method(self) -> str:
        methods, receivers = self._pick(
            (_TEXT_METHODS, [*_TEXTS, '"😀 x"', '" e "']),
            (_LIST_METHODS, _LISTS),
            (_MAP_METHODS, _MAPS[:1]),
            (_NUMBER_METHODS, ["count", "ratio", "big", "data.campaign_id"]),
        )
        return f"{self._one(receivers)}.{self._one(methods)}"

    def _template(self) -> str:
        inner = self._pick("metric", "count + 1", "missing", "data.tags[0]", "ratio", "flag")
        return self._pick(
            f"`${{{inner}}}`", f"`a ${{{inner}}} b`", "`plain`", f"`x{{${{{inner}}}`"
        )

    def _broken(self, written: str) -> str:
        at = self._random.randrange(len(written) + 1)
        cut = self._random.randrange(len(written) + 1)
        return self._pick(
            written[:at],
            written[:at]
            + self._pick(" ", ")", "(", "]", "==", ",", "..", ":", "x")
            + written[at:],
            written[: min(at, cut)] + written[max(at, cut) :],
            written.replace(" ", self._pick("  ", "\n", "/* c */", "## c\n", "\t"), 1),
        )
