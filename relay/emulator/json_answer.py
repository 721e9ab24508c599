"""A JSON response of the control plane."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import Response

JSON = "application/json;charset=utf-8"


def json_answer(
    document: Any, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Encode *document*; what JSON has no form for, as an expression's decimal, becomes text."""
    body = orjson.dumps(document, default=str)
    return Response(body, status_code=status, headers=headers, media_type=JSON)


def no_content() -> Response:
    """Answer 204."""
    return Response(status_code=204)
