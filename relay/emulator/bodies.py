"""
The bodies with which Adobe's streaming inlet answers (pure).

Each function names the fixture in ``tests/data/adobe-fixtures`` that it equals key by key, or says
``Assumed:`` where Adobe's documents are silent; see docs/assumptions.md, "the emulated inlet".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from relay.emulator.inlets import Inlet, Violations
from relay.emulator.settings import BatchShape

HEADER_MANDATORY = "The 'header' field is mandatory. Provide a valid 'header' value and try again."
UNKNOWN_FORMAT = "Message has unknown xdm format"
WRONG_ORG = "Message has an absent or wrong ims org in the header"
WRONG_FLOW = "Message has an absent or wrong flow id in the header"

_PROBLEM = "http://ns.adobe.com/adobecloud/problem/data-collection-service"
_INLET_PROBLEM = f"{_PROBLEM}/inlet"
_AUTH_PROBLEM = "https://ns.adobe.com/adobecloud/problem/data-collection-service-authorization"
_INVALID_FORMAT = "Invalid XDM Message Format"

Json = dict[str, Any]


def single_ok(inlet: Inlet, *, xaction_id: str, received_ms: int, flow_id: str) -> Json:
    """Answer one accepted message: ``single_200_variants.json``, the variant of the inlet."""
    body: Json = {"inletId": inlet.inlet_id, "xactionId": xaction_id}
    if inlet.single_shape == "raw_2023_lab" and flow_id:
        body["flowId"] = flow_id
    body["receivedTimeMs"] = received_ms
    if inlet.single_shape == "async":
        body["syncValidation"] = {"skipped": True}
    return body


def single_valid(inlet: Inlet, *, xaction_id: str, received_ms: int) -> Json:
    """Answer a message that passed: ``single_200_variants.json``, ``sync_pass``."""
    return {
        "inletId": inlet.inlet_id,
        "xactionId": xaction_id,
        "receivedTimeMs": received_ms,
        "syncValidation": {"status": "pass"},
    }


def batch_ok(inlet: Inlet, *, batch_id: str, received_ms: int, responses: Sequence[Json]) -> Json:
    """Answer a batch: ``batch_207_docs.json``, ``batch_207_live_2024.json``."""
    return {
        "inletId": inlet.inlet_id,
        "batchId": batch_id,
        "receivedTimeMs": received_ms,
        "responses": responses,
    }


def item_refused(shape: BatchShape, *, status: int, message: str, xaction_id: str) -> Json:
    """Refuse one message of a batch, in one of the three shapes seen."""
    if shape == "docs":  # batch_207_docs.json
        return {"statusCode": status, "message": message}
    if shape == "live_2024":  # batch_207_live_2024.json
        return {"status": status, "message": message}
    # batch_207_kafka_connect_fixture.json
    return {"xactionId": xaction_id, "status": status, "message": message}


def invalid_format(message: str) -> Json:
    """Refuse a single message: ``single_errors.json``, ``400_wrong_org``."""
    return inlet_problem(400, _INVALID_FORMAT, message)


def invalid_record(inlet: Inlet, violations: Violations) -> Json:
    """Refuse a message that failed ``syncValidation``: ``single_errors.json``."""
    cause = {
        "schemaLocation": "#",
        "pointerToViolation": "#",
        "causingExceptions": list(violations),
        "message": f"{len(violations)} schema violations found",
    }
    body = invalid_format(f"{inlet.where} Message is invalid")
    body["report"]["cause"] = {"_streamingValidation": [cause]}
    return body


def inlet_problem(status: int, title: str, message: str) -> Json:
    """
    Refuse a request in the inlet's problem shape: ``single_errors.json``.

    Assumed: for every status but 400, and for titles other than the fixture's.
    """
    return {
        "type": _INLET_PROBLEM,
        "status": status,
        "title": title,
        "report": {"message": message},
    }


def unauthorized(
    inlet_id: str, why: str = "Ims service token is empty", status: int = 401
) -> Json:
    """
    Refuse for its token: ``single_errors.json``, ``401_auth_inlet``; the status is a string.

    Assumed: that ``[id]`` in the fixture stands for the inlet's id; every *why* but the first.
    """
    return {
        "type": _AUTH_PROBLEM,
        "status": str(status),
        "title": "Authorization",
        "report": {"message": f"[{inlet_id}] {why}"},
    }


def content_type_missing() -> Json:
    """
    Refuse a request without a content type: ``gateway_errors.json``.

    Assumed: that the inlet answers as the gateway does.
    """
    return {
        "type": "/placeholder/type/uri",
        "status": 400,
        "title": "BadRequestError",
        "detail": "A valid content-type must be specified",
    }


def too_many_requests() -> Json:
    """
    Refuse for the rate: ``gateway_errors.json``, 429050.

    Assumed: that the inlet answers as the gateway does.
    """
    return {"error_code": "429050", "message": "Too many requests"}


def item_words(status: int) -> str:
    """
    Say why a fault refuses one message of a batch with *status*.

    Assumed: the words; none names organisation, flow, schema or header.
    """
    return "Message is invalid" if status == 400 else _TITLES.get(status, f"Status {status}")  # noqa: PLR2004 - the status is its own name


_TITLES: Mapping[int, str] = {
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Payload Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


def of_status(status: int, inlet_id: str, message: str = "") -> Json:
    """
    Say what a request is answered that a fault refuses with *status*.

    Assumed: every body but those of 400, 401 and 429.
    """
    if status == 401:  # noqa: PLR2004 - the status is its own name
        return unauthorized(inlet_id, message or "Ims service token is empty")
    if status == 429:  # noqa: PLR2004 - see above
        return too_many_requests()
    if status == 400:  # noqa: PLR2004 - see above
        return invalid_format(message or f"inletId: [{inlet_id}] Message is invalid")
    title = _TITLES.get(status, f"Status {status}")
    return inlet_problem(status, title, message or title)
