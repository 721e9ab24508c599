"""Stacks of real processes for the crash tests."""

from __future__ import annotations

import pytest
from stack import Stack


@pytest.fixture
def stack(tmp_path):
    """A stack that is stopped when the test ends."""
    made = Stack(tmp_path)
    yield made
    made.stop()
