"""What is said of a request without an answer: words, and nothing that was sent."""

from __future__ import annotations

import httpx
import pytest

from relay.unanswered import has_left, why_unanswered

_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout)


def _kinds(kind: type[Exception]) -> list[type[Exception]]:
    return [kind, *(one for below in kind.__subclasses__() for one in _kinds(below))]


@pytest.mark.parametrize("kind", [*_kinds(httpx.RequestError), TimeoutError])
def test_every_error_has_words(kind: type[Exception]):
    """Each kind is told without its Python name; its text only where nothing was sent."""
    error = kind("its own text")
    words = why_unanswered(error)
    assert kind.__name__ not in words
    assert " " in words
    assert has_left(error) is not issubclass(kind, _UNSENT)
    assert ("its own text" in words) is not has_left(error)
