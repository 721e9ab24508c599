"""
One authenticated caller for every control API of Adobe: headers, retries, errors.

Every call carries the tutorial's four headers. 429, 5xx and connection failures of calls that can
be repeated are retried with full jitter or as ``Retry-After`` asks; a creation is repeated only
when it was certainly not carried out (429, connection refused), because Flow Service has no
idempotency key: whoever creates looks first. A token that is refused is renewed once; an identity
service that is away is asked again for a while.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx
import orjson

from relay.adobe.explain import explain
from relay.clock import Clock
from relay.errors import AdobeError, AuthError
from relay.retry import Schedule, retry_after_s
from relay.unanswered import has_left, why_unanswered

_ATTEMPTS = 5
# `OAuth` asks only when its own, longer pauses are over: some of these cost nothing.
_TOKEN_ATTEMPTS = 7
_TIMEOUT_S = 30.0
# For all of an answer, for the limit above begins anew with each byte that drips in; files of
# refused records are large.
_LONGEST_S = 300.0
# Who waits at a terminal is told of a pause that is longer.
_UNTOLD_S = 2.0

# Where no proxy leads; one that the environment names is meant for other hosts.
_THIS_MACHINE = ("all://127.0.0.1", "all://localhost", "all://[::1]")

Json = Any
Sleep = Callable[[float], Awaitable[None]]
Progress = Callable[[str], None]


def new_client(base_url: str = "") -> httpx.AsyncClient:
    """Make a client for control APIs: proxies as the environment says, none to this machine."""
    mounts: dict[str, httpx.AsyncBaseTransport | None] = dict.fromkeys(_THIS_MACHINE)
    return httpx.AsyncClient(base_url=base_url, mounts=mounts)


class Tokens(Protocol):
    """Who gives tokens; `relay.adobe.auth.OAuth` does."""

    async def token(self) -> str:
        """Give a token that is valid now."""
        ...

    async def renew(self, stale: str) -> str:
        """Give another one than *stale*, which was refused."""
        ...


@dataclass(frozen=True, slots=True)
class Tenancy:
    """On whose behalf calls are made: the api key (client id), organisation and sandbox."""

    api_key: str
    org_id: str
    sandbox: str = "prod"


@dataclass(frozen=True, slots=True)
class Answer:
    """
    A 2xx answer: parsed JSON (or text, or ``None`` when empty).

    *doing* and *where* say what was asked, for errors. What the methods give has no nulls: a
    member or a row that is null is as good as not there.
    """

    status: int
    body: Json
    doing: str
    where: str

    def at(self, *path: str | int) -> Json:
        """
        Give what stands at *path* in the body.

        Raises:
            AdobeError: nothing does: this is not the service that the documents describe.
        """
        value = self.body
        for step in path:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                raise self._unlike(path) from None
        if value is None:
            raise self._unlike(path)
        return _without_nulls(value)

    def object(self, *path: str | int, having: str = "") -> dict[str, Json]:
        """
        Give the object at *path*, which has the member *having*, such as its id.

        Raises:
            AdobeError: there is none.
        """
        value = self.at(*path)
        if not isinstance(value, dict):
            raise self._unlike(path)
        if having and having not in value:
            raise self._unlike((*path, having))
        return value

    def items(self, *path: str | int, having: str = "") -> list[dict[str, Json]]:
        """
        Give the list of objects at *path*, each of which has the member *having*.

        Raises:
            AdobeError: there is none.
        """
        value = self.at(*path)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self._unlike(path)
        for place, item in enumerate(value):
            if having and having not in item:
                raise self._unlike((*path, place, having))
        return value

    def _unlike(self, path: tuple[str | int, ...]) -> AdobeError:
        place = ".".join(map(str, path)) or "what was asked for"
        return AdobeError(
            f"Adobe answered {self.status} to {self.doing}, without {place} ({self.where})",
            hint="is adobe.platform_url Adobe's gateway, and no proxy answers in its place?",
            status=self.status,
        )


class AdobeHttp:
    """Calls Adobe's platform gateway as one organisation, in one sandbox."""

    def __init__(  # noqa: PLR0913 - one collaborator each, all by name
        self,
        client: httpx.AsyncClient,
        *,
        base_url: str,
        tokens: Tokens,
        tenancy: Tenancy,
        clock: Clock,
        schedule: Schedule | None = None,
        sleep: Sleep = asyncio.sleep,
        progress: Progress | None = None,
    ) -> None:
        self._client = client
        self._base_url = base_url.rstrip("/")
        self._tokens = tokens
        self._headers = {
            "x-api-key": tenancy.api_key,
            "x-gw-ims-org-id": tenancy.org_id,
            "x-sandbox-name": tenancy.sandbox,
        }
        self._clock = clock
        self._schedule = schedule or Schedule(base_s=0.3, max_s=10.0)
        self._sleep = sleep
        self._progress = progress

    async def call(  # noqa: PLR0913 - one part of a request each, all by name
        self,
        method: str,
        path: str,
        *,
        doing: str,
        params: Mapping[str, str | int] | None = None,
        json: Json = None,
        accept: str = "application/json",
        if_match: str = "",
        may_repeat: bool | None = None,
    ) -> Answer:
        """
        Make one call; *path* starts with ``/data/`` or is an absolute ``_links`` address.

        *doing* says in words what is asked ("create the flow"). *may_repeat* says that twice is
        as good as once; without it, only a POST may not be repeated.

        Raises:
            AdobeError: refused, or without an answer after every attempt.
        """
        url = self._url(path)
        headers = {**self._headers, "accept": accept}
        content = None
        if json is not None:
            headers["content-type"] = "application/json"
            content = orjson.dumps(json)
        if if_match:
            headers["if-match"] = if_match
        request = self._client.build_request(
            method, url, params=params, headers=headers, content=content, timeout=_TIMEOUT_S
        )
        if may_repeat is None:
            may_repeat = method != "POST"
        return await self._attempt(request, doing, may_repeat=may_repeat)

    async def _attempt(self, request: httpx.Request, doing: str, *, may_repeat: bool) -> Answer:
        token = await self._granted(self._tokens.token)
        has_renewed = False
        attempt = 0
        while True:
            attempt += 1
            request.headers["authorization"] = f"Bearer {token}"
            answer, wait_s = await self._once(request, doing)
            if isinstance(answer, Answer):
                return answer
            if answer.status == HTTPStatus.UNAUTHORIZED and not has_renewed:
                stale = token
                token = await self._granted(partial(self._tokens.renew, stale))
                has_renewed = True
                if token != stale:
                    continue
            is_retried = answer.is_temporary and (may_repeat or not answer.is_ambiguous)
            if attempt >= _ATTEMPTS or not is_retried:
                raise answer
            if wait_s is None:
                wait_s = self._schedule.delay_s(attempt, random.random())  # noqa: S311 - jitter
            await self._pause(wait_s, answer)

    async def _granted(self, ask: Callable[[], Awaitable[str]]) -> str:
        """Ask for a token; again, later and later, while the identity service is only away."""
        for attempt in range(1, _TOKEN_ATTEMPTS):
            try:
                return await ask()
            except AuthError as error:
                if error.permanent:
                    raise
                unit = 0.5 + random.random() / 2  # noqa: S311 - jitter
                delay_s = self._schedule.delay_s(attempt, unit)
                await self._pause(max(error.retry_after_s, delay_s), error)
        return await ask()

    async def _pause(self, wait_s: float, error: AdobeError | AuthError) -> None:
        if self._progress is not None and wait_s > _UNTOLD_S:
            what = error.message.split(" (")[0]
            self._progress(f"{what}; asking again in {wait_s:.0f} s")
        await self._sleep(wait_s)

    async def _once(
        self, request: httpx.Request, doing: str
    ) -> tuple[Answer | AdobeError, float | None]:
        where = f"{request.method} {request.url.path}"
        try:
            async with asyncio.timeout(_LONGEST_S):
                response = await self._client.send(request)
        except (httpx.RequestError, TimeoutError) as error:
            return AdobeError(
                f"no readable answer from Adobe to {doing}: {why_unanswered(error)} ({where})",
                hint=f"is {request.url.host}:{request.url.port or 443} reachable from here?",
                is_temporary=True,
                is_ambiguous=has_left(error),
            ), None
        body = _parse(response)
        if response.is_success:
            return Answer(response.status_code, body, doing, where), None
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


def _without_nulls(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value if item is not None]
    return value
