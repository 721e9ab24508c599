"""
The text of calls in a fused expression; see `relay.mapping.fused` (pure).

The functions that mappings are full of have a text of their own here, for texts, null and literal
keys. All others are called as they are, with what they make and take counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from relay.mapping import methods, registry
from relay.mapping.evaluate import SLOW_FROM_S, Evaluation
from relay.mapping.function import Function
from relay.mapping.fused_pieces import SHORT_CHARS, Fuses, Known, Piece, literal_of, odd
from relay.mapping.java_date_iso import utc_writer
from relay.mapping.nodes import FunctionCall, MethodCall, Node
from relay.mapping.values import to_string

# A short text makes no long one, and takes no time worth counting.
_SMALL_WORK: Final = {
    "trim": Known.SHORT,
    "ltrim": Known.SHORT,
    "rtrim": Known.SHORT,
    "left": Known.SHORT,
    "right": Known.SHORT,
    "sha1": Known.SHORT,
    "sha256": Known.SHORT,
    "sha512": Known.SHORT,
    "md5": Known.SHORT,
    "crc32": Known.SHORT,
    "instr": Known.NOTHING,
    "split": Known.NOTHING,
}
# These hand on what they are given.
_NO_WORK: Final = frozenset({"first", "last"})
_METHODS: Final = frozenset(
    {
        "contains",
        "endsWith",
        "equals",
        "equalsIgnoreCase",
        "isBlank",
        "isEmpty",
        "length",
        "startsWith",
        "strip",
        "toLowerCase",
        "toUpperCase",
        "trim",
    }
)
_MAX_PARTS: Final = 12


def call_piece(fusion: Fuses, node: FunctionCall) -> Piece | None:
    """Give the text for a call; None when the reference has to say what is wrong with it."""
    function = registry.find(node.name)
    if function is None or node.namespace or not function.accepts(len(node.arguments)):
        return None
    special = _SPECIAL.get(function.alias_of or function.name)
    made = None if special is None else special(fusion, function, node.arguments)
    return made or _call(fusion, function, node.arguments)


def method_piece(fusion: Fuses, receiver: Node, step: MethodCall) -> Piece | None:
    """Give the text for a method with literal arguments, called on the value of a field."""
    if step.name not in _METHODS or not all(map(_is_text, step.arguments)):
        return None
    overloads = methods.methods_of("")[step.name]
    method = next((m for m in overloads if len(m.parameters) == len(step.arguments)), None)
    if method is None:
        return None
    held, given = fusion.local(), fusion.piece(receiver).text
    arguments = ", ".join([held, *(fusion.piece(argument).text for argument in step.arguments)])
    call = f"{fusion.constant(method.call)}({arguments})"
    nothing = f"None if {held} is None else {fusion.constant(odd)}()"
    return Piece(f"({call} if {_is_short(held, given)} else {nothing})")


def _is_text(node: Node) -> bool:
    literal = literal_of(node)
    return literal is not None and type(literal.value) is str and len(literal.value) <= SHORT_CHARS


def _is_short(held: str, text: str) -> str:
    return f"type({held} := {text}) is str and len({held}) <= {SHORT_CHARS}"


def _all(tests: Sequence[str]) -> str:
    # & and not `and`: everything is evaluated, whatever the first one is.
    return " & ".join(f"({test})" for test in tests) or "True"


def _call(fusion: Fuses, function: Function, arguments: Sequence[Node]) -> Piece:
    """Call *function* as it is."""
    pieces = [fusion.piece(argument) for argument in arguments]
    texts, name = [piece.text for piece in pieces], function.alias_of or function.name
    if name in _NO_WORK:
        return Piece(f"{fusion.constant(function.call)}({', '.join(texts)})")
    if name not in _SMALL_WORK:
        return Piece(_counted_call(fusion, function, texts))
    open_at = [at for at, argument in enumerate(arguments) if literal_of(argument) is None]
    if all(pieces[at].known is Known.SHORT for at in open_at):
        return Piece(f"{fusion.constant(function.call)}({', '.join(texts)})", _SMALL_WORK[name])
    if len(open_at) > 1:
        return Piece(_counted_call(fusion, function, texts))
    held = fusion.local()
    test, texts[open_at[0]] = _is_short(held, texts[open_at[0]]), held
    direct = f"{fusion.constant(function.call)}({', '.join(texts)})"
    text = f"({direct} if {test} else {_counted_call(fusion, function, texts)})"
    return Piece(text, _SMALL_WORK[name])


def _counted_call(fusion: Fuses, function: Function, texts: Sequence[str]) -> str:
    return (
        f"{fusion.constant(_counted)}({', '.join(['ev', fusion.constant(function.call), *texts])})"
    )


def _counted(evaluation: Evaluation, call: Callable[..., Any], *values: Any) -> Any:
    started_s = time.monotonic()
    result = call(*values)
    elapsed_s = time.monotonic() - started_s
    if elapsed_s > SLOW_FROM_S:
        evaluation.took(elapsed_s)
    return evaluation.made(result)


def _cased(fusion: Fuses, function: Function, arguments: Sequence[Node]) -> Piece:
    piece, held = fusion.piece(arguments[0]), fusion.local()
    call = f"{held}.{function.alias_of or function.name}()"
    if piece.known is Known.SHORT:
        return Piece(f"(None if ({held} := {piece.text}) is None else {call})", Known.SHORT)
    nothing = f"None if {held} is None else {fusion.constant(odd)}()"
    return Piece(f"({call} if {_is_short(held, piece.text)} else {nothing})", Known.SHORT)


def _concat(fusion: Fuses, function: Function, arguments: Sequence[Node]) -> Piece | None:
    if not 0 < len(arguments) <= _MAX_PARTS:
        return None
    names, tests = [], []
    for argument in arguments:
        text = fusion.piece(argument).text
        if _is_text(argument):
            names.append(text)
            continue
        names.append(fusion.local())
        tests.append(_is_short(names[-1], text))
    joined = "".join(f"{{{name}}}" for name in names)
    return Piece(f'(f"{joined}" if {_all(tests)} else {_counted_call(fusion, function, names)})')


def _coalesce(fusion: Fuses, _function: Function, arguments: Sequence[Node]) -> Piece | None:
    if len(arguments) < 2:  # noqa: PLR2004 - one is an array, perhaps
        return None
    names, takes = _taken(fusion, arguments)
    text = names[-1]
    for name in reversed(names[:-1]):
        text = f"{name} if {name} is not None else {text}"
    return Piece(f"({text})" if not takes else f"(({text}) if ({takes}) else None)")


def _taken(fusion: Fuses, arguments: Sequence[Node]) -> tuple[list[str], str]:
    """
    Give names for the values of *arguments*, and what takes them: the inside of a tuple.

    A tuple that is not empty is true, so that ``… if (…) else None`` takes all values first.
    """
    names, takes = [], ""
    for argument in arguments:
        text = fusion.piece(argument).text
        if literal_of(argument) is None:
            names.append(fusion.local())
            takes += f"({names[-1]} := {text}), "
        else:
            names.append(text)
    return names, takes


def _iif(fusion: Fuses, _function: Function, arguments: Sequence[Node]) -> Piece:
    met, test = fusion.local(), fusion.truth(arguments[0])
    names, takes = _taken(fusion, arguments[1:])
    if not takes:
        return Piece(f"({names[0]} if {test} else {names[1]})")
    return Piece(f"({names[0]} if (({met} := {test}), {takes})[0] else {names[1]})")


def _decode(fusion: Fuses, _function: Function, arguments: Sequence[Node]) -> Piece | None:
    options = arguments[1:]
    pairs = [(options[at], options[at + 1]) for at in range(0, len(options) - 1, 2)]
    table: dict[str | None, Any] = {}
    for option, value in pairs:
        name, held = literal_of(option), literal_of(value)
        if name is None or held is None:
            return None
        table.setdefault(None if name.value is None else to_string(name.value), held.value)
    if not table:
        return None
    default = fusion.piece(options[-1]).text if len(options) % 2 else "None"
    key = fusion.local()
    test = f"type({key} := {fusion.piece(arguments[0]).text}) is str or {key} is None"
    looked_up = f"{key} if {test} else {fusion.constant(_key)}({key})"
    return Piece(f"{fusion.constant(table)}.get({looked_up}, {default})")


def _key(value: Any) -> str:
    if type(value) not in {bool, int, float}:
        odd()
    return to_string(value)


def _to_array(fusion: Fuses, _function: Function, arguments: Sequence[Node]) -> Piece | None:
    keeps_nulls = literal_of(arguments[0])
    if keeps_nulls is None or type(keeps_nulls.value) is not bool:
        return None
    values = ", ".join(fusion.piece(argument).text for argument in arguments[1:])
    if keeps_nulls.value:
        return Piece(f"[{values}]")
    return Piece(f"{fusion.constant(_present)}({values})")


def _present(*values: Any) -> list[Any]:
    if None in values:
        return [value for value in values if value is not None]
    return list(values)


def _to_object(fusion: Fuses, _function: Function, arguments: Sequence[Node]) -> Piece | None:
    if len(arguments) % 2 or not arguments or not all(map(_is_text, arguments[::2])):
        return None
    texts = [fusion.piece(argument).text for argument in arguments]
    pairs = [f"{key}: {value}" for key, value in zip(texts[::2], texts[1::2], strict=True)]
    return Piece(f"{{{', '.join(pairs)}}}")


def _dformat(fusion: Fuses, function: Function, arguments: Sequence[Node]) -> Piece | None:
    pattern = literal_of(arguments[1])
    if pattern is None or not isinstance(pattern.value, str):
        return None
    write = utc_writer(pattern.value)
    if write is None:
        return None
    held, text = fusion.local(), fusion.piece(arguments[0]).text
    names = [held, fusion.constant(pattern.value)]
    slow = _counted_call(fusion, function, names)
    fast = f"{fusion.constant(write)}({held}) if type({held} := {text}) is int"
    return Piece(f"({fast} else {slow})", Known.SHORT)


_SPECIAL: Final[dict[str, Callable[[Fuses, Function, Sequence[Node]], Piece | None]]] = {
    "lower": _cased,
    "upper": _cased,
    "concat": _concat,
    "coalesce": _coalesce,
    "iif": _iif,
    "decode": _decode,
    "to_array": _to_array,
    "to_object": _to_object,
    "to_map": _to_object,
    "dformat": _dformat,
}
