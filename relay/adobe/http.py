"""
One authenticated caller for every control API of Adobe: headers, retries, errors.

Every call carries the tutorial's four headers. 429, 5xx and connection failures of calls that can
be repeated are retried with full jitter or as ``Retry-After`` asks; a creation is repeated only
when it was certainly not carried out (429, connection refused), because Flow Service has no
idempotency key: whoever creates looks first.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson

from relay.adobe.explain import explain
from relay.clock import Clock
from relay.errors import AdobeError
from relay.retry import Schedule, retry_after_s

_ATTEMPTS = 5
_TIMEOUT_S = 30.0

Json = Any
Token = Callable[[], Awaitable[str]]
Observer = Callable[["Call"], None]


@dataclass(frozen=True, slots=True)
class Tenancy:
    """On whose behalf calls are made: the api key (client id), organisation and sandbox."""

    api_key: str
    org_id: str
    sandbox: str = "prod"


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it would be written down: no token, no secret."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: Json


@dataclass(frozen=True, slots=True)
class Answer:
    """A 2xx answer: parsed JSON (or text, or ``None`` when empty) and its headers."""

    status: int
    body: Json
    headers: httpx.Headers


class AdobeHttp:
    """Calls Adobe's platform gateway as one organisation, in one sandbox."""

    def __init__(  # noqa: PLR0913 - one collaborator each, all by name
        self,
        client: httpx.AsyncClient,
        *,
        base_url: str,
        token: Token,
        tenancy: Tenancy,
        clock: Clock,
        schedule: Schedule | None = None,
        observe: Observer | None = None,
    ) -> None:
        self._client = client
        self._base_url = base_url.rstrip("/")
        self._token = token
        self._headers = {
            "x-api-key": tenancy.api_key,
            "x-gw-ims-org-id": tenancy.org_id,
            "x-sandbox-name": tenancy.sandbox,
        }
        self._clock = clock
        self._schedule = schedule or Schedule(base_s=0.3, max_s=10.0)
        self._observe = observe

    async def call(  # noqa: PLR0913 - one part of a request each, all by name
        self,
        method: str,
        path: str,
        *,
        doing: str,
        params: Mapping[str, str | int] | None = None,
        json: Json = None,
        accept: str = "application/json",
        content_type: str = "application/json",
        if_match: str = "",
    ) -> Answer:
        """
        Make one call; *path* starts with ``/data/`` or is an absolute ``_links`` address.

        Raises:
            AdobeError: refused, or without an answer after every attempt.
        """
        url = self._url(path)
        headers = {**self._headers, "accept": accept}
        content = None
        if json is not None:
            headers["content-type"] = content_type
            content = orjson.dumps(json)
        if if_match:
            headers["if-match"] = if_match
        if self._observe is not None:
            self._observe(Call(method, str(httpx.URL(url, params=params or {})), headers, json))
        request = self._client.build_request(
            method, url, params=params, headers=headers, content=content, timeout=_TIMEOUT_S
        )
        return await self._attempt(request, doing, is_creation=method == "POST")

    async def _attempt(self, request: httpx.Request, doing: str, *, is_creation: bool) -> Answer:
        where = f"{request.method} {request.url.path}"
        attempt = 0
        while True:
            attempt += 1
            request.headers["authorization"] = f"Bearer {await self._token()}"
            answer, wait_s = await self._once(request, doing, where)
            if isinstance(answer, Answer):
                return answer
            may_repeat = answer.is_temporary and not (is_creation and answer.is_ambiguous)
            if attempt >= _ATTEMPTS or not may_repeat:
                raise answer
            if wait_s is None:
                wait_s = self._schedule.delay_s(attempt, random.random())  # noqa: S311 - jitter
            await asyncio.sleep(wait_s)

    async def _once(
        self, request: httpx.Request, doing: str, where: str
    ) -> tuple[Answer | AdobeError, float | None]:
        try:
            response = await self._client.send(request)
        except httpx.TransportError as error:
            was_sent = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            return AdobeError(
                f"no answer from Adobe to {doing}: {type(error).__name__} ({where})",
                hint=f"is {request.url.host}:{request.url.port or 443} reachable from here?",
                is_temporary=True,
                is_ambiguous=was_sent,
            ), None
        body = _parse(response)
        if response.is_success:
            return Answer(response.status_code, body, response.headers), None
        wait_s = retry_after_s(response.headers.get("retry-after", ""), now_s=self._clock.wall_s())
        refused = explain(response.status_code, body, response.headers, doing=doing, where=where)
        return refused, wait_s

    def _url(self, path: str) -> str:
        if not path.startswith("http"):
            return self._base_url + path
        parts = urlsplit(path)
        # Links name Adobe's own host; ours may be a local one. Only path and query are followed,
        # so that no answer can send our token elsewhere.
        return f"{self._base_url}{parts.path}" + (f"?{parts.query}" if parts.query else "")


def _parse(response: httpx.Response) -> Json:
    if not response.content:
        return None
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return response.text
