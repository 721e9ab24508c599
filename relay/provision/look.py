"""
What the set-up at Adobe is now: by remembered ids, else from its flow, else by name and mark.

A flow leads to its connections, these to the data set, to the schema, to its field group, so that
a set-up is found again under any name; the flow itself by the settings or by its name. A resource
that has our name but not our mark is somebody else's: it is reported as an obstacle and never
changed. `Ids` may be empty: everything can be found again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from relay.adobe.catalog import Catalog
from relay.adobe.data_prep import DataPrep
from relay.adobe.flow_service import (
    CUSTOMERIO_SPEC,
    DATA_LAKE_SPEC,
    STREAMING_FLOW_SPEC,
    FlowService,
    Kind,
)
from relay.adobe.http import AdobeHttp
from relay.adobe.schema_registry import SchemaRegistry
from relay.errors import AdobeError
from relay.provision.desired import Desired, canonical_rows

Item = dict[str, Any]
_NOT_FOUND = frozenset({404, 410})
# What the settings name may be no id at all.
_NO_FLOW = _NOT_FOUND | {400}


@dataclass(frozen=True, slots=True)
class Adobe:
    """The clients that the set-up needs, as one argument."""

    flows: FlowService
    schemas: SchemaRegistry
    catalog: Catalog
    mappings: DataPrep

    @classmethod
    def of(cls, http: AdobeHttp) -> Adobe:
        """All of them over one caller."""
        return cls(FlowService(http), SchemaRegistry(http), Catalog(http), DataPrep(http))


@dataclass(slots=True)
class Ids:
    """The ids of one route's resources; an empty one is not known."""

    field_group: str = ""
    schema: str = ""
    dataset: str = ""
    mapping: str = ""
    source: str = ""
    target: str = ""
    flow: str = ""


@dataclass(slots=True)
class Current:
    """The resources as they are; ``None`` where there is none. *obstacles* are not ours."""

    tenant: str
    field_group: Item | None = None
    schema: Item | None = None
    dataset: Item | None = None
    mapping: Item | None = None
    source: Item | None = None
    target: Item | None = None
    flow: Item | None = None
    obstacles: list[str] = field(default_factory=list)

    @property
    def schema_id(self) -> str:
        """The schema's ``$id``, empty without one."""
        return str(self.schema["$id"]) if self.schema else ""

    def id_of(self, kind: str) -> str:
        """The id of one resource by its field's name, empty without one."""
        item = getattr(self, kind)
        return str(item.get("$id") or item.get("id")) if item else ""

    def ids(self) -> Ids:
        """All ids."""
        return Ids(**{name: self.id_of(name) for name in Ids.__dataclass_fields__})


async def look(adobe: Adobe, desired: Desired, known: Ids) -> Current:
    """
    Read every resource of *desired*'s route.

    Raises:
        AdobeError: a call was refused; a resource that is not there is not an error.
    """
    current = Current(tenant=await adobe.schemas.tenant())
    flow_id = known.flow or await _flow_of_settings(adobe, desired)
    current.flow = await _flow_item(adobe, desired, flow_id, "flows", current)
    sources, targets = _connections_of(current.flow)
    current.source = await _flow_item(
        adobe, desired, sources or known.source, "sourceConnections", current
    )
    current.target = await _flow_item(
        adobe, desired, targets or known.target, "targetConnections", current
    )
    written_to = str(((current.target or {}).get("params") or {}).get("dataSetId") or "")
    current.dataset = await find_dataset(
        adobe, desired, (known.dataset, written_to), current.obstacles
    )
    await _look_at_schema(adobe, desired, known, current)
    current.mapping = await _look_at_mapping(adobe, desired, known, current)
    return current


def oldest(items: list[Item]) -> Item | None:
    """Pick the one that two concurrent runs agree on: made first, then the smaller id."""
    return min(
        items,
        key=lambda item: (
            item.get("createdAt") or item.get("created") or item.get("createdDate") or 0,
            str(item.get("$id") or item.get("id")),
        ),
        default=None,
    )


async def find_dataset(
    adobe: Adobe, desired: Desired, known: tuple[str, ...], obstacles: list[str]
) -> Item | None:
    """Find the route's data set by the ids that it may have, else by name and tag."""
    for id_ in filter(None, dict.fromkeys(known)):
        if found := await present(adobe.catalog.dataset(id_)):
            return found
    named = [item async for item in adobe.catalog.datasets(name=_filter(desired.name))]
    named = [item for item in named if item.get("name") == desired.name]
    ours = [item for item in named if is_tagged(item, desired)]
    if named and not ours:
        obstacles.append(_obstacle("a dataset", desired.name, named[0]["id"]))
    return oldest(ours)


async def find_named(adobe: Adobe, desired: Desired, kind: Kind) -> tuple[list[Item], list[Item]]:
    """List Flow Service's resources of the route's name: ours, and all of them."""
    filters = {
        "sourceConnections": f"connectionSpec.id=={CUSTOMERIO_SPEC}",
        "targetConnections": f"connectionSpec.id=={DATA_LAKE_SPEC}",
        "flows": f"name=={desired.name}"
        if _filter(desired.name)
        else f"flowSpec.id=={STREAMING_FLOW_SPEC}",
    }
    found = [item async for item in adobe.flows.find(kind, filters[kind])]
    named = [item for item in found if item.get("name") == desired.name]
    return [item for item in named if is_marked(item, desired)], named


async def present(reading: Any) -> Item | None:
    """Await a read; ``None`` when the resource is not there (or no longer)."""
    try:
        found: Item = await reading
    except AdobeError as error:
        if error.status in _NOT_FOUND:
            return None
        raise
    return found


async def _flow_of_settings(adobe: Adobe, desired: Desired) -> str:
    """Give the id of the flow that the settings name, if it was made for this route."""
    if not desired.flow_id:
        return ""
    try:
        flow = await adobe.flows.get("flows", desired.flow_id)
    except AdobeError as error:
        if error.status in _NO_FLOW:
            return ""
        raise
    return desired.flow_id if is_marked(flow, desired) else ""


async def _flow_item(
    adobe: Adobe, desired: Desired, known: str, kind: Kind, current: Current
) -> Item | None:
    if known and (found := await present(adobe.flows.get(kind, known))):
        return found
    ours, named = await find_named(adobe, desired, kind)
    if named and not ours:
        what = {"flows": "a flow", "sourceConnections": "a source connection"}
        label = what.get(kind, "a target connection")
        current.obstacles.append(_obstacle(label, desired.name, named[0]["id"]))
    return oldest(ours)


async def _look_at_schema(adobe: Adobe, desired: Desired, known: Ids, current: Current) -> None:
    if desired.schema_id:
        current.schema = await present(adobe.schemas.get("schemas", desired.schema_id))
        return
    bound_to = str(((current.dataset or {}).get("schemaRef") or {}).get("id") or "")
    schemas = await _titled(adobe, desired, "schemas", (known.schema, bound_to), current.obstacles)
    current.schema = next(iter(schemas), None)
    group_id = known.field_group or await _group_of(adobe, desired, current)
    groups = await _titled(adobe, desired, "fieldgroups", (group_id,), current.obstacles)
    current.field_group = next(iter(groups), None)


async def _group_of(adobe: Adobe, desired: Desired, current: Current) -> str:
    """
    Find the field group that the schema is made of: ours, whatever else people put into it.

    A schema that was not made for the route came with an imported flow: its first group counts.
    """
    own = f"https://ns.adobe.com/{current.tenant}/mixins/"
    parts = sorted(part for part in parts_of(current.schema) if part.startswith(own))
    for id_ in parts:
        found = await present(adobe.schemas.get("fieldgroups", id_))
        if found and is_marked(found, desired):
            return id_
    is_imported = current.schema is not None and not is_marked(current.schema, desired)
    return parts[0] if parts and is_imported else ""


async def _titled(
    adobe: Adobe,
    desired: Desired,
    kind: Literal["schemas", "fieldgroups"],
    known: tuple[str, ...],
    obstacles: list[str],
) -> list[Item]:
    """
    List ours of the title, in full, in the registry's order; or the one that is known.

    The first of *known* that is there counts: the remembered id, or what our flow leads to.
    """
    for id_ in filter(None, dict.fromkeys(known)):
        if found := await present(adobe.schemas.get(kind, id_)):
            return [found]
    title = desired.name if kind == "schemas" else f"{desired.name} fields"
    what = "a schema" if kind == "schemas" else "a field group"
    ours: list[Item] = []
    others: list[Item] = []
    async for item in adobe.schemas.find(kind, title=_filter(title)):
        if item.get("title") != title:
            continue
        found = await present(adobe.schemas.get(kind, item["$id"]))
        if found is not None:
            (ours if is_marked(found, desired) else others).append(found)
    if others and not ours:
        obstacles.append(_obstacle(what, title, others[0]["$id"]))
    return ours


async def _look_at_mapping(
    adobe: Adobe, desired: Desired, known: Ids, current: Current
) -> Item | None:
    id_, version = mapping_of(current.flow)
    if id_ and (found := await present(adobe.mappings.get(id_, version=version))):
        return found
    if known.mapping and (found := await present(adobe.mappings.get(known.mapping))):
        return found
    return await find_mapping(adobe, desired, current)


async def find_mapping(adobe: Adobe, desired: Desired, current: Current) -> Item | None:
    """
    Find a mapping set that no other flow uses, with the wanted rows for the route's schema.

    Mapping sets have no name and no mark: one that says the same and is nobody else's is ours.
    """
    if not current.schema_id:
        return None
    wanted = canonical_rows(desired.rows(current.tenant))
    alike = [
        item
        async for item in adobe.mappings.all()
        if schema_of_mapping(item) == current.schema_id
        and canonical_rows(item.get("mappings") or []) == wanted
    ]
    free = [
        item for item in alike if not await other_flows(adobe, item["id"], current.id_of("flow"))
    ]
    return oldest(free)


async def other_flows(adobe: Adobe, mapping_id: str, flow_id: str) -> list[str]:
    """List the ids of the flows that use a mapping set, *flow_id* left out."""
    filter_ = f"transformations[].params.mappingId=={mapping_id}"
    return [
        flow["id"] async for flow in adobe.flows.find("flows", filter_) if flow["id"] != flow_id
    ]


def parts_of(schema: Item | None) -> set[str]:
    """The ids of what a schema is made of, in either form of the document."""
    schema = schema or {}
    parts = {str(part.get("$ref", "")) for part in schema.get("allOf") or []}
    return parts | {str(part) for part in schema.get("meta:extends") or []}


def schema_of_mapping(item: Item) -> str:
    """The schema's id that a mapping set fills, in either form of the document."""
    reference = (item.get("outputSchema") or {}).get("schemaRef") or item.get("xdmSchema") or {}
    return str(reference.get("id", "")) if isinstance(reference, dict) else str(reference)


def mapping_of(flow: Item | None) -> tuple[str, int | None]:
    """The mapping set and version that a flow uses; Adobe gives the version as number or text."""
    for step in (flow or {}).get("transformations") or []:
        params = step.get("params") or {}
        if params.get("mappingId"):
            return str(params["mappingId"]), int(params.get("mappingVersion", 0))
    return "", None


def _connections_of(flow: Item | None) -> tuple[str, str]:
    sources = (flow or {}).get("sourceConnectionIds") or [""]
    targets = (flow or {}).get("targetConnectionIds") or [""]
    return str(sources[0]), str(targets[0])


def _filter(name: str) -> str:
    """Give what a list can be filtered by: a comma would make two names of one."""
    return "" if "," in name else name


def is_marked(item: Item, desired: Desired) -> bool:
    """Whether a resource was made for the route, as its description says."""
    return str(item.get("description", "")).endswith(desired.mark)


def is_tagged(dataset: Item, desired: Desired) -> bool:
    """Whether a data set was made for the route: it has no description, so a tag says it."""
    return desired.route in ((dataset.get("tags") or {}).get("relay_route") or ())


def _obstacle(what: str, name: str, id_: str) -> str:
    return f"{what} named {name!r} exists ({id_}) and was not made for this route"
