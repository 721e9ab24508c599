"""
Customer.io's App API: the reporting webhook that sends events to the relay.

The API has no uniqueness: a second webhook for the same endpoint would deliver every event twice,
so whoever creates lists first. Updates read, merge and write the whole object, because the
documented ``PUT`` wants all of it.

Source:
    Customer.io App API, ``/v1/reporting_webhooks``; see also ``docs/assumptions.md``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, TypeVar

import httpx
import orjson

from relay.clock import Clock
from relay.config import CustomerioConfig
from relay.errors import AdobeError
from relay.retry import retry_after_s
from relay.unanswered import has_left, why_unanswered

Item = dict[str, Any]
_T = TypeVar("_T")
HOSTS: Mapping[str, str] = {
    "us": "https://api.customer.io",
    "eu": "https://api-eu.customer.io",
}
_ATTEMPTS = 4
_TIMEOUT_S = 15.0
_LONGEST_WAIT_S = 30.0
_KEPT = ("name", "endpoint", "events", "disabled", "full_resolution", "with_content")
_HINTS = {
    401: "check customerio.app_api_key, and that customerio.region is the workspace's",
    403: "the App API key lacks the scope, or this address is not on its allow-list",
    404: "there is no such webhook in this workspace",
}
_ELSEWHERE = "is customerio.api_url the App API, or is there a proxy between?"


def api_url(settings: CustomerioConfig) -> str:
    """Give the API's address: the one that is set, else the region's."""
    return settings.api_url or HOSTS[settings.region]


class AppApi:
    """Typed calls, one method an endpoint; every method may raise `AdobeError`."""

    def __init__(
        self, client: httpx.AsyncClient, *, base_url: str, api_key: str, clock: Clock
    ) -> None:
        self._client = client
        self._base_url = base_url.rstrip("/")
        self._headers = {"authorization": f"Bearer {api_key}"}
        self._clock = clock

    async def webhooks(self) -> list[Item]:
        """List the reporting webhooks; JavaScript ones are left out."""
        found = await self._list("/v1/reporting_webhooks", "list the webhooks", dict)
        return [item for item in found if item.get("type", "webhook") == "webhook"]

    async def webhook(self, id_: int) -> Item:
        """Read one webhook."""
        return await self._call("GET", f"/v1/reporting_webhooks/{id_}", "read the webhook")

    async def create(self, body: Item) -> Item:
        """Create a webhook; give it ``disabled`` until the relay has the signing key."""
        return await self._call("POST", "/v1/reporting_webhooks", "create the webhook", body)

    async def update(self, id_: int, changes: Item) -> Item:
        """Read, merge *changes*, write all of it."""
        current = await self.webhook(id_)
        merged = {key: current[key] for key in _KEPT if key in current} | changes
        path = f"/v1/reporting_webhooks/{id_}"
        answer = await self._call("PUT", path, "change the webhook", merged)
        return answer or await self.webhook(id_)

    async def delete(self, id_: int) -> None:
        """Delete a webhook."""
        await self._call("DELETE", f"/v1/reporting_webhooks/{id_}", "delete the webhook")

    async def addresses(self) -> list[str]:
        """List the addresses that Customer.io sends from."""
        return await self._list("/v1/info/ip_addresses", "list the sender's addresses", str)

    async def _list(self, path: str, doing: str, kind: type[_T]) -> list[_T]:
        """Read the list that the answer has under the last word of *path*; no list is none."""
        name = path.rsplit("/", 1)[-1]
        found = (await self._call("GET", path, doing)).get(name) or []
        if not isinstance(found, list) or not all(isinstance(item, kind) for item in found):
            what = f"Customer.io answered 200 to {doing}, but {name} is no such list"
            raise AdobeError(what, hint=_ELSEWHERE, status=200)
        return found

    async def _call(self, method: str, path: str, doing: str, body: Item | None = None) -> Item:
        attempt = 0
        while True:
            attempt += 1
            answer, wait_s = await self._once(method, path, doing, body)
            if not isinstance(answer, AdobeError):
                return answer
            # A creation that may have been carried out is not repeated: it would deliver twice.
            may_repeat = answer.is_temporary and not (method == "POST" and answer.is_ambiguous)
            if attempt >= _ATTEMPTS or not may_repeat:
                raise answer
            await asyncio.sleep(min(wait_s if wait_s is not None else attempt, _LONGEST_WAIT_S))

    async def _once(
        self, method: str, path: str, doing: str, body: Item | None
    ) -> tuple[Item | AdobeError, float | None]:
        try:
            # One limit for all of it: httpx's own begins anew with each byte that drips in.
            async with asyncio.timeout(_TIMEOUT_S):
                response = await self._client.request(
                    method, self._base_url + path, headers=self._headers, json=body, timeout=None
                )
        except (httpx.RequestError, TimeoutError) as error:
            return AdobeError(
                f"no readable answer from Customer.io to {doing}: {why_unanswered(error)}",
                hint=f"is {self._base_url} reachable from here?",
                is_temporary=True,
                is_ambiguous=has_left(error),
            ), None
        if response.is_success:
            return _document(response, doing), None
        wait_s = retry_after_s(response.headers.get("retry-after", ""), now_s=self._clock.wall_s())
        status = response.status_code
        return AdobeError(
            f"Customer.io refused to {doing}: {status} {_detail(response)}".rstrip(),
            hint=_HINTS.get(status, ""),
            status=status,
            fault="credentials" if status in {401, 403} else "request",
            is_temporary=status == 429 or status >= 500,  # noqa: PLR2004 - as HTTP numbers them
            is_ambiguous=status >= 500,  # noqa: PLR2004 - as HTTP numbers them
        ), wait_s


def _document(response: httpx.Response, doing: str) -> Item | AdobeError:
    """The answer's object; an empty body is an empty one."""
    try:
        document = orjson.loads(response.content or b"{}")
    except orjson.JSONDecodeError:
        document = None
    if isinstance(document, dict):
        return document
    return AdobeError(
        f"Customer.io answered {response.status_code} to {doing}, but not with a JSON object",
        hint=_ELSEWHERE,
        status=response.status_code,
    )


def _detail(response: httpx.Response) -> str:
    """The reason, in the newer shape or the older one."""
    try:
        body = orjson.loads(response.content)
        if body.get("errors"):
            return str(body["errors"][0].get("detail", ""))
        return str((body.get("meta") or {}).get("error", ""))
    except (orjson.JSONDecodeError, AttributeError, TypeError, KeyError, IndexError):
        return ""
