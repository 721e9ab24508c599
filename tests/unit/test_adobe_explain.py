"""What an error answer means: every documented shape, every code that we know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from relay.adobe.explain import HINTS, explain

_FIXTURES = Path(__file__).parents[1] / "data" / "adobe-fixtures"


def _fixture(name: str) -> Any:
    return json.loads((_FIXTURES / name).read_text())


def _explained(status: int, body: Any, **headers: str):
    return explain(status, body, headers, doing="create the flow", where="POST /flows")


@pytest.mark.parametrize(
    ("status", "body", "code", "text"),
    [
        (
            404,
            {
                "type": "https://ns.adobe.com/aep/errors/FLOW-1439-404",
                "title": "Resource not found",
                "status": 404,
                "report": {"detailed-message": "It is not there.", "request-id": "r1"},
                "errorMessage": "other",
            },
            "FLOW-1439-404",
            (
                "Adobe refused to create the flow: 404 FLOW-1439-404, It is not there. "
                "(POST /flows, request r1)"
            ),
        ),
        (
            400,
            {
                "type": "http://ns.adobe.com/aep/errors/XDM-1006-400",
                "title": "Accept header invalid",
                "report": {"registryRequestId": "r2", "detailed-message": "Not that one."},
            },
            "XDM-1006-400",
            (
                "Adobe refused to create the flow: 400 XDM-1006-400, Not that one. "
                "(POST /flows, request r2)"
            ),
        ),
        (
            403,
            {"error_code": "403010", "message": "Oauth token is missing."},
            "403010",
            "Adobe refused to create the flow: 403 403010, Oauth token is missing. (POST /flows)",
        ),
        (
            400,
            {"title": "Bad request", "detail": "The name is too long"},
            "",
            "Adobe refused to create the flow: 400, The name is too long (POST /flows)",
        ),
        (
            400,
            {"error": "invalid_scope", "error_description": "unknown scope"},
            "invalid_scope",
            "Adobe refused to create the flow: 400 invalid_scope, unknown scope (POST /flows)",
        ),
        (
            422,
            {"errors": [{"detail": "row 3"}]},
            "",
            "Adobe refused to create the flow: 422, row 3 (POST /flows)",
        ),
        (502, "<html>", "", "Adobe refused to create the flow: 502 (POST /flows)"),
        (500, None, "", "Adobe refused to create the flow: 500 (POST /flows)"),
        (
            500,
            {"report": "odd", "errors": []},
            "",
            "Adobe refused to create the flow: 500 (POST /flows)",
        ),
    ],
)
def test_every_shape(status: int, body: Any, code: str, text: str):
    """Every shape of error gives its code, its words and the request's id."""
    error = _explained(status, body)
    assert (error.code, error.message, error.status) == (code, text, status)


def test_the_gateways_errors():
    """Every documented error of the gateway has its code and a hint of its own."""
    found = 0
    for name, body in _walk(_fixture("gateway_errors.json")):
        if isinstance(body, dict) and "error_code" in body:
            found += 1
            code = str(body["error_code"])
            error = _explained(int(code[:3]), body)
            assert error.code == code, name
            assert error.hint, name
    assert found >= 5


def _walk(value: Any, name: str = ""):
    yield name, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _walk(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner, name)


def test_known_codes_are_documented():
    """Every code of Flow Service that we give a hint for is in Adobe's table, or in its sample."""
    table = (_FIXTURES / "flow-service-error-codes.tsv").read_text()
    samples = json.dumps(_fixture("flow_errors.json"))
    for code in HINTS:
        if code.startswith("FLOW-"):
            number = code.removeprefix("FLOW-")
            assert number in table or code in samples, code


@pytest.mark.parametrize(
    ("status", "fault", "is_temporary", "is_ambiguous"),
    [
        (400, "request", False, False),
        (401, "credentials", False, False),
        (403, "credentials", False, False),
        (404, "request", False, False),
        (409, "conflict", False, False),
        (412, "conflict", False, False),
        (408, "adobe", True, False),
        (429, "adobe", True, False),
        (500, "adobe", True, True),
        (501, "adobe", False, True),
        (503, "adobe", True, True),
    ],
)
def test_whose_fault(status: int, fault: str, *, is_temporary: bool, is_ambiguous: bool):
    """The status says whose fault it is, whether later helps, whether it may have happened."""
    error = _explained(status, None)
    assert (error.fault, error.is_temporary, error.is_ambiguous) == (
        fault,
        is_temporary,
        is_ambiguous,
    )


def test_long_words_are_cut():
    """Adobe's sentence is cut, so that an error stays readable."""
    assert len(_explained(400, {"detail": "x" * 10_000}).message) < 600


def test_request_id_from_the_header():
    """Without a request id in the body the header's is told."""
    assert _explained(500, None, **{"x-request-id": "r9"}).request_id == "r9"
