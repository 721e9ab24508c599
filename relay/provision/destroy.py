"""
Taking the set-up down, in the order in which Adobe allows it.

The flow first, for what a flow uses cannot be deleted; then the connections, the mapping set, the
data set, the schema and its field group. A schema that was given by its id is left alone, and so
is one that came with an imported flow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from relay.errors import AdobeError
from relay.provision.desired import Desired
from relay.provision.look import Adobe, Current, is_marked, other_flows
from relay.provision.plan import TITLES

ORDER = ("flow", "source", "target", "mapping", "dataset", "schema", "field_group")
_GONE = frozenset({404, 405, 410})
# What other set-ups may be made of, too.
_SHARED = frozenset({"schema", "field_group"})


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
    deleted: list[str] = []
    for name in ORDER:
        id_ = current.id_of(name)
        if not id_ or (only and name not in only):
            continue
        if name in _SHARED and not (
            desired.schema_id or is_marked(getattr(current, name), desired)
        ):
            progress(f"leave {TITLES[name]} {id_}: it was not made for this route")
            continue
        if desired.schema_id and name in _SHARED:
            continue
        if name == "mapping" and (users := await other_flows(adobe, id_, current.id_of("flow"))):
            progress(f"leave {TITLES[name]} {id_}: flow {users[0]} uses it, too")
            continue
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
