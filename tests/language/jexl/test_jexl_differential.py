"""Expressions from the grammar, answered by the real engine and by ours."""

from __future__ import annotations

import re
from typing import Any

import jexl_engine as engine
import pytest
from jexl_generator import WIDER, Generator

from relay.errors import EvaluationError, ExpressionSyntaxError
from relay.mapping import compile_expression, nodes
from relay.mapping.java_text import joined
from relay.mapping.nodes import Node
from relay.mapping.numbers import float32

pytestmark = [
    pytest.mark.needs_java,
    pytest.mark.skipif(not engine.is_available(), reason="needs Java and the JEXL 3.1 jar"),
]


@pytest.fixture(scope="module")
def class_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return engine.compile_harness(tmp_path_factory.mktemp("classes"))


def test_a_thousand_generated_expressions_agree(class_path: str) -> None:
    """A thousand expressions give the engine's value and type, or fail as they do there."""
    assert_agreement(class_path, seed=1, count=1000)


@pytest.mark.prove
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [2, 3, 4, 5])
def test_twenty_thousand_generated_expressions_agree(class_path: str, seed: int) -> None:
    """Four times five thousand expressions give the engine's value and type, in a row."""
    assert_agreement(class_path, seed=seed, count=5000)


def assert_agreement(class_path: str, *, seed: int, count: int) -> None:
    """Compare *count* expressions; what is ours on purpose is replaced by another expression."""
    generator = Generator(seed)
    sources: list[str] = []
    while len(sources) < count:
        source = generator.expression()
        if not differs_on_purpose(source):
            sources.append(source)
    expected = engine.answers(class_path, WIDER, sources)
    different = [
        f"{source!r}\n  engine {answer}\n  ours   {found}"
        for source, answer in zip(sources, map(as_handed_out, expected), strict=True)
        if (found := ours(source)) != answer and not is_one_number(found, answer)
    ]
    assert not different, f"{len(different)} of {count} differ:\n" + "\n".join(different[:20])


def ours(source: str) -> Any:
    """Give our answer in the engine's form."""
    try:
        expression = compile_expression(source)
    except ExpressionSyntaxError:
        return "syntax"
    try:
        return engine.typed(expression.evaluate(WIDER))
    except EvaluationError:
        return "evaluation"


def as_handed_out(answer: Any) -> Any:
    """Give the engine's *answer* as results are handed out: text keys, no half of a pair."""
    if not isinstance(answer, list):
        return answer
    kind, value = answer
    if kind == "Map":
        return [kind, [[["String", _key_text(key)], as_handed_out(held)] for key, held in value]]
    if isinstance(value, list):
        return [kind, list(map(as_handed_out, value))]
    return [kind, joined(value) if value else value]


def _key_text(key: list[Any]) -> str:
    return "null" if key[1] is None else str(key[1])


def is_one_number(found: Any, answer: Any) -> bool:
    """Whether both are the same Double or Float: Java 17 writes some with too many digits."""
    if found[0] != answer[0] or found[0] not in {"Double", "Float"}:
        return False
    ours_, theirs = float(found[1]), float(answer[1])
    return ours_ == theirs or (found[0] == "Float" and float32(ours_) == float32(theirs))


def differs_on_purpose(source: str) -> bool:
    """
    Whether *source* has what we take otherwise than the engine, and say so.

    Assignments and statements are refused; ``a[]``, ``${a}`` and lambdas are Data Prep's; unknown
    functions and methods are errors instead of null; a broken template is told at once; and there
    are bounds.
    """
    try:
        expression = compile_expression(source)
        expression.evaluate(WIDER)
    except EvaluationError as error:
        if error.kind in {"unknown", "limit"}:
            return True
    except ExpressionSyntaxError as error:
        if error.message.startswith("mappings are expressions"):
            return True
        without = re.sub(r"`(?:[^`\\]|\\.)*`", "`t`", source)
        return without != source and ours(without) != "syntax"
    return "${" in re.sub(r"`[^`]*`", "", source) or any(
        map(_is_ours, nodes.walk(expression.tree))
    )


def _is_ours(found: tuple[Node, int]) -> bool:
    node = found[0]
    steps = node.steps if isinstance(node, nodes.Reference) else ()
    return isinstance(node, (nodes.FunctionCall, nodes.Lambda)) or any(
        isinstance(step, (nodes.Each, nodes.Invocation)) for step in steps
    )
