"""
The local IMS: ``POST /ims/token/v3``, OAuth server-to-server.

Parameters stand in a form body or, discouraged, in the query; ``/ims/token/v2`` is the same.

Source:
    adobe.md §7. Assumed: the error bodies and their status 400, after RFC 6749 §5.2; see
    docs/assumptions.md, "the emulated IMS".
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from urllib.parse import parse_qsl

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from relay.emulator.settings import EmulatorSettings
from relay.emulator.tokens import Tokens

_MAX_FORM_BYTES = 64 * 1024
_NO_STORE = {"cache-control": "no-store"}


def ims_routes(settings: EmulatorSettings, tokens: Tokens) -> list[BaseRoute]:
    """Serve tokens; every client gets one unless *settings* name the only client."""

    async def token(request: Request) -> Response:
        form = await _parameters(request)
        refusal = _refusal(settings, form)
        if refusal is not None:
            error, description = refusal
            return _answer(400, {"error": error, "error_description": description})
        return _answer(
            200,
            {
                "access_token": tokens.issue(form["client_id"]),
                "token_type": "bearer",
                "expires_in": tokens.lifetime_s,
            },
        )

    async def revoke(_request: Request) -> Response:
        tokens.revoke_all()
        return Response(status_code=204)

    return [
        Route("/ims/token/v3", token, methods=["POST"]),
        Route("/ims/token/v2", token, methods=["POST"]),
        Route("/__emulator__/tokens", revoke, methods=["DELETE"]),
    ]


async def _parameters(request: Request) -> dict[str, str]:
    """Read the query and the form; the form wins."""
    found = dict(request.query_params)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_FORM_BYTES:
            return found
    try:
        found.update(parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=50))
    except ValueError:  # not UTF-8, or too many fields: as if nothing had been sent
        return found
    return found


def _refusal(settings: EmulatorSettings, form: Mapping[str, str]) -> tuple[str, str] | None:
    """Say why *form* gets no token: an OAuth error and its description."""
    if form.get("grant_type") != "client_credentials":
        return "unsupported_grant_type", f"unsupported grant type: {form.get('grant_type')}"
    client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
    if not client_id or (settings.client_id and not _same(client_id, settings.client_id)):
        return "invalid_client", "invalid client_id parameter"
    if not secret or (settings.client_secret and not _same(secret, settings.client_secret)):
        return "invalid_client", "invalid client_secret parameter"
    return None


def _same(one: str, other: str) -> bool:
    return secrets.compare_digest(one.encode(), other.encode())


def _answer(status: int, document: Mapping[str, object]) -> Response:
    return Response(
        orjson.dumps(document),
        status_code=status,
        media_type="application/json",
        headers=_NO_STORE,
    )
