"""Special operations: random ids, and what cannot be computed here."""

from __future__ import annotations

from typing import Any, NoReturn
from uuid import UUID

from relay.mapping.function import Context, Example, Function, FunctionFailed, alias, function

_UUID_VERSION = 4


@function(
    "uuid",
    "Special operations",
    "uuid()",
    "Gives a new random UUID (version 4) as text.",
    Example("uuid()", "cd613e30-d8f1-4adf-91b7-584a2265b1f5"),
    is_impure=True,
)
def uuid(context: Context) -> str:
    """Give a random UUID from the context's random source."""
    return str(UUID(int=context.random.getrandbits(128), version=_UUID_VERSION))


@function(
    "fpid_to_ecid",
    "Special operations",
    "fpid_to_ecid(STRING)",
    "Derives the Experience Cloud ID from a first-party device ID; cannot be computed here.",
    Example(
        'fpid_to_ecid("4ed70bee-b654-420a-a3fd-b58b6b65e991")',
        None,
        error="unsupported locally",
    ),
    note="how Adobe derives the ID is not public: a row that calls this fails here and works at "
    "Adobe",
)
def fpid_to_ecid(_fpid: Any) -> NoReturn:
    """Refuse, and say why."""
    raise FunctionFailed(
        "fpid_to_ecid is unsupported locally: how Adobe derives the ID is not public, so only "
        "Adobe can say what it gives"
    )


GUID = alias("guid", uuid, Example("guid()", "cd613e30-d8f1-4adf-91b7-584a2265b1f5"))

FUNCTIONS: tuple[Function, ...] = (uuid, GUID, fpid_to_ecid)
