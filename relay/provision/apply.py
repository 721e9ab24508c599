"""
Carrying a plan out: look, make what is missing, look again, until nothing is left to do.

Every creation is preceded by a look and followed by another, so that a run that was cut off, an
answer that got lost, and a second run at the same time all end with one resource of each kind:
when two made the same thing, both keep the older one and each removes only its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from relay.adobe.flow_service import Kind
from relay.clock import Clock
from relay.errors import AdobeError, ProvisionError
from relay.provision.desired import Desired, transformation
from relay.provision.look import (
    Adobe,
    Current,
    Ids,
    find_dataset,
    find_named,
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
    missing_fields,
)

Item = dict[str, Any]
Progress = Callable[[str], None]
Remember = Callable[[Ids], None]

_ROUNDS = 6
_POLL_S = 1.0
_RETRY_S = 0.5
_SETTLED = frozenset({"enabled", "disabled"})


@dataclass(frozen=True, slots=True)
class Applied:
    """
    The set-up after a run.

    *not_before_s* is wall-clock seconds UTC: Adobe wants events no earlier; 0 when the flow was
    not touched.
    """

    steps: tuple[Step, ...]
    ids: Ids
    inlet_url: str
    state: str
    not_before_s: float = 0.0


class Apply:
    """Brings one route's set-up to what is desired; `run` may be called again at any time."""

    def __init__(  # noqa: PLR0913 - one collaborator each, all by name
        self,
        adobe: Adobe,
        desired: Desired,
        *,
        clock: Clock,
        settling_s: float,
        enable_timeout_s: float,
        progress: Progress,
        remember: Remember,
        poll_s: float = _POLL_S,
    ) -> None:
        self._adobe = adobe
        self._desired = desired
        self._clock = clock
        self._settling_s = settling_s
        self._timeout_s = enable_timeout_s
        self._progress = progress
        self._remember = remember
        self._poll_s = poll_s
        self._ids = Ids()
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
        failure: AdobeError | None = None
        for attempt in range(_ROUNDS):
            try:
                current = await look(self._adobe, self._desired, self._ids)
                self._refuse_obstacles(current)
                steps = make_plan(self._desired, current)
                if not has_changes(steps):
                    return await self._finish(current, (*done, *steps))
                done = [step for step in steps if step.action is not Action.LEAVE]
                await self._carry_out(steps, current)
            except AdobeError as error:
                # Somebody was faster, or the answer got lost: a new look tells which.
                if not (error.is_temporary or error.status in {404, 409, 412} or _taken(error)):
                    raise
                failure = error
                self._progress(f"{error.message.split(' (')[0]}; looking again")
                await asyncio.sleep(_RETRY_S * attempt * self._poll_s)
        if failure is not None:
            raise failure
        raise ProvisionError(
            "the set-up keeps changing while it is being made",
            hint="is another `relay provision apply` or a person at work on the same route?",
        )

    def _refuse_obstacles(self, current: Current) -> None:
        if current.obstacles:
            raise ProvisionError(
                "; ".join(current.obstacles),
                hint="choose another provision.name, or adopt a whole set-up with "
                "`relay provision import --flow-id`",
            )
        if self._desired.schema_id and current.schema is None:
            raise ProvisionError(
                f"the schema {self._desired.schema_id} is not in this sandbox",
                hint="mend provision.schema_id and adobe.sandbox",
            )

    async def _carry_out(self, steps: tuple[Step, ...], current: Current) -> None:
        by_resource = {step.resource: step for step in steps}
        await self._remove_replaced(by_resource, current)
        for step in steps:
            if step.action is Action.LEAVE:
                continue
            self._progress(f"{step.action} {TITLES[step.resource]}: {step.why}")
            maker: Callable[[Step, Current], Awaitable[None]] = getattr(self, f"_{step.resource}")
            await maker(step, current)
            self._ids = current.ids()
            self._remember(self._ids)

    async def _remove_replaced(self, steps: dict[str, Step], current: Current) -> None:
        """Take down what is replaced, the flow first; the relay keeps events meanwhile."""
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
        if steps["dataset"].action is Action.REPLACE:
            # Data sets hold data: the old one stays, unnamed by us, for a person to remove.
            await self._adobe.catalog.patch_dataset(
                steps["dataset"].id,
                {"name": f"{self._desired.name} (replaced)", "tags": {"relay_route": []}},
            )
            current.dataset = None

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
            {"op": "add", "path": f"{root}/{name}", "value": leaf}
            for name, leaf in missing_fields(self._desired, current).items()
        ]
        current.field_group = await schemas.patch("fieldgroups", step.id, changes)

    async def _schema(self, _step: Step, current: Current) -> None:
        body = self._desired.schema(current.tenant, current.id_of("field_group"))
        current.schema = await self._adobe.schemas.create("schemas", body)

    async def _dataset(self, _step: Step, current: Current) -> None:
        body = self._desired.dataset(current.schema_id)
        mine = await self._adobe.catalog.create_dataset(body)
        kept = await find_dataset(self._adobe, self._desired, "", []) or {"id": mine}
        if kept["id"] != mine:
            await self._adobe.catalog.delete_dataset(mine)
        current.dataset = kept

    async def _mapping(self, step: Step, current: Current) -> None:
        body = self._desired.mapping_set(current.tenant, current.schema_id)
        if step.action is Action.CREATE:
            id_, version = await self._adobe.mappings.create(body)
        else:
            id_, version = step.id, await self._adobe.mappings.replace(step.id, body)
        current.mapping = {**body, "id": id_, "version": version}

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
            return
        flow = current.flow
        if mapping_of(flow) != (id_, version):
            change = {
                "op": "replace",
                "path": "/transformations/0",
                "value": transformation(id_, version),
            }
            await self._adobe.flows.patch("flows", step.id, [change], etag=str(flow["etag"]))
            flow = await self._settled(step.id)
        await self._describe("flows", flow)
        if flow.get("state") == "draft":
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

    async def _settled(self, flow_id: str) -> Item:
        """Wait until the flow is enabled or disabled; its etag changes on the way."""
        deadline_s = self._clock.monotonic_s() + self._timeout_s
        while True:
            flow = await self._adobe.flows.get("flows", flow_id)
            has_inlet = bool((flow.get("options") or {}).get("inletUrl"))
            if flow.get("state") in _SETTLED and has_inlet:
                return flow
            if self._clock.monotonic_s() > deadline_s:
                raise ProvisionError(
                    f"flow {flow_id} is still {flow.get('state')!r} after {self._timeout_s:.0f} s",
                    hint="run `relay provision status`; Adobe may need longer, run apply again",
                )
            await asyncio.sleep(self._poll_s)

    async def _finish(self, current: Current, steps: tuple[Step, ...]) -> Applied:
        self._ids = current.ids()
        self._remember(self._ids)
        flow = await self._settled(current.id_of("flow"))
        not_before_s = 0.0
        if self._has_touched_flow and self._settling_s:
            not_before_s = self._clock.wall_s() + self._settling_s
        return Applied(
            steps=steps,
            ids=self._ids,
            inlet_url=str(flow["options"]["inletUrl"]),
            state=str(flow["state"]),
            not_before_s=not_before_s,
        )


def _taken(error: AdobeError) -> bool:
    """Whether the registry says that the title is taken: a run beside this one was faster."""
    return error.code == "XDM-3005-400"
