"""
The registry's ``Accept`` header: which form of a resource, and of which version (pure).

Source:
    AdobeDocs/experience-platform.en, help/xdm/api/getting-started.md; adobe.md §4 (1006 and 1007
    for schemas, 1008 and 1009 for descriptors).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from relay.emulator.problems import Refused, registry_problem

_FORM = re.compile(
    r"application/vnd\.adobe\.(?P<family>xed|xdm)(?P<parts>(?:-[a-z0-9]+)*)\+json"
    r"(?:\s*;\s*version\s*=\s*(?P<major>\d{1,6})(?:\.(?P<minor>\d{1,6}))?)?\s*"
)
_PARTS = frozenset({"full", "id", "link", "notext", "desc", "flat", "deprecatefield", "v2"})


@dataclass(frozen=True, slots=True)
class Form:
    """What was asked for; *major* is 0 when no version was named."""

    parts: frozenset[str]
    major: int = 0


def read_form(accept: str, *, is_list: bool, needs_version: bool) -> Form:
    """
    Read the header.

    Raises:
        Refused: it names no form of the registry, or a lookup lacks the version.
    """
    found = _FORM.fullmatch(accept.strip())
    parts = frozenset(filter(None, found["parts"].split("-"))) if found else frozenset()
    if found is None or not parts <= _PARTS:
        raise _invalid(accept, "is not supported", is_list=is_list)
    major = int(found["major"] or 0)
    if needs_version and not major:
        raise _invalid(accept, "(Version should be specified)", is_list=is_list)
    return Form(parts, major)


def _invalid(accept: str, why: str, *, is_list: bool) -> Refused:
    detail = f"The supplied Accept header is not valid: {accept} {why}"
    code = "1006-400" if is_list else "1007-400"
    return registry_problem(code, "Accept header invalid", detail)
