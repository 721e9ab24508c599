"""
Carrying a plan out: look, make what is missing, look again, until nothing is left to do.

Every creation is preceded by a look and followed by another, so that a run that was cut off, an
answer that got lost, and a second run at the same time all end with one resource of each kind:
when two made the same thing, both keep the older one and each removes only its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from relay.adobe.flow_service import Kind
from relay.adobe.http import Progress
from relay.errors import AdobeError, ProvisionError
from relay.provision.desired import Desired
from relay.provision.look import (
    Adobe,
    Current,
    Ids,
    find_dataset,
    find_mapping,
    find_named,
    is_tagged,
    look,
    mapping_of,
    oldest,
    present,
)
from relay.provision.plan import (
    TITLES,
    Action,
    Step,
    has_changes,
    make_plan,
    mapping_change,
    missing_fields,
)
from relay.provision.refusal import refuse
from relay.provision.settle import Pace, inlet_of, not_before_s, settled

Item = dict[str, Any]
Remember = Callable[[Ids], None]

_ROUNDS = 8
_RETRY_S = 0.5
# The registry: a title is taken. Flow Service: the flow is being changed. A new look tells more.
_PASSING = frozenset({"XDM-3005-400", "FLOW-1416-400", "FLOW-1420-400", "FLOW-1421-400"})
_GONE = frozenset({404, 410})
_NO_SANDBOX = "FLOW-2100-404"


@dataclass(frozen=True, slots=True)
class Applied:
    """
    The set-up after a run; *steps* has one for each resource, what was done to it first of all.

    *not_before_s* is wall-clock seconds UTC: Adobe wants events no earlier; 0 when it is past.
    """

    steps: tuple[Step, ...]
    ids: Ids
    inlet_url: str
    state: str
    not_before_s: float = 0.0


@dataclass(slots=True)
class _Patience:
    """What may still go wrong in one run, by whom it was met."""

    conflicts: int = 1
    failure: AdobeError | None = field(default=None)

    def takes(self, error: AdobeError) -> bool:
        """Whether a new look may help: somebody was faster, or an answer got lost."""
        self.failure = error
        if error.fault == "conflict":
            self.conflicts -= 1
            return self.conflicts >= 0
        if error.status in _GONE:
            return error.code != _NO_SANDBOX
        return error.is_temporary or error.code in _PASSING


class Apply:
    """Brings one route's set-up to what is desired; `run` may be called again at any time."""

    def __init__(
        self,
        adobe: Adobe,
        desired: Desired,
        *,
        pace: Pace,
        progress: Progress,
        remember: Remember,
    ) -> None:
        self._adobe = adobe
        self._desired = desired
        self._pace = pace
        self._progress = progress
        self._remember = remember
        # What was found or made so far, what of it is new; changed by `run` and its steps only.
        self._ids = Ids()
        self._made_mapping = ""
        self._has_touched_flow = False

    async def run(self, known: Ids) -> Applied:
        """
        Carry out what is missing and wait until the flow is enabled and has its inlet.

        Raises:
            ProvisionError: something of another owner is in the way, or the flow did not settle.
            AdobeError: a call was refused for good.
        """
        self._ids = known
        done: list[Step] = []
        patience = _Patience()
        seen: tuple[Step, ...] = ()
        for attempt in range(_ROUNDS):
            try:
                current = await look(self._adobe, self._desired, self._ids)
                refuse(self._desired, current)
                steps = make_plan(self._desired, current)
                if not has_changes(steps):
                    return await self._finish(current, _told(steps, done))
                if steps != seen and any(step.action is Action.REPLACE for step in steps):
                    # A look takes many calls. What another run makes between them must not pass
                    # for something to be taken down: that has to be seen twice.
                    seen = steps
                    await self._pace.sleep(self._pace.poll_s)
                    continue
                await self._carry_out(steps, current, done)
            except AdobeError as error:
                if not patience.takes(error):
                    raise
                self._progress(f"{error.message.split(' (')[0]}; looking again")
                await self._pace.sleep(_RETRY_S * attempt * self._pace.poll_s)
        if patience.failure is not None:
            raise patience.failure
        raise ProvisionError(
            "the set-up keeps changing while it is being made",
            hint="is another `relay provision apply` or a person at work on the same route?",
        )

    async def _carry_out(
        self, steps: tuple[Step, ...], current: Current, done: list[Step]
    ) -> None:
        by_resource = {step.resource: step for step in steps}
        await self._remove_replaced(by_resource, current)
        for step in steps:
            if step.action is Action.LEAVE:
                continue
            self._progress(f"{step.action} {TITLES[step.resource]}: {step.why}")
            maker: Callable[[Step, Current], Awaitable[None]] = getattr(self, f"_{step.resource}")
            await maker(step, current)
            done.append(step)
            self._ids = current.ids()
            self._remember(self._ids)

    async def _remove_replaced(self, steps: dict[str, Step], current: Current) -> None:
        """
        Take down what is replaced, the flow first; the relay keeps events meanwhile.

        Before that the data set is set aside: should it be refused, the flow still runs.
        """
        if steps["dataset"].action is Action.REPLACE and current.dataset is not None:
            # Data sets hold data: the old one stays, unnamed by us, for a person to remove.
            if is_tagged(current.dataset, self._desired):
                await self._adobe.catalog.patch_dataset(
                    steps["dataset"].id,
                    {"name": f"{self._desired.name} (replaced)", "tags": {"relay_route": []}},
                )
            current.dataset = None
        kinds: dict[str, Kind] = {
            "flow": "flows",
            "source": "sourceConnections",
            "target": "targetConnections",
        }
        for name, kind in kinds.items():
            if steps[name].action is Action.REPLACE:
                self._progress(f"remove {TITLES[name]} {steps[name].id}: {steps[name].why}")
                await present(self._gone(kind, steps[name].id))
                setattr(current, name, None)

    async def _gone(self, kind: Kind, id_: str) -> Item:
        await self._adobe.flows.delete(kind, id_)
        return {}

    async def _field_group(self, step: Step, current: Current) -> None:
        schemas = self._adobe.schemas
        if step.action is Action.CREATE:
            body = self._desired.field_group(current.tenant)
            current.field_group = await schemas.create("fieldgroups", body)
            return
        root = f"/definitions/customFields/properties/_{current.tenant}/properties"
        changes = [
            {"op": "add", "path": f"{root}/{'/properties/'.join(path)}", "value": field_}
            for path, field_ in missing_fields(self._desired, current).items()
        ]
        current.field_group = await schemas.patch("fieldgroups", step.id, changes)

    async def _schema(self, step: Step, current: Current) -> None:
        schemas, group_id = self._adobe.schemas, current.id_of("field_group")
        if step.action is Action.CREATE:
            body = self._desired.schema(current.tenant, group_id)
            current.schema = await schemas.create("schemas", body)
            return
        change = {"op": "add", "path": "/allOf/-", "value": {"$ref": group_id}}
        current.schema = await schemas.patch("schemas", step.id, [change])

    async def _dataset(self, _step: Step, current: Current) -> None:
        body = self._desired.dataset(current.schema_id)
        mine = await self._adobe.catalog.create_dataset(body)
        kept = await find_dataset(self._adobe, self._desired, (), []) or {"id": mine}
        if kept["id"] != mine:
            await self._adobe.catalog.delete_dataset(mine)
        current.dataset = kept

    async def _mapping(self, step: Step, current: Current) -> None:
        body = self._desired.mapping_set(current.tenant, current.schema_id)
        mappings = self._adobe.mappings
        if step.action is Action.UPDATE:
            version = await mappings.replace(step.id, body)
            current.mapping = {**body, "id": step.id, "version": version}
            return
        mine, version = await mappings.create(body)
        kept = await find_mapping(self._adobe, self._desired, current)
        if kept is not None and kept["id"] != mine:
            await present(self._unmade(mine))
            mine = ""
        self._made_mapping = mine
        current.mapping = kept or {**body, "id": mine, "version": version}

    async def _unmade(self, mapping_id: str) -> Item:
        await self._adobe.mappings.delete(mapping_id)
        return {}

    async def _source(self, step: Step, current: Current) -> None:
        body = self._desired.source_connection()
        current.source = await self._connection("sourceConnections", step, body, current.source)

    async def _target(self, step: Step, current: Current) -> None:
        body = self._desired.target_connection(current.schema_id, current.id_of("dataset"))
        current.target = await self._connection("targetConnections", step, body, current.target)

    async def _connection(self, kind: Kind, step: Step, body: Item, item: Item | None) -> Item:
        if step.action is Action.UPDATE and item is not None:
            await self._describe(kind, item)
            return item
        return await self._create_one(kind, body)

    async def _flow(self, step: Step, current: Current) -> None:
        self._has_touched_flow = True
        mapping = current.mapping or {}
        id_, version = current.id_of("mapping"), int(mapping.get("version", 0))
        if step.action is not Action.UPDATE or current.flow is None:
            body = self._desired.flow(
                source_id=current.id_of("source"),
                target_id=current.id_of("target"),
                mapping_id=id_,
                mapping_version=version,
            )
            current.flow = await self._create_one("flows", body)
            if mapping_of(current.flow)[0] != id_ and id_ == self._made_mapping:
                await present(self._unmade(id_))  # another run's flow was first, with its own set
            return
        flow = current.flow
        is_draft = flow.get("state") == "draft"
        if not is_draft:
            flow = await settled(self._adobe.flows, step.id, self._pace)
        if mapping_of(flow) != (id_, version):
            change = mapping_change(flow, id_, version)
            made = await self._adobe.flows.patch(
                "flows", step.id, [change], etag=str(flow["etag"])
            )
            flow = {**flow, "etag": made.etag}
            if not is_draft:
                flow = await settled(self._adobe.flows, step.id, self._pace)
        await self._describe("flows", flow)
        if is_draft:
            await self._adobe.flows.act(step.id, "publish")
        current.flow = flow

    async def _describe(self, kind: Kind, item: Item) -> None:
        wanted = {"name": self._desired.name, "description": self._desired.marked_description}
        changes = [
            {"op": "replace" if name in item else "add", "path": f"/{name}", "value": value}
            for name, value in wanted.items()
            if item.get(name) != value
        ]
        if changes:
            await self._adobe.flows.patch(kind, item["id"], changes, etag=str(item["etag"]))

    async def _create_one(self, kind: Kind, body: Item) -> Item:
        mine = (await self._adobe.flows.create(kind, body)).id
        ours, _ = await find_named(self._adobe, self._desired, kind)
        kept = oldest(ours) or {**body, "id": mine}
        if kept["id"] != mine:
            await self._adobe.flows.delete(kind, mine)
        return kept

    async def _finish(self, current: Current, steps: tuple[Step, ...]) -> Applied:
        self._ids = current.ids()
        self._remember(self._ids)
        flow = await settled(self._adobe.flows, current.id_of("flow"), self._pace)
        return Applied(
            steps=steps,
            ids=self._ids,
            inlet_url=inlet_of(flow),
            state=str(flow["state"]),
            not_before_s=not_before_s(flow, self._pace, is_changed=self._has_touched_flow),
        )


def _told(last: tuple[Step, ...], done: list[Step]) -> tuple[Step, ...]:
    """Give each resource's first step of *done*; of *last*, which changes nothing, if none."""
    told: dict[str, Step] = {}
    for step in (*done, *last):
        told.setdefault(step.resource, step)
    ids = {step.resource: step.id for step in last}
    return tuple(replace(told[name], id=ids[name]) for name in ids)
