"""
Taking the set-up down, in the order in which Adobe allows it.

The flow first, for what a flow uses cannot be deleted; then the connections, the mapping set, the
data set, the schema and its field group. A schema that was given by its id is left alone, and so
are a schema, a field group and a data set that came with an imported flow: others may use them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from relay.errors import AdobeError
from relay.provision.desired import Desired
from relay.provision.look import Adobe, Current, is_marked, is_tagged, other_flows
from relay.provision.plan import TITLES

ORDER = ("flow", "source", "target", "mapping", "dataset", "schema", "field_group")
_GONE = frozenset({404, 405, 410})


@dataclass(frozen=True, slots=True)
class Choice:
    """What is deleted, in order, and what is left, each with the reason."""

    deleted: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)


async def choose(
    adobe: Adobe, desired: Desired, current: Current, *, only: Sequence[str] = ()
) -> Choice:
    """
    Say what `destroy` would do.

    Raises:
        AdobeError: a call was refused.
    """
    choice = Choice()
    for name in ORDER:
        if not current.id_of(name) or (only and name not in only):
            continue
        why = await _why_left(adobe, desired, current, name)
        if why:
            choice.left[name] = why
        else:
            choice.deleted.append(name)
    return choice


async def destroy(
    adobe: Adobe,
    desired: Desired,
    current: Current,
    *,
    only: Sequence[str] = (),
    progress: Callable[[str], None],
) -> list[str]:
    """
    Delete what *current* found, or only the named resources; return what was deleted.

    Raises:
        AdobeError: a deletion was refused; what came before it is gone, a new run goes on.
    """
    choice = await choose(adobe, desired, current, only=only)
    for line in told(choice, current):
        progress(line)
    deleted: list[str] = []
    for name in choice.deleted:
        id_ = current.id_of(name)
        progress(f"delete {TITLES[name]} {id_}")
        try:
            await _delete(adobe, name, id_)
        except AdobeError as error:
            if error.status not in _GONE:
                if current.flow is not None and "flow" not in deleted:
                    error.hint = error.hint or "a flow uses it: delete the flow first, --only flow"
                raise
            progress(f"{TITLES[name]} {id_} was gone already, or cannot be deleted")
            continue
        deleted.append(name)
    return deleted


def told(choice: Choice, current: Current) -> list[str]:
    """Say of everything that is left why it is."""
    return [
        f"leave {TITLES[name]} {current.id_of(name)}: {why}" for name, why in choice.left.items()
    ]


async def _why_left(adobe: Adobe, desired: Desired, current: Current, name: str) -> str:
    """Give the reason why one resource is not deleted, empty when it is."""
    if name in {"schema", "field_group"} and desired.schema_id:
        return "it was given by provision.schema_id"
    is_shared = {"schema": is_marked, "field_group": is_marked, "dataset": is_tagged}
    if name in is_shared and not is_shared[name](getattr(current, name), desired):
        return "it was not made for this route"
    if name == "mapping":
        users = await other_flows(adobe, current.id_of(name), current.id_of("flow"))
        return f"flow {users[0]} uses it, too" if users else ""
    return ""


async def _delete(adobe: Adobe, name: str, id_: str) -> None:
    if name == "flow":
        await adobe.flows.delete("flows", id_)
    elif name == "source":
        await adobe.flows.delete("sourceConnections", id_)
    elif name == "target":
        await adobe.flows.delete("targetConnections", id_)
    elif name == "mapping":
        await adobe.mappings.delete(id_)
    elif name == "dataset":
        await adobe.catalog.delete_dataset(id_)
    elif name == "schema":
        await adobe.schemas.delete("schemas", id_)
    else:
        await adobe.schemas.delete("fieldgroups", id_)
