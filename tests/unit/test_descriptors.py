"""The limit of open files follows what the settings need."""

from __future__ import annotations

import resource

import pytest
from ingress_kit import config
from structlog.testing import capture_logs

from relay.service.descriptors import ask_for_descriptors, needed_descriptors

INFINITY = resource.RLIM_INFINITY
NEEDED = 2 * 1000 + 16 + 128


@pytest.mark.parametrize(
    ("soft", "hard", "raised_to", "is_told"),
    [
        (1024, 4096, NEEDED, False),
        (1024, INFINITY, NEEDED, False),
        (1024, 1500, 1500, True),
        (1024, 1024, 1024, True),
        (NEEDED, NEEDED, None, False),
        (INFINITY, INFINITY, None, False),
    ],
)
def test_what_is_asked_for(tmp_path, monkeypatch, soft, hard, raised_to, is_told):
    """As many as may be needed, or as the system allows; too few are told with their number."""
    asked = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    settings = config(tmp_path)
    assert needed_descriptors(settings) == NEEDED
    with capture_logs() as told:
        ask_for_descriptors(settings)
    assert asked == ([] if raised_to is None else [(raised_to, hard)])
    numbers = [(line["event"], line["limit"], line["needed"]) for line in told]
    assert numbers == ([("open_files_few", raised_to, NEEDED)] if is_told else [])


def test_a_system_that_refuses_stops_nothing(tmp_path, monkeypatch):
    """What was allowed before stays, and is told."""

    def refuse(_, limits):
        raise ValueError(limits)

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    with capture_logs() as told:
        ask_for_descriptors(config(tmp_path))
    assert [line["limit"] for line in told] == [256]
