"""The option that writes the golden records anew; the difference is then read in review."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write the golden records of tests/golden"
    )
