"""
Tokens of Adobe's identity service (IMS) for an OAuth server-to-server credential.

One `OAuth` serves every route: a token is fetched once however many requests wait for it, renewed
before it expires, and renewed early when Adobe refuses it. Secrets and tokens stand in no error.

Source:
    Adobe developer console, "Server to Server authentication": implementation guide (adobe.md §7).
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from relay.clock import Clock
from relay.config import AdobeConfig
from relay.errors import AuthError
from relay.retry import Schedule, retry_after_s
from relay.unanswered import why_unanswered

_TIMEOUT_S = 15.0
_ANSWER_MAX_BYTES = 64 * 1024
_LONGEST_LIFE_S = 86_400.0
_RENEW_BEFORE_S = 300.0
_RENEW_BEFORE_SHARE = 0.1
# Adobe throttles an integration that asks for too many tokens, and a refusal that a new token
# does not mend is no reason to ask for another with every probe.
_RENEW_AGAIN_S = 60.0
_FAILURES = Schedule(base_s=1.0, max_s=30.0)

_ERROR_CODE = re.compile(r"[a-z_]{1,40}")
_TOKEN = re.compile(r"[!-~]+")  # what a header may carry: visible ASCII


@dataclass(frozen=True, slots=True)
class _Held:
    """A token with the monotonic seconds of its renewal and of its end."""

    token: str
    renew_at_s: float
    ends_s: float


class OAuth:
    """
    The client-credentials grant, kept fresh.

    A failure is remembered for a while that grows (or as long as ``Retry-After`` asks), so that
    the requests in between fail at once instead of asking again.
    """

    def __init__(self, config: AdobeConfig, client: httpx.AsyncClient, clock: Clock) -> None:
        self._url = f"{config.ims_url.rstrip('/')}/ims/token/v3"
        self._form = {
            "grant_type": "client_credentials",
            "client_id": config.client_id.get_secret_value(),
            "client_secret": config.client_secret.get_secret_value(),
            "scope": config.scopes,
        }
        self._client = client
        self._clock = clock
        # The token in use, when a refused one was last renewed, and the latest failure; changed
        # under the lock only.
        self._lock = asyncio.Lock()
        self._held: _Held | None = None
        self._renewed_s = -_RENEW_AGAIN_S
        self._failures = 0
        self._failure: AuthError | None = None
        self._ask_again_s = 0.0

    async def token(self) -> str:
        """
        Give a token that is valid now.

        Raises:
            AuthError: there is none; *permanent* when IMS does not accept the credential.
        """
        held = self._held
        if held is not None and self._clock.monotonic_s() < held.renew_at_s:
            return held.token
        async with self._lock:
            held = self._held
            now_s = self._clock.monotonic_s()
            if held is not None and now_s < held.renew_at_s:
                return held.token
            try:
                return await self._fetch()
            except AuthError:
                if held is not None and now_s < held.ends_s:
                    return held.token
                raise

    async def renew(self, stale: str) -> str:
        """
        Give another token than *stale*, which Adobe has refused.

        Gives *stale* itself when a refusal was met with a new token less than a minute ago: the
        token is not what is wrong.

        Raises:
            AuthError: as `token`.
        """
        async with self._lock:
            held = self._held
            if held is not None and held.token != stale:
                return held.token
            now_s = self._clock.monotonic_s()
            if held is not None and now_s < self._renewed_s + _RENEW_AGAIN_S:
                return held.token
            renewed = await self._fetch()
            self._renewed_s = now_s
            return renewed

    async def _fetch(self) -> str:
        """Ask IMS, unless it has just failed; the lock is held."""
        now_s = self._clock.monotonic_s()
        if self._failure is not None and now_s < self._ask_again_s:
            raise self._failure.with_traceback(None)
        try:
            token, lives_s = await self._ask()
        except AuthError as error:
            self._failures += 1
            self._failure = error
            wait_s = _FAILURES.ceiling_s(self._failures)
            self._ask_again_s = now_s + max(wait_s, error.retry_after_s)
            raise
        self._failures, self._failure = 0, None
        early_s = min(_RENEW_BEFORE_S, lives_s * _RENEW_BEFORE_SHARE)
        self._held = _Held(token, now_s + lives_s - early_s, now_s + lives_s)
        return token

    async def _ask(self) -> tuple[str, float]:
        try:
            # One limit for all of it: every route waits here for whoever asks, and httpx's own
            # begins anew with each byte that drips in.
            async with asyncio.timeout(_TIMEOUT_S):
                status, headers, document = await self._post()
        except (httpx.RequestError, TimeoutError) as error:
            raise AuthError(
                f"no readable answer from the identity service {self._url}: "
                f"{why_unanswered(error)}",
                hint="is adobe.ims_url reachable from here?",
            ) from None
        if status != httpx.codes.OK:
            raise self._refused(status, headers, document)
        token = document.get("access_token")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise AuthError(
                f"the identity service {self._url} answered 200 without a usable access_token",
                hint="is adobe.ims_url Adobe's identity service?",
            )
        return token, _life_s(document.get("expires_in"))

    async def _post(self) -> tuple[int, httpx.Headers, dict[str, Any]]:
        body = bytearray()
        async with self._client.stream(
            "POST", self._url, data=self._form, timeout=None, follow_redirects=False
        ) as response:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _ANSWER_MAX_BYTES:
                    body.clear()
                    break
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            document = {}
        return response.status_code, response.headers, document if type(document) is dict else {}

    def _refused(self, status: int, headers: httpx.Headers, document: dict[str, Any]) -> AuthError:
        code = document.get("error")
        told = f" {code}" if isinstance(code, str) and _ERROR_CODE.fullmatch(code) else ""
        wait_s = retry_after_s(headers.get("retry-after", ""), now_s=self._clock.wall_s())
        # Assumed: IMS answers a wrong credential with 400, 401 or 403, as RFC 6749 §5.2 has it;
        # Adobe documents no error body.
        permanent = status in {400, 401, 403}
        return AuthError(
            f"the identity service {self._url} refused a token: {status}{told}",
            hint="check adobe.client_id, adobe.client_secret and adobe.scopes"
            if permanent
            else "this is on Adobe's side; it is asked again",
            permanent=permanent,
            retry_after_s=wait_s or 0.0,
        )


def _life_s(expires_in: object) -> float:
    """
    Read ``expires_in``: seconds, more than none and at most a day.

    Assumed: a token without a readable life lives for an hour.
    """
    try:
        lives_s = float(str(expires_in))
    except ValueError:
        return 3600.0
    return min(lives_s, _LONGEST_LIFE_S) if lives_s > 0 else 3600.0
