"""The App API's client, where the answer is none."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from relay.clock import ManualClock
from relay.customerio import app_api
from relay.customerio.app_api import AppApi
from relay.errors import AdobeError


async def _rubbish(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(
        200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"no gzip")
    )


async def _never(_request: httpx.Request) -> httpx.Response:
    await asyncio.sleep(60)
    return httpx.Response(200)


async def _untrusted(_request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("[SSL] certificate verify failed")


async def test_why_there_is_no_connection(monkeypatch: pytest.MonkeyPatch):
    """What kept a connection from being made is told in its own words."""
    monkeypatch.setattr(app_api, "_LONGEST_WAIT_S", 0.0)
    async with httpx.AsyncClient(transport=httpx.MockTransport(_untrusted)) as client:
        api = AppApi(client, base_url="https://cio.example", api_key="k", clock=ManualClock())
        with pytest.raises(AdobeError) as caught:
            await api.webhooks()
    assert caught.value.message == (
        "no readable answer from Customer.io to list the webhooks: no connection: "
        "[SSL] certificate verify failed"
    )


@pytest.mark.parametrize("addresses", [{"a": 1}, "10.0.0.1", ["10.0.0.1", None]])
async def test_no_list_of_addresses(addresses: Any):
    """An answer of another shape ends in a sentence, too."""

    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"ip_addresses": addresses})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        api = AppApi(client, base_url="https://cio.example", api_key="k", clock=ManualClock())
        with pytest.raises(AdobeError, match="but ip_addresses is no such list"):
            await api.addresses()


@pytest.mark.parametrize(
    ("handle", "name"), [(_rubbish, "what came back"), (_never, "no whole answer")]
)
async def test_no_readable_answer(monkeypatch: pytest.MonkeyPatch, handle, name: str):
    """Rubbish and an answer that takes too long end in a sentence; a creation is not repeated."""
    monkeypatch.setattr(app_api, "_TIMEOUT_S", 0.05)
    async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as client:
        api = AppApi(client, base_url="https://cio.example", api_key="k", clock=ManualClock())
        with pytest.raises(AdobeError) as caught:
            await api.create({"name": "x"})
    assert caught.value.message.startswith(
        f"no readable answer from Customer.io to create the webhook: {name}"
    )
    assert caught.value.is_ambiguous
