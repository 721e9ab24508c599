"""
The registry's ``Accept`` header: which form of a resource, and of which version (pure).

A lookup names the version, a list must not. Descriptors have forms of their own and no versions.

Source:
    Schema Registry API (``acceptErrorList``, ``acceptErrorLookup``, ``acceptErrorDescriptorList``,
    ``acceptErrorDescriptorLookup``), read 2026-11; AdobeDocs/experience-platform.en,
    help/xdm/api/getting-started.md; adobe.md §4.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from relay.emulator.problems import Refused, registry_problem

_FORM = re.compile(
    r"application/vnd\.adobe\.(?P<family>xed|xdm)(?P<parts>(?:-[a-z0-9]+)*)\+json"
    r"(?:\s*;\s*version\s*=\s*(?P<major>[0-9]{1,6})(?:\.(?P<minor>[0-9]{1,6}))?)?\s*"
)
_PARTS = frozenset({"full", "id", "link", "notext", "desc", "flat", "deprecatefield"})
_DESCRIPTOR_PARTS = frozenset({"id", "link", "v2"})


@dataclass(frozen=True, slots=True)
class Form:
    """What was asked for; *major* is 0 when no version was named."""

    parts: frozenset[str]
    major: int = 0


def list_form(accept: str) -> Form:
    """
    Read the header of a list.

    Raises:
        Refused: 1006, it names no form of the registry or a version.
    """
    form = _read(accept, _PARTS)
    if form is None or form.major:
        raise _invalid("1006-400", accept, "application/vnd.adobe.'{xed|xdm'}+json")
    return form


def lookup_form(accept: str) -> Form:
    """
    Read the header of a lookup.

    Raises:
        Refused: 1007, it names no form of the registry or no version.
    """
    form = _read(accept, _PARTS)
    if form is None or not form.major:
        expected = (
            "application/vnd.adobe.'{xed|xdm'}+json; version=1 (Version should be specified)"
        )
        raise _invalid("1007-400", accept, expected)
    return form


def descriptor_form(accept: str, *, is_list: bool) -> Form:
    """
    Read the header of a list or lookup of descriptors.

    Raises:
        Refused: 1008 of a list, 1009 of a lookup: it names no form that descriptors have.
    """
    form = _read(accept, _DESCRIPTOR_PARTS)
    if form is None or form.major or not accept.startswith("application/vnd.adobe.xdm"):
        if is_list:
            raise _invalid("1008-400", accept, "application/vnd.adobe.xdm-id+json")
        raise _invalid("1009-400", accept, "application/vnd.adobe.xdm+json")
    return form


def _read(accept: str, known: frozenset[str]) -> Form | None:
    found = _FORM.fullmatch(accept.strip())
    if found is None:
        return None
    parts = frozenset(filter(None, found["parts"].split("-")))
    return Form(parts, int(found["major"] or 0)) if parts <= known else None


def _invalid(code: str, accept: str, expected: str) -> Refused:
    detail = (
        f"The supplied Accept header is not valid: {accept} - "
        f"A valid Accept value should look like {expected}"
    )
    return registry_problem(code, "Accept header invalid", detail)
