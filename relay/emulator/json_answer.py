"""JSON as the control plane writes it: responses, files, the state."""

from __future__ import annotations

import json
from typing import Any

import orjson
from starlette.responses import Response

JSON = "application/json;charset=utf-8"


def encoded(document: Any) -> bytes:
    """
    Write *document* as JSON, whatever a stranger's event put into it.

    What JSON has no form for, as an expression's decimal, becomes text; numbers beyond 64 bits and
    deep nesting, which orjson refuses, are written by the standard library. What is nested deeper
    than even that becomes an empty object.
    """
    try:
        return orjson.dumps(document, default=str)
    except TypeError:
        try:
            return json.dumps(document, default=str).encode()
        except RecursionError:
            return b"{}"


def json_answer(
    document: Any, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Answer with *document*."""
    return Response(encoded(document), status_code=status, headers=headers, media_type=JSON)


def no_content() -> Response:
    """Answer 204."""
    return Response(status_code=204)
