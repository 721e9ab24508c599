"""
One POST on the wire, and whatever may become of it as an `Answer`: no exception leaves here.

aiohttp, not httpx: one event a request costs a tenth of the processor time, a batch a third (see
docs/decisions/0004-single-mode-client.md). Connections are kept open; certificates are verified;
redirects are not followed; the answer is read to a bound. What goes wrong, and its name:

==============================================================  ============
the name does not resolve                                       ``dns``
nobody listens, or the network refuses                          ``connect``
the certificate or the handshake is refused                     ``tls``
no whole answer within ``inlet.timeout``                        ``timeout``
the connection ends before the headers, or before the body      ``reset``
what comes back is not HTTP                                     ``protocol``
the body is longer than `ANSWER_MAX_BYTES`                      ``too_long``
==============================================================  ============
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
import orjson
from yarl import URL

from relay.clock import Clock
from relay.config.rules import is_loopback
from relay.forward.answer import Answer, Failure
from relay.retry import retry_after_s

# 500 items with a long message each are half of this.
ANSWER_MAX_BYTES = 2 * 1024 * 1024
# Shorter than what load balancers commonly allow (60 s), so that we close first: a request on a
# connection that the other side is closing is a reset.
_KEEP_IDLE_S = 30.0
_DNS_CACHE_S = 30

# In this order: the TLS and DNS errors are connection errors too.
_NAMES: tuple[tuple[type[BaseException], Failure], ...] = (
    (aiohttp.ClientConnectorDNSError, Failure.DNS),
    (aiohttp.ClientSSLError, Failure.TLS),
    (ssl.SSLError, Failure.TLS),
    (TimeoutError, Failure.TIMEOUT),
    (aiohttp.ClientConnectorError, Failure.CONNECT),
    (aiohttp.ClientProxyConnectionError, Failure.CONNECT),
    (aiohttp.ClientPayloadError, Failure.RESET),
    (aiohttp.ServerDisconnectedError, Failure.RESET),
    (aiohttp.ClientOSError, Failure.RESET),
    (OSError, Failure.RESET),
)


class Wire:
    """
    Kept connections to the host of *url*, at most *connections*; opened by the first request.

    *timeout_s* is for the whole request, the wait for a connection included. Authorities and
    proxies are those that httpx uses towards the control APIs.
    """

    def __init__(self, url: URL, *, connections: int, timeout_s: float, clock: Clock) -> None:
        self._connections = connections
        self._tls = httpx.create_ssl_context() if url.scheme == "https" else False
        self._proxy = _proxy(url)
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._clock = clock
        # Made by the first request, because it belongs to the running loop; ended by `close`.
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: URL, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send *body* once, and say what came back."""
        session = self._session or self._open()
        began_s = self._clock.monotonic_s()
        try:
            async with session.post(
                url, data=body, headers=headers, allow_redirects=False, proxy=self._proxy
            ) as response:
                content = await _bounded(response)
                status, asked = response.status, response.headers.get("retry-after", "")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            seconds = self._clock.monotonic_s() - began_s
            return Answer(failure=_name(error), seconds=seconds, detail=_detail(url, error))
        seconds = self._clock.monotonic_s() - began_s
        wait_s = retry_after_s(asked, now_s=self._clock.wall_s()) if asked else None
        if content is None:
            return Answer(failure=Failure.TOO_LONG, retry_after_s=wait_s, seconds=seconds)
        return Answer(status, None, _parsed(content), wait_s, seconds)

    async def close(self) -> None:
        """End the kept connections; a later request opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=self._connections,
            keepalive_timeout=_KEEP_IDLE_S,
            ttl_dns_cache=_DNS_CACHE_S,
            ssl=self._tls,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={
                "accept": "application/json",
                # Said, because who says nothing accepts every encoding (RFC 9110, 12.5.3).
                "accept-encoding": "identity",
                "user-agent": "customerio-aep-relay",
            },
        )
        return self._session


def _proxy(url: URL) -> str | None:
    """The proxy that the environment names for *url*; none for this machine itself."""
    host = url.host or ""
    proxies = getproxies()
    if url.scheme not in proxies or is_loopback(host) or proxy_bypass(host):
        return None
    return proxies[url.scheme]


async def _bounded(response: aiohttp.ClientResponse) -> bytes | None:
    """Read the body; ``None`` when it is too long, and the connection is not used again."""
    if (response.content_length or 0) <= ANSWER_MAX_BYTES:
        parts = bytearray()
        async for part in response.content.iter_any():
            parts += part
            if len(parts) > ANSWER_MAX_BYTES:
                break
        else:
            return bytes(parts)
    response.close()
    return None


def _name(error: BaseException) -> Failure:
    for kind, failure in _NAMES:
        if isinstance(error, kind):
            return failure
    return Failure.PROTOCOL


def _detail(url: URL, error: BaseException) -> str:
    """Say which host it was and, where the system gave one, its reason; no path, no secret."""
    cause, place = error, url.host_port_subcomponent or ""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"{place}: the proxy answered {error.status}"
    if isinstance(error, aiohttp.ClientConnectorError) and error.host != url.raw_host:
        place = f"the proxy {error.host}:{error.port}"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
    elif isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
    reason: str | None = ""
    if isinstance(cause, ssl.SSLCertVerificationError):
        reason = cause.verify_message
    elif isinstance(cause, ssl.SSLError):
        reason = cause.reason
    elif isinstance(cause, OSError):
        # Asyncio puts words of its own before the system's; a resolver's numbers are below 0.
        number = cause.errno or 0
        reason = os.strerror(number) if number > 0 else cause.strerror
    return f"{place}: {reason}" if reason else place


def _parsed(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
