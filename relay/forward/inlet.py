"""
Adobe's streaming inlet: one request with one event or a batch, signed or with a token.

The batch address is the inlet's with ``batch/`` after ``/collection/``; the query stays. An
address without ``/collection/`` has no batch address, so it gets one event a request.

Source:
    adobe.md §0.1, §1.1, §1.2, §7.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from yarl import URL

from relay.adobe.auth import OAuth
from relay.clock import Clock
from relay.config import RouteConfig
from relay.errors import AuthError
from relay.forward.answer import Answer, Failure
from relay.forward.batch import splice
from relay.forward.wire import Wire
from relay.metrics import Metrics

_FLOW = "x-adobe-flow-id"
_BIG_BYTES = 256 * 1024  # from here hashing would hold the event loop for a millisecond


class Inlet:
    """
    Where one route's events go; `make_inlet` makes it.

    *identity* names the inlet and its flow in what is remembered of it. One inlet may be closed
    and used again; its connections are opened by the first request.
    """

    def __init__(
        self,
        name: str,
        route: RouteConfig,
        *,
        wire: Wire,
        tokens: OAuth | None,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        inlet = route.inlet
        single, batch = addresses(inlet.url)
        parts = urlsplit(single)
        flow_in_url = _flow_of(inlet.url)
        self.identity = f"{parts.netloc}{parts.path} {flow_in_url or inlet.flow_id}"
        self.takes_batches = bool(batch)
        self._single = URL(single, encoded=True)
        self._batch = URL(batch or single, encoded=True)
        self._headers = {"content-type": "application/json"}
        if inlet.flow_id and not flow_in_url:
            self._headers[_FLOW] = inlet.flow_id
        self._secret = (
            inlet.hmac_secret.get_secret_value().encode() if inlet.auth == "hmac" else b""
        )
        self._tokens = tokens if inlet.auth == "oauth" else None
        self._wire = wire
        self._clock = clock
        self._name = name
        self._requests = metrics.inlet_requests
        self._seconds = metrics.inlet_request_seconds.labels(name)
        self._records = metrics.batch_records.labels(name)
        self._bytes = metrics.batch_bytes.labels(name)

    async def send(self, payloads: Sequence[bytes], *, as_batch: bool) -> Answer:
        """
        Send *payloads* once; without *as_batch* there is one, and it is the whole body.

        A refused token is renewed and the request repeated, once; no exception is raised for
        anything the inlet or the network does.
        """
        body = splice(payloads) if as_batch else payloads[0]
        url = self._batch if as_batch else self._single
        self._records.observe(len(payloads))
        self._bytes.observe(len(body))
        headers = self._headers
        if self._secret:
            headers = {**headers, "x-hmac-sha256": await self._signed(body)}
        if self._tokens is None:
            return await self._post(url, headers, body)
        return await self._post_with_token(self._tokens, url, headers, body)

    async def close(self) -> None:
        """End the kept connections."""
        await self._wire.close()

    async def _post_with_token(
        self, tokens: OAuth, url: URL, headers: dict[str, str], body: bytes
    ) -> Answer:
        try:
            token = await tokens.token()
            answer = await self._post(url, {**headers, "authorization": f"Bearer {token}"}, body)
            if answer.status not in {401, 403}:
                return answer
            renewed = await tokens.renew(token)
        except AuthError as error:
            failure = Failure.NO_TOKEN if error.permanent else Failure.TOKEN
            self._requests.labels(self._name, failure.value).inc()
            wait_s = error.retry_after_s or None
            return Answer(failure=failure, retry_after_s=wait_s, detail=error.message)
        if renewed == token:
            return answer
        return await self._post(url, {**headers, "authorization": f"Bearer {renewed}"}, body)

    async def _post(self, url: URL, headers: dict[str, str], body: bytes) -> Answer:
        answer = await self._wire.post(url, headers, body)
        self._requests.labels(self._name, answer.label).inc()
        self._seconds.observe(answer.seconds)
        return answer

    async def _signed(self, body: bytes) -> str:
        """
        Sign the exact *body*: lowercase hex of HMAC-SHA256.

        Assumed: the encoding; Adobe's sample looks like hex but has 63 characters.
        """
        if len(body) < _BIG_BYTES:
            return hmac.digest(self._secret, body, "sha256").hex()
        return (await asyncio.to_thread(hmac.digest, self._secret, body, "sha256")).hex()

    def __repr__(self) -> str:
        return f"<Inlet {self._name} {self._single.host}>"


def make_inlet(
    name: str,
    route: RouteConfig,
    *,
    tokens: OAuth | None,
    metrics: Metrics,
    clock: Clock,
) -> Inlet:
    """Make the inlet of route *name*; *tokens* is needed for ``auth = "oauth"`` only."""
    inlet = route.inlet
    wire = Wire(
        URL(inlet.url, encoded=True),
        connections=inlet.max_in_flight,
        timeout_s=inlet.timeout,
        clock=clock,
    )
    return Inlet(name, route, wire=wire, tokens=tokens, metrics=metrics, clock=clock)


def addresses(url: str) -> tuple[str, str]:
    """
    Give the address for one event and the one for a batch; either spelling may be configured.

    The second is empty when *url* has no ``/collection/``.
    """
    parts = urlsplit(url)
    single_path = parts.path.replace("/collection/batch/", "/collection/", 1)
    single = urlunsplit(parts._replace(path=single_path))
    if "/collection/" not in single_path:
        return single, ""
    batch_path = single_path.replace("/collection/", "/collection/batch/", 1)
    return single, urlunsplit(parts._replace(path=batch_path))


def _flow_of(url: str) -> str:
    """The flow id in the query of *url*, empty when there is none."""
    members = {key.lower(): value for key, value in parse_qsl(urlsplit(url).query)}
    return members.get(_FLOW, "")
