"""The answers that faults give in front of everything (pure)."""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus

from relay.clock import Clock
from relay.emulator import bodies
from relay.emulator.answer import Answer, Headers
from relay.emulator.faults import Hit

_HTML = b"<html><body><h1>Something went wrong</h1></body></html>"


def inlet_storm(hit: Hit, inlet_id: str, clock: Clock) -> Answer | None:
    """Answer for an inlet that does not get to look at the request; ``None`` lets it."""
    if hit.kind == "status":
        status, message = hit.value("status"), hit.value("message")
        body = bodies.of_status(status, inlet_id, message)
        return Answer.of(status, body, *_retry_after(hit, clock))
    if hit.kind == "unauthorized":
        status = hit.value("status")
        why = "Ims service token is invalid or expired"
        return Answer.of(status, bodies.unauthorized(inlet_id, why, status))
    if hit.kind == "not_json" and not hit.value("stored"):
        return page(hit)
    return None


def gateway_storm(hit: Hit, clock: Clock) -> Answer | None:
    """
    Answer for the gateway in front of the control plane; ``None`` lets the request through.

    Assumed: the body, in the gateway's form (``gateway_errors.json``), of every status but 429.
    """
    if hit.kind == "not_json" and not hit.value("stored"):
        return page(hit)
    if hit.kind != "status":
        return None
    status = hit.value("status")
    body = bodies.too_many_requests()
    if status != HTTPStatus.TOO_MANY_REQUESTS:
        body = {"error_code": f"{status}000", "message": hit.value("message") or _words(status)}
    return Answer.of(status, body, *_retry_after(hit, clock))


def page(hit: Hit) -> Answer:
    """Answer as a proxy in between does."""
    return Answer(hit.value("status"), _HTML, content_type=b"text/html; charset=utf-8")


def _retry_after(hit: Hit, clock: Clock) -> Headers:
    wait_s = hit.value("retry_after")
    if hit.value("retry_after_date"):
        # A date has whole seconds: rounded up, so that it is never in the past.
        when_s = int(clock.wall_s()) + 1 + wait_s
        return ((b"retry-after", formatdate(when_s, usegmt=True).encode()),)
    return ((b"retry-after", str(wait_s).encode()),) if wait_s else ()


def _words(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"
