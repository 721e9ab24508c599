"""Stacks of real processes for the crash tests."""

from __future__ import annotations

import pytest
from stack import Stack


@pytest.fixture
def stack(request, tmp_path):
    """A stack that is stopped when the test ends; the full forms have segments of full size."""
    is_full = request.node.get_closest_marker("prove") is not None
    made = Stack(tmp_path, segment_bytes="64MiB" if is_full else "2MiB")
    yield made
    made.stop()
