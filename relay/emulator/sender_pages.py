"""
The pages under ``/__emulator__/webhooks``: what a person sees in Customer.io, and test events.

The signing key stands here and only here, as it stands only in the real one's UI.
"""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from relay.customerio.traffic import Mix
from relay.emulator.sender import MAX_QUEUED, Sender, SenderRefused, Senders

_PATH = "/__emulator__/webhooks"
_MAX_BODY_BYTES = 64 * 1024
_MAX_SEED = 2**63
_KEYS = ("events", "duplicates", "invalid", "seed")


class _BadRequest(Exception):
    """A body that does not say what to send."""


def sender_routes(senders: Senders) -> list[BaseRoute]:
    """Serve the pages of *senders*."""

    async def list_all(_request: Request) -> Response:
        return JSONResponse({"webhooks": [_page(sender) for sender in senders]})

    async def show(request: Request) -> Response:
        sender = _find(senders, request)
        if sender is None:
            return _problem(404, "no such webhook")
        has_ids = request.query_params.get("ids") == "true"
        return JSONResponse(_page(sender, has_ids=has_ids))

    async def send(request: Request) -> Response:
        sender = _find(senders, request)
        if sender is None:
            return _problem(404, "no such webhook")
        try:
            mix, seed = _wanted(await _body(request))
            queued = await sender.put(mix, seed)
        except _BadRequest as error:
            return _problem(400, str(error))
        except SenderRefused as error:
            return _problem(409, str(error))
        return JSONResponse({"added": mix.posts, "queued": queued}, 202)

    return [
        Route(_PATH, list_all, methods=["GET"]),
        Route(f"{_PATH}/{{id}}", show, methods=["GET"]),
        Route(f"{_PATH}/{{id}}/send", send, methods=["POST"]),
    ]


def _find(senders: Senders, request: Request) -> Sender | None:
    return senders.find(request.path_params["id"])


def _page(sender: Sender, *, has_ids: bool = False) -> dict[str, Any]:
    webhook = sender.webhook
    return {
        "id": webhook.id,
        "name": webhook.name,
        "endpoint": webhook.endpoint,
        "disabled": webhook.disabled,
        "signing_key": webhook.signing_key,
        **sender.state(has_ids=has_ids),
    }


async def _body(request: Request) -> object:
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MAX_BODY_BYTES:
                raise _BadRequest(f"expected at most {_MAX_BODY_BYTES} bytes")
    except ClientDisconnect:
        raise _BadRequest("the body ended early") from None
    try:
        return orjson.loads(body or b"{}")
    except orjson.JSONDecodeError:
        raise _BadRequest("expected a JSON object") from None


def _wanted(body: object) -> tuple[Mix, int]:
    """Read ``{"events": 200, "duplicates": 0.05, "invalid": 0.01, "seed": 1}``; all may miss."""
    if not isinstance(body, dict):
        raise _BadRequest("expected a JSON object")
    unknown = [key for key in body if key not in _KEYS]
    if unknown:
        raise _BadRequest(f"unknown key {unknown[0]!r:.80}, expected one of {', '.join(_KEYS)}")
    events, seed = _whole(body, "events", 1, MAX_QUEUED), _whole(body, "seed", 1, _MAX_SEED)
    try:
        mix = Mix(
            posts=events, duplicates=_share(body, "duplicates"), invalid=_share(body, "invalid")
        )
    except ValueError as error:
        raise _BadRequest(str(error)) from None
    return mix, seed


def _whole(body: dict[str, Any], key: str, default: int, most: int) -> int:
    value = body.get(key, default)
    if type(value) is not int or not 0 < value <= most:
        raise _BadRequest(f"{key}: expected a whole number from 1 to {most}")
    return value


def _share(body: dict[str, Any], key: str) -> float:
    value = body.get(key, 0.0)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _BadRequest(f"{key}: expected a share from 0 to 1")
    return float(value)


def _problem(status: int, text: str) -> Response:
    return JSONResponse({"error": text}, status)
