"""Whatever a function of the mapping language is given, it answers, refuses or reaches a bound."""

from __future__ import annotations

import copy
import random
from decimal import Decimal
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from relay.mapping.java_dates import ZonedDateTime, zone
from relay.mapping.limits import LimitPassed
from relay.mapping.numbers import BigInteger, Float, Long
from relay.mapping.registry import Context, Function, FunctionFailed, find, functions
from relay.mapping.values import JavaArray, JavaSet, Range

RECORD = {"a": {"b": [1, None]}, "c": "text"}
TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
            "2019-10-23T11:24:35.797+05:30",
            "Europe/Paris",
            "weekday",
            "retain",
            "UTF-16",
            "sha256",
            "(a|aa)+[^b]{2,9}",
            "$1\\",
            "a.b[1]",
            "k : v , k : w",
            '{"a": [1, {"b": 1e400}]}',
            "[" * 2000,
            "9" * 4999,
            "https://user@[::1]:99/p/q?x=1&x=2#f",
            "%41%zz",
            ";n;1;2.5;event1=2:3|event2;eVar1=x,c",
            "😀é\x00\ud800",
        ]
    ),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers().map(BigInteger),
    st.integers(-9, 9).map(Long),
    st.floats(),
    st.floats(width=32).map(Float),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.just(Decimal("1E+1000")),
    TEXTS,
    st.builds(
        lambda ms, name: ZonedDateTime.at_ms(ms).in_zone(zone(name)),
        st.integers(-(10**13), 10**14),
        st.sampled_from(["Z", "Asia/Tokyo", "-08:00"]),
    ),
    st.just(Range(1, 3)),
    st.just(Range(1, 2**31)),
    st.just(lambda *values: values[0] if values else None),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(JavaArray),
        st.lists(inner, max_size=4).map(JavaSet),
        st.dictionaries(st.text(max_size=4), inner, max_size=4),
    ),
    max_leaves=8,
)


def call(entry: Function, arguments: list[Any]) -> Any:
    """Call with fixed time and chance; an error as its text."""
    context = Context(lambda: 1_635_243_024_000, random.Random(1), RECORD)
    try:
        return entry.call(context, *arguments) if entry.needs_context else entry.call(*arguments)
    except (FunctionFailed, LimitPassed) as failed:
        return str(failed)


@given(st.sampled_from(functions()), st.data())
def test_any_arguments_give_a_value_or_an_error(entry, data):
    """A function given anything gives a value or its own error, and changes no argument."""
    most = entry.min_args + 4 if entry.max_args is None else entry.max_args
    arguments = data.draw(st.lists(VALUES, min_size=entry.min_args, max_size=most))
    before = repr(arguments), copy.deepcopy(RECORD)
    first = call(entry, arguments)
    assert (repr(arguments), RECORD) == before
    # NaN is unequal to itself, and a lambda's text is its address: types and texts are compared.
    if "100 ms" not in str(first):
        assert repr(call(entry, arguments)) == repr(first)


# A text of words alone may stand in a message by itself.
@given(
    st.sampled_from(functions()),
    TEXTS.filter(lambda text: len(text) > 5 and not text.replace(" ", "").isalpha()),
)
@example(find("date"), "a person's name")
@example(find("to_integer"), "a person's name")
@example(find("json_to_object"), "a person's name")
def test_errors_do_not_repeat_the_values(entry, text):
    """An error says what was expected, and never holds the text it was given."""
    arguments = [text] * max(entry.min_args, 1 if entry.max_args != 0 else 0)
    context = Context(lambda: 0, random.Random(1), RECORD)
    try:
        entry.call(context, *arguments) if entry.needs_context else entry.call(*arguments)
    except (FunctionFailed, LimitPassed) as failed:
        message = str(failed)
    else:
        message = ""
    assert text not in message or text in {"retain", "sha256", "UTF-16", "weekday", "Europe/Paris"}
