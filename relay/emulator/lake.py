"""
What becomes of received messages: mapped, checked, counted, kept in the data set or its failures.

The data plane hands over what it accepted (`Lake.take`), which only queues it: as with Adobe, the
answer 200 came before. `Lake.work`, called before anything is read that depends on it, applies
the flow's mapping set and the data set's schema. When too much waits, taking works some of it off
first, so that memory stays bounded.

Compiled mapping sets and schemas are kept for each flow. They follow changes of mapping set, data
set and schema after ``schema_delay_s``, as Adobe's validation caches do.

Source:
    adobe.md §1.3, §1.4 (what is accepted is not yet ingested), §5 (failed batches), §6 (mapper
    errors are warnings unless the record is refused), §4 (schema cache);
    ``dcs_internal_envelope_for_raw.json``, ``failed_batch_records.json``.

Assumed:
    A reference to an attribute that is not there gives a warning, as in Data Prep's guide; a
    disabled flow ingests nothing; how many records and failures are kept for inspection.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from relay.emulator.compose import compiled
from relay.emulator.inlets import Arrival, Validator, Violations
from relay.emulator.json_answer import encoded
from relay.emulator.references import (
    dataset_of,
    mapping_at,
    mapping_of,
    schema_reference,
)
from relay.emulator.store import Item, Sandbox, Store
from relay.emulator.windows import Windows
from relay.errors import MappingError, SchemaError
from relay.mapping import MappingSet
from relay.mapping.mapping_set import BoundMapping
from relay.schema import CompiledSchema, Violation

KEPT_RECORDS = 10_000
KEPT_FAILURES = 1_000
KEPT_PLACES = 100  # data sets with records, batches with failures
_MAX_WAITING = 20_000

MAPPER_CODE = "MAPPER-3700-400"
MAPPER_TEXT = "Mapper Transform Error"
_CODES: Mapping[str, str] = {
    "type": "DCVS-1104-400",
    "format": "DCVS-1105-400",
    "enum": "DCVS-1106-400",
    "required": "DCVS-1111-400",
}


@dataclass(slots=True)
class Plan:
    """How one flow's messages are treated; compiled at *made_s* from *revision* of the sandbox."""

    dataset_id: str
    mapping: BoundMapping | None
    schema: CompiledSchema | None
    ignores_required: bool
    problem: str
    revision: int
    made_s: float


class Lake:
    """Takes what inlets accepted and turns it into records, failures and counts."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.windows = Windows(store)
        # Changed by `take` and `work`.
        self._waiting: deque[Arrival] = deque()
        self._waiting_total = 0
        # Inlet id to its sandbox and, when it belongs to a flow, that flow's id.
        self._owners: dict[str, tuple[Sandbox, str]] = {}
        self._plans: dict[str, Plan] = {}

    def remember(self, inlet_id: str, sandbox: Sandbox, flow_id: str) -> None:
        """Know where messages of an inlet belong."""
        self._owners[inlet_id] = (sandbox, flow_id)

    def forget(self, inlet_id: str) -> None:
        """Drop an inlet that was taken away."""
        self._owners.pop(inlet_id, None)

    def take(self, arrival: Arrival) -> None:
        """Queue what an inlet accepted."""
        self._waiting.append(arrival)
        self._waiting_total += len(arrival.messages)
        while self._waiting_total > _MAX_WAITING:
            self._work_one()

    def work(self) -> None:
        """Work everything off that waits."""
        if not self._waiting:
            return
        while self._waiting:
            self._work_one()
        self._store.save_soon()

    def validator(self, sandbox: Sandbox, inlet_id: str) -> Validator:
        """Make the check that ``syncValidation`` asks for."""

        def validate(message: Mapping[str, Any], flow_id: str) -> Violations:
            flow = self._flow_of(sandbox, inlet_id, flow_id, message)
            if flow is None:
                return []
            plan = self._plan(sandbox, flow)
            _record, errors, _warnings = _treated(plan, message)
            return errors

        return validate

    def _work_one(self) -> None:
        arrival = self._waiting.popleft()
        self._waiting_total -= len(arrival.messages)
        owner = self._owners.get(arrival.inlet_id)
        if owner is None:
            return
        sandbox = owner[0]
        for message, xaction_id in zip(arrival.messages, arrival.xaction_ids, strict=False):
            flow = self._flow_of(sandbox, arrival.inlet_id, arrival.flow_id, message)
            if flow is not None:
                self._ingest(sandbox, flow, arrival, message, xaction_id)

    def _flow_of(
        self, sandbox: Sandbox, inlet_id: str, flow_id: str, message: Mapping[str, Any]
    ) -> Item | None:
        header = message.get("header")
        named = header.get("flowId") if isinstance(header, Mapping) else None
        owner = self._owners.get(inlet_id, (sandbox, ""))[1]
        return sandbox.of("flows").get(str(owner or flow_id or named or ""))

    def _ingest(
        self,
        sandbox: Sandbox,
        flow: Item,
        arrival: Arrival,
        message: Mapping[str, Any],
        xaction_id: str,
    ) -> None:
        window = self.windows.at(sandbox, flow["id"], arrival.received_ms)
        size = len(encoded(message))
        window["received"] += 1
        window["inputBytes"] += size
        window["lastMs"] = max(window["lastMs"], arrival.received_ms)
        window["inletId"] = arrival.inlet_id
        plan = self._plan(sandbox, flow)
        window["datasetId"] = plan.dataset_id
        if flow.get("state") == "disabled":
            window["skipped"] += 1
            return
        record, errors, warnings = _treated(plan, message)
        window["warnings"] += bool(warnings)
        if not errors:
            window["ingested"] += 1
            window["outputBytes"] += size
            _keep(sandbox, "records", plan.dataset_id, record, KEPT_RECORDS)
            return
        _count_failure(window, errors)
        line = _failed_line(sandbox, arrival, message, xaction_id, errors)
        _keep(sandbox, "failures", window["failedBatchId"], line, KEPT_FAILURES)

    def _plan(self, sandbox: Sandbox, flow: Item) -> Plan:
        settings = self._store.settings
        plan = self._plans.get(flow["id"])
        now_s = settings.clock.wall_s()
        if plan is not None:
            is_fresh = now_s - plan.made_s < settings.schema_delay_s / settings.speed
            if plan.revision == sandbox.revision or is_fresh:
                return plan
        plan = self._plans[flow["id"]] = _compile(sandbox, flow, now_s)
        return plan


Treated = tuple[Item, Sequence[Item], int]


def _compile(sandbox: Sandbox, flow: Item, now_s: float) -> Plan:
    dataset = dataset_of(sandbox, flow) or {"id": "", "tags": {}}
    plan = Plan(dataset["id"], None, None, False, "", sandbox.revision, now_s)
    tags = dataset.get("tags")
    context = tags.get("acp_validationContext") if isinstance(tags, dict) else None
    plan.ignores_required = context == ["disabled"]
    schema_id = schema_reference(dataset.get("schemaRef"))[0]
    try:
        plan.schema = compiled(sandbox, schema_id)
        if plan.schema is None:
            plan.problem = f"the schema {schema_id} does not exist"
        id_, version = mapping_of(flow)
        mapping = mapping_at(sandbox, id_, version or 0) if id_ else None
        if mapping is not None:
            plan.mapping = MappingSet.from_json(mapping).bound(plan.schema)
    except (MappingError, SchemaError) as error:
        plan.problem = error.message
    return plan


def _treated(plan: Plan, message: Mapping[str, Any]) -> Treated:
    """Map and check one message: the record, its errors, and how many warnings there were."""
    if plan.problem or plan.schema is None:
        return {}, [_mapper_error(plan.problem)], 0
    entity = _entity(message)
    if entity is None and plan.mapping is None:
        return {}, [{"message": "Payload body is missing xdmEntity"}], 0
    record, warnings = entity or {}, 0
    try:
        if entity is None and plan.mapping is not None:
            mapped = plan.mapping.apply(message)
            record, warnings = mapped.record, len(mapped.warnings)
        violations = plan.schema.check(record)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        # Numbers and nesting beyond what the checker takes; Adobe would not take them either.
        return {}, [_mapper_error(f"the record cannot be checked: {type(error).__name__}")], 0
    errors = [
        _violation(violation)
        for violation in violations
        if not (plan.ignores_required and violation.rule == "required")
    ]
    return record, errors, warnings


def _entity(message: Mapping[str, Any]) -> Item | None:
    """The record inside an XDM envelope, if the message is one."""
    body = message.get("body")
    if not isinstance(message.get("header"), Mapping) or not isinstance(body, Mapping):
        return None
    entity = body.get("xdmEntity")
    return entity if isinstance(entity, dict) else None


def _violation(violation: Violation) -> Item:
    """One ``causingExceptions`` entry: ``single_errors.json``, ``failed_batch_records.json``."""
    steps = violation.path.split("/")[1:]
    place = "#" + "".join(f"/properties/{step}" for step in steps)
    return {
        "schemaLocation": place,
        "pointerToViolation": violation.path,
        "causingExceptions": [],
        "keyword": violation.rule,
        "message": violation.message,
    }


def _mapper_error(problem: str) -> Item:
    return {
        "schemaLocation": "#",
        "pointerToViolation": "#",
        "causingExceptions": [],
        "keyword": "mapping",
        "message": f"{MAPPER_TEXT}: {problem}",
    }


def _count_failure(window: Item, errors: Sequence[Item]) -> None:
    window["failed"] += 1
    keyword = str(errors[0].get("keyword", ""))
    is_mapping = keyword == "mapping"
    window["failedByMapping" if is_mapping else "failedByValidation"] += 1
    code = MAPPER_CODE if is_mapping else _CODES.get(keyword, "DCVS-1100-400")
    entry = window["errors"].setdefault(code, {"count": 0, "message": errors[0]["message"]})
    entry["count"] += 1


def _failed_line(
    sandbox: Sandbox,
    arrival: Arrival,
    message: Mapping[str, Any],
    xaction_id: str,
    errors: Sequence[Item],
) -> Item:
    """
    Write one line of a failed batch's file: parts of it are JSON inside text.

    Source: adobe.md §5 (Adobe's own client unfolds ``body``, ``header`` and ``_errors``).
    """
    header: Item = {
        "xactionId": xaction_id,
        "source": {"name": arrival.inlet_id},
        "sandboxId": sandbox.id,
        "sandboxName": sandbox.name,
        "originalTimestamp": arrival.received_ms,
        "msgId": xaction_id,
        "msgVersion": "1.0",
        "traceContext": {
            "traceId": xaction_id.replace(":", "").replace("-", ""),
            "spanId": xaction_id.split(":", 1)[0],
            "isSampled": 1.0,
        },
        "_dcsMeta": {
            "inletId": arrival.inlet_id,
            "authenticatedRequest": False,
            "debug": False,
        },
    }
    body: Any = message
    if isinstance(message.get("header"), Mapping) and "body" in message:
        header |= dict(message["header"])
        body = message["body"]
    group = "_mapper" if errors[0].get("keyword") == "mapping" else "_streamingValidation"
    parts = {"body": body, "header": header, "_errors": {group: list(errors)}}
    return {name: encoded(part).decode() for name, part in parts.items()}


def _keep(sandbox: Sandbox, kind: str, id_: str, item: Item, limit: int) -> None:
    places = sandbox.of(kind)
    if id_ not in places:
        while len(places) >= KEPT_PLACES:
            places.pop(next(iter(places)))
        places[id_] = {"items": []}
    kept: list[Item] = places[id_]["items"]
    kept.append(item)
    if len(kept) > limit:
        del kept[: len(kept) - limit]
