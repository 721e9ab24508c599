"""Why a route pauses, in words for the operator (pure)."""

from __future__ import annotations

from enum import StrEnum

from relay.forward.verdict import Fate, Ruling
from relay.spool.port import Pause


class Why(StrEnum):
    """The reason of a `Pause`, a label for alerts."""

    SUSPECTS = "suspects"
    SPLIT = "split_batch"
    CREDENTIALS = "credentials"
    UNKNOWN_INLET = "unknown_inlet"
    SET_UP = "set_up"
    HEADERLESS = "envelope_header"
    UNREADABLE = "unreadable_answers"


_OF_FATE = {
    Fate.CREDENTIALS: Why.CREDENTIALS,
    Fate.UNKNOWN: Why.UNKNOWN_INLET,
    Fate.SETUP: Why.SET_UP,
    Fate.HEADERLESS: Why.HEADERLESS,
    Fate.UNREADABLE: Why.UNREADABLE,
}
_HINTS = {
    Why.SUSPECTS: "nothing is lost; see the inlet's answers in `relay provision status`, and "
    "whether mapping, schema and flow fit these events",
    Why.SPLIT: "nothing is lost; every part of a batch was refused: see whether mapping, schema "
    "and flow fit these events",
    Why.CREDENTIALS: "check routes.{route}.inlet.auth and the credentials that it needs",
    Why.UNKNOWN_INLET: "check routes.{route}.inlet.url; `relay provision status` shows the inlet",
    Why.SET_UP: 'check routes.{route}.inlet: url, flow_id, and for format = "xdm" the schema, '
    "dataset and organisation",
    Why.HEADERLESS: "check routes.{route}.inlet.flow_id: without its flow the inlet takes raw "
    'events for badly made XDM; or use format = "xdm"',
    Why.UNREADABLE: "is routes.{route}.inlet.url the address of a streaming inlet?",
}


def pause_for(route: str, why: Why, detail: str, *, since_s: float) -> Pause:
    """Say that *route* pauses, and what to do; *detail* holds nothing of any event."""
    return Pause(route, since_s, why.value, detail, _HINTS[why].format(route=route))


def why_of(ruling: Ruling) -> Why:
    """The reason that a ruling about the set-up gives."""
    return _OF_FATE[ruling.fate]
