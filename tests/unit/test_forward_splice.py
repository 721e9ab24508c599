"""Cutting members out of an event by their bytes."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from relay.forward.splice import cut_members

CUT = {"content", "headers"}


def _text(chance: random.Random) -> str:
    length = chance.choice([0, 1, 8, 255, 256, 257, 600])
    return "".join(chance.choice('ab"\\{}[]:, é\n') for _ in range(length))


def _value(chance: random.Random, levels: int) -> Any:
    if levels == 0 or chance.random() < 0.3:
        return chance.choice([1, -2.5e10, True, None, "", "x" * 256, "x" * 257, _text(chance)])
    size = chance.choice([0, 1, 2, 17, 33])
    if chance.random() < 0.5:
        return [_value(chance, levels - 1) for _ in range(size)]
    return {_text(chance): _value(chance, levels - 1) for _ in range(size)}


@pytest.mark.parametrize("seed", range(60))
def test_only_what_is_named_goes_whatever_stands_in_and_around_it(seed: int) -> None:
    """Also where values are longer, or hold more, than the scanner takes in one step."""
    chance = random.Random(seed)
    event = {name: _value(chance, 2) for name in chance.sample(["a", "content", "z"], 3)}
    data = {name: _value(chance, 3) for name in chance.sample(["p", "content", "headers", "q"], 4)}
    body = json.dumps(
        {**event, "data": data, "last": 1},
        ensure_ascii=chance.random() < 0.5,
        indent=chance.choice([None, 1]),
    ).encode()
    left = {name: value for name, value in data.items() if name not in CUT}
    assert json.loads(cut_members(body, "data", CUT)) == {**event, "data": left, "last": 1}


@pytest.mark.parametrize("data", [{}, [], "content", None], ids=str)
def test_where_there_is_nothing_to_cut_the_event_stays_as_it_is(data: Any) -> None:
    """Neither an empty object nor another value under the name is touched."""
    body = json.dumps({"data": data, "content": 1}).encode()
    assert cut_members(body, "data", CUT) == body
