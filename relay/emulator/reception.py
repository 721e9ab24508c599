"""
What an inlet decides about one request: whom it refuses, what it takes, what it answers.

One request, in order::

    storm       a fault that stands in front of everything
    gate        the inlet, its content type, its size, its token
    parse       one message, or {"messages": [...]}
    judge       message by message: envelope, organisation, flow id, and faults
    store       what was taken is counted, kept, and handed to the flow's taker
    answer      200 or 207 in the inlet's shape

No I/O; `relay.emulator.collection` reads the request and sends the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from relay.emulator import bodies
from relay.emulator.answer import Answer
from relay.emulator.faults import Faults, Hit
from relay.emulator.gate import Call, Gate
from relay.emulator.inlets import Arrival, Inlet, Inlets
from relay.emulator.messages import Rules, event_id_of, parse
from relay.emulator.received import UNKNOWN, Received
from relay.emulator.settings import EmulatorSettings
from relay.emulator.stamps import Stamp, Stamps
from relay.emulator.storm import inlet_storm, page

# Faults after which what was read is stored only if they say so.
_MAY_STORE = frozenset(("reset_after", "hang", "not_json", "wrong_count"))

Refusals = dict[int, tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Taken:
    """A request past the gate: its messages and which of them are refused, by place."""

    call: Call
    inlet: Inlet
    stamp: Stamp
    messages: Sequence[Any] = field(repr=False)
    refusals: Mapping[int, tuple[int, str]]

    @property
    def accepted(self) -> Sequence[int]:
        """The places of the messages that were taken."""
        places = range(len(self.messages))
        return (
            [place for place in places if place not in self.refusals] if self.refusals else places
        )


class Reception:
    """Decides; owns nothing but the numbering of its answers."""

    def __init__(
        self,
        settings: EmulatorSettings,
        *,
        inlets: Inlets,
        gate: Gate,
        received: Received,
        faults: Faults,
    ) -> None:
        self._settings = settings
        self._inlets = inlets
        self._gate = gate
        self._received = received
        self._faults = faults
        self._stamps = Stamps(settings.clock)

    def take(self, call: Call, hit: Hit) -> Answer:
        """Decide about *call*, which meets *hit*, and store what is accepted."""
        refused = 0
        inlet = self._inlets.find(call.inlet_id)
        answer = inlet_storm(hit, call.inlet_id, self._settings.clock)
        if answer is None:
            answer = self._gate.refuse(call, inlet)
            if answer is None:
                assert inlet is not None
                answer, refused = self._past_gate(call, inlet, hit)
        was_cut = hit.kind in ("reset_after", "hang")
        # Ids that no inlet has come from whoever calls: they are counted as one.
        name = call.inlet_id if inlet is not None else UNKNOWN
        self._received.answered(name, 0 if was_cut else answer.status, refused=refused)
        return answer

    def _past_gate(self, call: Call, inlet: Inlet, hit: Hit) -> tuple[Answer, int]:
        """Read, judge, store and answer; how many messages were refused comes along."""
        messages = _messages(call)
        if isinstance(messages, str):
            body = bodies.invalid_format(f"{inlet.where} {messages}")
            return Answer.of(400, body), 0
        refusals = self._judge(call, inlet, messages, hit)
        taken = Taken(call, inlet, self._stamps.next(), messages, refusals)
        if call.wants_validation and not refusals:
            violations = inlet.validator(messages[0], call.flow_id) if inlet.validator else ()
            if violations:
                return Answer.of(400, bodies.invalid_record(inlet, violations)), 1
        if hit.kind not in _MAY_STORE or hit.value("stored"):
            self._store(taken)
        if hit.kind == "not_json":
            return page(hit), len(refusals)
        answer = _batch(taken, hit) if call.is_batch else _single(taken)
        return answer, len(refusals)

    def _judge(self, call: Call, inlet: Inlet, messages: Sequence[Any], hit: Hit) -> Refusals:
        """Say which messages are refused, by the rules or by a fault."""
        everything = range(len(messages))
        if hit.kind == "wrong_org":
            return dict.fromkeys(everything, (400, f"{inlet.where} {bodies.WRONG_ORG}"))
        if hit.kind == "missing_header" and (call.is_batch or hit.value("single")):
            return dict.fromkeys(everything, (400, bodies.HEADER_MANDATORY))
        rules = Rules(inlet, call.flow_id, call.is_batch, self._settings.strict)
        refusals = {place: (400, why) for place, why in rules.refusals(messages).items()}
        if hit.kind == "partial":
            ids = [event_id_of(one) if isinstance(one, dict) else None for one in messages]
            status = hit.value("status")
            message = hit.value("message") or f"{inlet.where} {bodies.item_words(status)}"
            for place in self._faults.refused_places(hit, ids):
                refusals[place] = (status, message)
        return refusals

    def _store(self, taken: Taken) -> None:
        """Count and keep what was accepted, and tell whom it concerns."""
        accepted, call = taken.accepted, taken.call
        if not accepted:
            return
        self._received.store(
            call.inlet_id,
            taken.messages,
            body=call.body,
            is_batch=call.is_batch,
            accepted=accepted,
        )
        if taken.inlet.taker is None:
            return
        ids = [taken.stamp.single]
        if call.is_batch:
            ids = taken.stamp.items(len(taken.messages), taken.inlet.batch_shape)
        taken.inlet.taker(
            Arrival(
                inlet_id=call.inlet_id,
                flow_id=call.flow_id or taken.inlet.flow_id,
                received_ms=taken.stamp.received_ms,
                xaction_ids=[ids[place] for place in accepted],
                messages=[taken.messages[place] for place in accepted],
            )
        )


def _messages(call: Call) -> list[Any] | str:
    """
    Read the messages of a request, or say in the inlet's words why there are none.

    Assumed: the words, and that a batch without messages is refused.
    """
    try:
        document = parse(call.body)
    except ValueError:
        return "Message is not valid JSON"
    if not call.is_batch:
        return [document]
    messages = document.get("messages") if isinstance(document, dict) else None
    if not isinstance(messages, list) or not messages:
        return "The 'messages' field is mandatory and holds at least one message"
    return messages


def _single(taken: Taken) -> Answer:
    """Answer one message."""
    if taken.refusals:
        status, message = taken.refusals[0]
        return Answer.of(status, bodies.of_status(status, taken.inlet.inlet_id, message))
    inlet, stamp = taken.inlet, taken.stamp
    if taken.call.wants_validation:
        body = bodies.single_valid(inlet, xaction_id=stamp.single, received_ms=stamp.received_ms)
        return Answer.of(200, body)
    body = bodies.single_ok(
        inlet,
        xaction_id=stamp.single,
        received_ms=stamp.received_ms,
        flow_id=taken.call.flow_id,
    )
    return Answer.of(200, body)


def _batch(taken: Taken, hit: Hit) -> Answer:
    """Answer a batch item by item, or with a wrong number of items."""
    inlet, stamp, refusals = taken.inlet, taken.stamp, taken.refusals
    shape = inlet.batch_shape
    count = len(taken.messages)
    wanted = max(0, count + hit.value("delta")) if hit.kind == "wrong_count" else count
    ids = stamp.items(max(count, wanted), shape)
    items: list[bodies.Json] = [{"xactionId": xaction_id} for xaction_id in ids]
    for place, (status, message) in refusals.items():
        items[place] = bodies.item_refused(
            shape, status=status, message=message, xaction_id=ids[place]
        )
    del items[wanted:]
    body = bodies.batch_ok(
        inlet, batch_id=stamp.batch, received_ms=stamp.received_ms, responses=items
    )
    return Answer.of(207, body)
