"""
The one end of every accepted event, and why.

``accepted = delivered + duplicate + quarantined + filtered + discarded + lost + pending`` holds at
every moment. *Pending* is the absence of an outcome.
"""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """How an accepted event ended."""

    DELIVERED = "delivered"
    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"
    FILTERED = "filtered"
    DISCARDED = "discarded"
    LOST = "lost"


class Reason(StrEnum):
    """Why an event has its outcome; each value belongs to exactly one outcome (`OUTCOME_OF`)."""

    ACCEPTED_BY_INLET = "accepted_by_inlet"

    SAME_EVENT_ID = "same_event_id"

    EMPTY_BODY = "empty_body"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    MISSING_EVENT_ID = "missing_event_id"
    LEGACY_FORMAT = "legacy_format"
    UNSUPPORTED_ENCODING = "unsupported_encoding"
    BAD_ENCODING = "bad_encoding"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    AMBIGUOUS_JSON = "ambiguous_json"
    ID_CONFLICT = "id_conflict"
    MAPPING_FAILED = "mapping_failed"
    SCHEMA_VIOLATION = "schema_violation"
    RECORD_TOO_LARGE = "record_too_large"
    REFUSED_BY_INLET = "refused_by_inlet"
    EXPIRED = "expired"
    UNKNOWN_ROUTE = "unknown_route"
    INTERNAL_ERROR = "internal_error"

    OBJECT_TYPE_FILTERED = "object_type_filtered"
    METRIC_FILTERED = "metric_filtered"

    DROPPED_BY_PERSON = "dropped_by_person"

    LOG_TRUNCATED = "log_truncated"
    FRAME_DAMAGED = "frame_damaged"
    SEGMENT_MISSING = "segment_missing"
    STATE_DAMAGED = "state_damaged"


_FILTERED = {Reason.OBJECT_TYPE_FILTERED, Reason.METRIC_FILTERED}
_LOST = {
    Reason.LOG_TRUNCATED,
    Reason.FRAME_DAMAGED,
    Reason.SEGMENT_MISSING,
    Reason.STATE_DAMAGED,
}
_SINGLE = {
    Reason.ACCEPTED_BY_INLET: Outcome.DELIVERED,
    Reason.SAME_EVENT_ID: Outcome.DUPLICATE,
    Reason.DROPPED_BY_PERSON: Outcome.DISCARDED,
}


def _outcome_of(reason: Reason) -> Outcome:
    if reason in _SINGLE:
        return _SINGLE[reason]
    if reason in _FILTERED:
        return Outcome.FILTERED
    return Outcome.LOST if reason in _LOST else Outcome.QUARANTINED


OUTCOME_OF: dict[Reason, Outcome] = {reason: _outcome_of(reason) for reason in Reason}
