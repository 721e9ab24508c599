"""``docs/mapping-language.md``, made from the registry, the parser and the bounds."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from relay.mapping import limits
from relay.mapping.function import Example, Function, Method
from relay.mapping.parser import Parser
from relay.mapping.precedence import PRECEDENCE, UNARY
from relay.mapping.registry import functions, methods

INTRODUCTION = """\
# The mapping language

Adobe's Data Prep documents its functions and says that rows may be expressions. The evidence is
that the language is Apache Commons JEXL 3.1 with Adobe's functions; every operator here was
compared with that engine. `relay map --expression` tries one, `relay check` lints a mapping set.

A row's source is an expression, never a statement: `if`, `for`, `while`, `var`, `return`,
assignments and `new` are refused. A name reads a field of the event; a field that is not there is
null. `data.identifiers.id`, `data['identifiers']['id']`, `${First Name}`, `a\\.b` for a dot inside
a name, `items[*].name` for all elements. A failing expression gives its own field no value and a
warning; the record is rejected only if the schema then says so.

This page is made from the code by `make docs`; every example is also a test.
"""


def language_page() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *operators(), *grammar(), *bounds(), *reference()]) + "\n"


def cell(text: str) -> str:
    """Text that may stand in a table."""
    return text.replace("|", "\\|").replace("\n", " ")


def operators() -> Iterator[str]:
    """The table of precedence."""
    yield "## Operators, from the loosest to the tightest\n"
    yield "| level | operators |"
    yield "|---|---|"
    yield "| ternary, elvis | `? :` `?:` |"
    for level in PRECEDENCE:
        shown = " ".join(f"`{cell(symbol)}`" for symbol in level.operators)
        once = "; one in a run" if level.once else ""
        yield f"| {level.name} | {shown}{once} |"
    yield f"| unary | {' '.join(f'`{symbol}`' for symbol in UNARY)} |"
    yield ""
    yield "Words may stand for symbols: `and or not eq ne lt gt le ge div mod`. `=~` is matches or"
    yield "is in, `=^` starts with, `=$` ends with; `!~ !^ !$` are their opposites."
    yield ""


def grammar() -> Iterator[str]:
    """Every grammar rule, as it stands in the parser."""
    yield "## Grammar\n"
    yield "```text"
    for _, member in inspect.getmembers(Parser, inspect.isfunction):
        text = inspect.getdoc(member) or ""
        if " = " in text.partition("\n")[0]:
            yield text.rstrip()
    yield "```"
    yield ""


def bounds() -> Iterator[str]:
    """What an expression may cost."""
    names = [name for name in vars(limits) if name.startswith("MAX_") or name.endswith("_S")]
    yield "## Bounds\n"
    yield "Passing one is an error that names it (`relay/mapping/limits.py` says why).\n"
    yield "| bound | value |"
    yield "|---|---|"
    for name in names:
        yield f"| `{name}` | {getattr(limits, name):,} |"
    yield ""


def reference() -> Iterator[str]:
    """Every function and method, by family."""
    yield "## Functions\n"
    for family, members in groupby(functions(), key=lambda one: one.family):
        yield f"### {family}\n"
        for one in members:
            yield from entry(one)
    yield "## Methods\n"
    for method in methods():
        yield from entry(method)


def entry(one: Function | Method) -> Iterator[str]:
    """One function: signature, sentence, note, examples."""
    yield f"#### `{one.signature}`\n"
    yield one.sentence
    alias = getattr(one, "alias_of", "")
    if alias:
        yield f"The same as `{alias}`."
    if note := getattr(one, "note", ""):
        yield ""
        yield f"> {note}"
    if getattr(one, "is_impure", False):
        yield ""
        yield "> Gives another result each time; the example's clock and chance are fixed."
    yield ""
    if one.examples:
        yield "```text"
        for example in one.examples:
            yield from shown(example)
        yield "```"
        yield ""


def shown(example: Example) -> Iterator[str]:
    """One example: what is given, the expression, what comes out."""
    if example.given:
        yield f"given {value(example.given)}"
    if example.error:
        yield f"{example.expression}\n  error: … {example.error} …"
    else:
        yield f"{example.expression}\n  {value(example.result)}"


def value(given: Any) -> str:
    """A value as JSON, as far as it has such a form."""
    return json.dumps(given, ensure_ascii=False, default=str)
