"""Makes the kits beside this file importable from every test folder; says how much is tried."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from hypothesis import settings

# `make test` tries few examples of each property; `make prove` ten times as many.
settings.register_profile("test", max_examples=100, deadline=None)
settings.register_profile("prove", max_examples=1000, deadline=None)
settings.load_profile("test")


def pytest_configure() -> None:
    """
    Say once that a library is not there which httpx asks for at each request.

    An import that fails is not remembered by Python: each looks through every test folder again.
    """
    if find_spec("sniffio") is None:
        sys.modules["sniffio"] = None  # type: ignore[assignment]  # "not there" to an import
