"""Java's regular expressions: translated ones answer as Java 17 does, and every run is bounded."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.mapping.function import FunctionFailed
from relay.mapping.java_regex import java_regex
from relay.mapping.limits import MAX_REGEX_CHARS, LimitPassed

# Recorded from java.util.regex (Java 17.0.15): whole match, first match with its groups, split,
# replaceAll with "-". Written by hand, then generated from a grammar without look-behind, where
# Java's rules depend on its version.
RECORDED = Path(__file__).parents[1] / "data" / "java-regex.jsonl"
CASES = [json.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines()]


def test_enough_was_recorded():
    """The recorded answers are about a thousand, most of them of valid patterns."""
    assert len(CASES) > 1000
    assert sum(case["result"] != "syntax" for case in CASES) > 900


@pytest.mark.parametrize("case", CASES, ids=lambda case: repr(case["pattern"])[:60])
def test_patterns_answer_as_java_does(case):
    """A pattern matches, finds, splits and replaces as in Java, or is refused as in Java."""
    if case["result"] == "syntax":
        with pytest.raises(FunctionFailed, match="the regular expression"):
            java_regex(case["pattern"])
        return
    compiled, text = java_regex(case["pattern"]), case["text"]
    assert [
        compiled.matches(text),
        compiled.find(text),
        compiled.split(text),
        compiled.replace(text, "-"),
    ] == case["result"]


@pytest.mark.parametrize(
    ("pattern", "text", "replacement", "result"),
    [
        ("(a)(b)?", "ab a", "$2$1", "ba a"),
        ("(a)", "a", "$12", "a2"),
        ("(?<n>a)", "a", "<${n}>", "<a>"),
        ("a", "a", r"\$1\\", r"$1\\"[:3]),
    ],
)
def test_replacements_refer_to_groups(pattern, text, replacement, result):
    """A replacement refers to groups by number and name, and a backslash takes the meaning off."""
    assert java_regex(pattern).replace(text, replacement) == result


def test_the_first_match_alone_is_replaced_on_request():
    """With a count of one only the first match is replaced, as replaceFirst does."""
    assert java_regex("a").replace("aaa", "b", count=1) == "baa"


@pytest.mark.parametrize("replacement", ["$", "$2", "${x}", "\\"])
def test_replacements_that_refer_to_nothing_are_refused(replacement):
    """A stray dollar, an unknown group or a final backslash is an error."""
    with pytest.raises(FunctionFailed, match="the replacement"):
        java_regex("(a)").replace("a", replacement)


def test_empty_pieces_at_the_end_are_kept_on_request():
    """Split drops empty pieces at the end, unless they are asked for."""
    assert java_regex(",").split("a,,b,,") == ["a", "", "b"]
    assert java_regex(",").split("a,,b,,", limit=-1) == ["a", "", "b", "", ""]


@pytest.mark.parametrize("pattern", [r"(a{0,100}){0,100}", "(a|aa)+[bc]"])
def test_catastrophic_patterns_end_in_an_error(pattern):
    """A pattern that would search for ages is stopped and says so."""
    with pytest.raises(LimitPassed, match="took more than 100 ms"):
        java_regex(pattern).matches("a" * 100_000)


@pytest.mark.parametrize(
    "pattern",
    [
        "(?:(?:(?:a{1000}){1000}){1000}){1000}",
        "(" * 5000 + ")" * 5000,
        "(" * 200 + "a" + ")" * 200,
        "[" * 200 + "a" + "]" * 200,
        "a{2147483648}",
        "a" * (MAX_REGEX_CHARS + 1),
        "(?<=a*)b",
    ],
)
def test_patterns_that_would_not_stay_bounded_are_refused(pattern):
    """Multiplying repeats, deep nesting and huge patterns are refused before they are compiled."""
    with pytest.raises(FunctionFailed, match="the regular expression"):
        java_regex(pattern)


def test_large_results_are_refused():
    """A replacement that would grow past the bound of a text is an error."""
    with pytest.raises(LimitPassed, match="characters"):
        java_regex("a").replace("a" * 2000, "b" * 10_000)


@settings(deadline=None, max_examples=300)
@given(
    st.text(alphabet=r"abA1 .*+?()[]{}|^$\-&<>:=!,iQEpLdwsxk", max_size=40), st.text(max_size=20)
)
def test_any_text_as_a_pattern_gives_a_result_or_an_error(pattern, text):
    """Whatever is written as a pattern either runs or is refused with a sentence."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            pieces = java_regex(pattern).split(text)
        except (FunctionFailed, LimitPassed) as failed:
            pieces = [str(failed)]
    assert all(isinstance(piece, str) for piece in pieces)
