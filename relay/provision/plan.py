"""
From what is to what should be: one step a resource, with the reason. Pure.

What Flow Service cannot change in place is replaced: a target connection's data set or schema
needs a new pair of connections and a new flow, because a flow does not notice a patched one.

Source:
    AdobeDocs/experience-platform.en, help/sources/tutorials/api/update-dataflows.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from relay.provision.desired import Desired, canonical_rows, transformation
from relay.provision.look import Current, mapping_of, parts_of, schema_of_mapping

Item = dict[str, Any]


class Action(StrEnum):
    """What happens to one resource."""

    CREATE = "create"
    UPDATE = "update"
    LEAVE = "leave"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class Step:
    """One resource, what happens to it, and why."""

    resource: str
    action: Action
    why: str
    id: str = ""


ORDER = ("field_group", "schema", "dataset", "mapping", "source", "target", "flow")
TITLES = {
    "field_group": "field group",
    "schema": "schema",
    "dataset": "dataset",
    "mapping": "mapping set",
    "source": "source connection",
    "target": "target connection",
    "flow": "flow",
}


def make_plan(desired: Desired, current: Current) -> tuple[Step, ...]:
    """List one step for every resource, in the order in which they are carried out."""
    must_replace = _pair_must_change(desired, current)
    return (
        *_schema_steps(desired, current),
        _dataset_step(current),
        _mapping_step(desired, current),
        _connection_step("source", desired, current, must_replace),
        _connection_step("target", desired, current, must_replace),
        _flow_step(desired, current, must_replace),
    )


def has_changes(steps: tuple[Step, ...]) -> bool:
    """Whether carrying out *steps* would write anything."""
    return any(step.action is not Action.LEAVE for step in steps)


def missing_fields(desired: Desired, current: Current) -> dict[tuple[str, ...], Item]:
    """Find the tenant's fields that the mapping feeds and the field group lacks, by their path."""
    return dict(_lacking((), desired.fields(current.tenant), _tenant_properties(current)))


def mapping_change(flow: Item, mapping_id: str, version: int) -> Item:
    """
    Give the JSON Patch operation after which *flow* uses *version* of a mapping set.

    A flow that was made by hand may have no transformation yet.
    """
    wanted = transformation(mapping_id, version)
    if flow.get("transformations"):
        return {"op": "replace", "path": "/transformations/0", "value": wanted}
    return {"op": "add", "path": "/transformations", "value": [wanted]}


def _lacking(
    above: tuple[str, ...], wanted: Item, have: Item
) -> Iterator[tuple[tuple[str, ...], Item]]:
    for name, field in wanted.items():
        path = (*above, name)
        if name not in have:
            yield path, field
        elif "properties" in field:
            yield from _lacking(path, field["properties"], have[name].get("properties") or {})


def _schema_steps(desired: Desired, current: Current) -> tuple[Step, ...]:
    if desired.schema_id:
        if current.schema is None:
            why = "the given schema is not in this sandbox: mend provision.schema_id"
            return (Step("schema", Action.CREATE, why, desired.schema_id),)
        return (Step("schema", Action.LEAVE, "given by its id", current.schema_id),)
    return (_field_group_step(desired, current), _schema_step(current))


def _field_group_step(desired: Desired, current: Current) -> Step:
    id_ = current.id_of("field_group")
    if current.field_group is None:
        return Step("field_group", Action.CREATE, "there is none")
    missing = missing_fields(desired, current)
    if missing:
        names = sorted(".".join(path) for path in missing)
        why = f"the mapping feeds fields it lacks: {', '.join(names)}"
        return Step("field_group", Action.UPDATE, why, id_)
    return Step("field_group", Action.LEAVE, "as wanted", id_)


def _schema_step(current: Current) -> Step:
    if current.schema is None:
        return Step("schema", Action.CREATE, "there is none")
    if current.id_of("field_group") not in parts_of(current.schema):
        why = "the field group is no part of it"
        return Step("schema", Action.UPDATE, why, current.schema_id)
    return Step("schema", Action.LEAVE, "as wanted", current.schema_id)


def _dataset_step(current: Current) -> Step:
    if current.dataset is None:
        return Step("dataset", Action.CREATE, "there is none")
    id_ = current.id_of("dataset")
    has = (current.dataset.get("schemaRef") or {}).get("id")
    if has != current.schema_id:
        return Step("dataset", Action.REPLACE, f"it is bound to another schema, {has}", id_)
    return Step("dataset", Action.LEAVE, "as wanted", id_)


def _mapping_step(desired: Desired, current: Current) -> Step:
    if current.mapping is None:
        return Step("mapping", Action.CREATE, "there is none")
    id_ = current.id_of("mapping")
    if schema_of_mapping(current.mapping) != current.schema_id:
        return Step("mapping", Action.UPDATE, "it fills another schema", id_)
    wanted = canonical_rows(desired.rows(current.tenant))
    has = canonical_rows(current.mapping.get("mappings") or [])
    if has == wanted:
        return Step("mapping", Action.LEAVE, "as wanted", id_)
    added, removed = len(set(wanted) - set(has)), len(set(has) - set(wanted))
    why = f"{added} rows to add, {removed} to remove: a new version"
    return Step("mapping", Action.UPDATE, why, id_)


def _pair_must_change(desired: Desired, current: Current) -> str:
    """Why the pair of connections and the flow must be made anew; empty if they need not."""
    target = current.target
    if target is None:
        # Without one there is nothing to replace, unless a flow still names it.
        return "its target connection is gone" if current.flow else ""
    if current.source is None and current.flow:
        return "its source connection is gone"
    dataset = current.id_of("dataset")
    if (target.get("params") or {}).get("dataSetId") != dataset:
        return "the target connection writes to another dataset"
    schema = ((target.get("data") or {}).get("schema") or {}).get("id")
    wanted = desired.schema_id or current.schema_id
    return "the target connection names another schema" if schema != wanted else ""


def _connection_step(kind: str, desired: Desired, current: Current, must_replace: str) -> Step:
    item = getattr(current, kind)
    if item is None:
        return Step(kind, Action.CREATE, "there is none")
    id_ = current.id_of(kind)
    if must_replace:
        return Step(kind, Action.REPLACE, must_replace, id_)
    if _described_otherwise(item, desired):
        return Step(kind, Action.UPDATE, "name or description changed", id_)
    return Step(kind, Action.LEAVE, "as wanted", id_)


def _flow_step(desired: Desired, current: Current, must_replace: str) -> Step:
    flow = current.flow
    if flow is None:
        return Step("flow", Action.CREATE, "there is none")
    id_ = current.id_of("flow")
    if must_replace:
        return Step("flow", Action.REPLACE, must_replace, id_)
    mapping = _mapping_step(desired, current)
    if mapping.action is not Action.LEAVE:
        return Step("flow", Action.UPDATE, "the mapping set gets a new version", id_)
    id_used, version = mapping_of(flow)
    if current.mapping and (id_used, version) != (
        current.id_of("mapping"),
        int(current.mapping.get("version", 0)),
    ):
        return Step("flow", Action.UPDATE, "it uses another version of the mapping set", id_)
    if _described_otherwise(flow, desired):
        return Step("flow", Action.UPDATE, "name or description changed", id_)
    if flow.get("state") == "draft":
        return Step("flow", Action.UPDATE, "it is a draft: publish it", id_)
    return Step("flow", Action.LEAVE, f"as wanted, {flow.get('state')}", id_)


def _described_otherwise(item: Item, desired: Desired) -> bool:
    return (item.get("name"), item.get("description")) != (
        desired.name,
        desired.marked_description,
    )


def _tenant_properties(current: Current) -> Item:
    """The fields under the tenant's root, in the full form or in the group's own definitions."""
    group = current.field_group or {}
    root = f"_{current.tenant}"
    direct = (group.get("properties") or {}).get(root)
    if direct is None:
        custom = (group.get("definitions") or {}).get("customFields") or {}
        direct = (custom.get("properties") or {}).get(root)
    return dict((direct or {}).get("properties") or {})
