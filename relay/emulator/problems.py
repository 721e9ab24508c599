"""
The error answers of Adobe's control APIs: one exception, one constructor a service.

Source:
    ``flow_errors.json``, ``gateway_errors.json``; adobe.md §3.5, §4 (registry).

Assumed:
    Catalog, Data Prep, Data Access, Observability and Sandbox Management answer in the plain
    problem form of ``gateway_errors.json``; see docs/assumptions.md, "the emulated control plane".
"""

from __future__ import annotations

import time
from enum import StrEnum
from typing import Any

from starlette.responses import Response

from relay.emulator.ids import new_uuid
from relay.emulator.json_answer import json_answer


class Service(StrEnum):
    """Which of Adobe's services answers; each has its own form of error."""

    FLOW = "flowservice"
    REGISTRY = "schemaregistry"
    CATALOG = "catalog"
    DATA_PREP = "conversion"
    EXPORT = "export"
    OBSERVABILITY = "observability"
    SANDBOXES = "sandbox-management"


class Refused(Exception):
    """A request that gets an error answer; raised anywhere below a handler."""

    def __init__(
        self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers = headers

    def answer(self) -> Response:
        """Make the response."""
        return json_answer(self.body, self.status, self.headers)


_FLOW_TITLES = {
    "1403-400": "Header is missing",
    "1404-412": "Version not matching",
    "1101-404": "Resource not found",
    "1439-404": "Resource not found",
    "2001-401": "Header is missing or empty",
    "2002-401": "Header is missing",
    "2100-404": "Sandbox not found",
    "2105-400": "Header is missing",
    "2111-403": "Headers with value restricted",
}


def flow_problem(code: str, detail: str, **report: str) -> Refused:
    """
    Refuse as Flow Service does: ``flow_errors.json``; *code* as in the error table, ``1439-404``.
    """
    body = {
        "type": f"https://ns.adobe.com/aep/errors/FLOW-{code}",
        "title": _FLOW_TITLES.get(code, "Invalid request"),
        "status": int(code[-3:]),
        "report": {"detailed-message": detail, **report, "request-id": new_uuid()},
        "errorMessage": detail,
        "errorDetails": detail,
    }
    return Refused(int(code[-3:]), body)


def gateway_problem(status: int, code: str, message: str) -> Refused:
    """Refuse as the gateway does: ``gateway_errors.json``."""
    return Refused(status, {"error_code": code, "message": message})


def plain_problem(status: int, title: str, detail: str) -> Refused:
    """Refuse in the plain form: ``gateway_errors.json``, the one with ``BadRequestError``."""
    body = {"type": "/placeholder/type/uri", "status": status, "title": title, "detail": detail}
    return Refused(status, body)


def registry_problem(code: str, title: str, detail: str) -> Refused:
    """Refuse as the Schema Registry does (adobe.md §4); *code* like ``1012-404``."""
    status = int(code[-3:])
    body = {
        "type": f"http://ns.adobe.com/aep/errors/XDM-{code}",
        "title": title,
        "status": status,
        "report": {
            "registryRequestId": new_uuid(),
            "timestamp": time.strftime("%m-%d-%Y %H:%M:%S", time.gmtime()),
            "detailed-message": detail,
            "sub-errors": [],
        },
        "detail": detail,
    }
    return Refused(status, body)


def bad_request(service: Service, detail: str) -> Refused:
    """Refuse a request that cannot be read, in *service*'s form."""
    match service:
        case Service.FLOW:
            return flow_problem("1100-400", detail)
        case Service.REGISTRY:
            # Assumed: the number; the documents name none for a body that is not JSON.
            return registry_problem("1003-400", "Invalid request", detail)
        case _:
            return plain_problem(400, "BadRequestError", detail)


def not_found(service: Service, kind: str, id_: str, *, version: int = 1) -> Refused:
    """Refuse an id that is not there, in *service*'s form; only the registry has versions."""
    match service:
        case Service.FLOW:
            detail = (
                f"The requested {kind} resource {id_} is not found. "
                "Verify the resource ID before trying again."
            )
            return flow_problem("1439-404", detail, id=id_, type=kind)
        case Service.REGISTRY:
            detail = f"Requested resource {id_} with version {version} is not found"
            return registry_problem("1012-404", "Resource Not Found", detail)
        case _:
            return plain_problem(404, "NotFoundError", f"The {kind} {id_} was not found")


def method_not_allowed(service: Service, method: str) -> Refused:
    """
    Refuse a method that a path does not have.

    Assumed: 405 in the plain form.
    """
    return plain_problem(405, "MethodNotAllowedError", f"{service} has no {method} here")
