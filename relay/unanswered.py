"""Why a request to a control API has no answer that can be read, in words for a person."""

from __future__ import annotations

import httpx

# In this order: the first that fits. Whatever else there is was never sent.
_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (httpx.ConnectTimeout, "no connection in time"),
    (httpx.ConnectError, "no connection"),
    (httpx.ProxyError, "the proxy leads no further"),
    (httpx.TimeoutException, "no whole answer in time"),
    (TimeoutError, "no whole answer in time"),
    (httpx.NetworkError, "the connection broke"),
    (httpx.RemoteProtocolError, "the connection ended early, or what came back is not HTTP"),
    (httpx.DecodingError, "what came back cannot be decoded"),
)


def has_left(error: Exception) -> bool:
    """Say whether the request may have arrived, and so may have been carried out."""
    return not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)


def why_unanswered(error: httpx.RequestError | TimeoutError) -> str:
    """Say what *error* means; its own text only where nothing of ours can be in it."""
    words = next((words for kind, words in _WORDS if isinstance(error, kind)), "not a request")
    # A name that is not known, a certificate that is not trusted: none of it was ours.
    text = "" if has_left(error) else str(error)
    return f"{words}: {text}" if text else words
