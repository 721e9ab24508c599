"""Single values of the settings: durations, sizes, addresses to listen on."""

from __future__ import annotations

import pytest

from relay.config import parse_duration_s, parse_size_bytes
from relay.config.rules import is_loopback, split_listen


@pytest.mark.parametrize(
    ("text", "expected"), [("250ms", 0.25), ("5s", 5.0), ("1.5h", 5400.0), (7, 7)]
)
def test_durations(text, expected):
    """Durations carry their unit; numbers are seconds."""
    assert parse_duration_s(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("64MiB", 2**26), ("1GB", 10**9), ("950_000", 950_000), (5, 5)]
)
def test_sizes(text, expected):
    """Sizes carry their unit; numbers are bytes."""
    assert parse_size_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "s", "5 parsecs", "five"])
def test_no_duration(text):
    """What has no number or no known unit is refused with an example."""
    with pytest.raises(ValueError, match="such as '250ms'"):
        parse_duration_s(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:9", ("::1", 9)), (":8080", ("", 8080))],
)
def test_listen(text, expected):
    """An address is a host and a port, also in IPv6."""
    assert split_listen(text) == expected


@pytest.mark.parametrize("text", ["", "80", "a:", "a:65536", "http://0.0.0.0:80", "a:\u00b2"])
def test_no_listen(text):
    """What is no address is refused before anybody tries to bind it."""
    with pytest.raises(ValueError, match="expected HOST:PORT, got"):
        split_listen(text)


def test_loopback():
    """Only what stays on this machine is loopback; an empty host is every interface."""
    assert [is_loopback(host) for host in ("127.0.0.9", "::1", "localhost", "", "0.0.0.0")] == [
        True,
        True,
        True,
        False,
        False,
    ]
