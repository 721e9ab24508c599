"""What goes on beside deliveries follows the settings of a reload."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import loopback
import pytest
from spool_kit import settings, spool_at

from relay.clock import SystemClock
from relay.config import Config
from relay.control import Desk
from relay.ingress.endpoint import Ingress
from relay.metrics import Metrics
from relay.service.beside import Beside, Surroundings

pytestmark = pytest.mark.sockets


class AppApi:
    """Customer.io's list of addresses, and how often each key asked for it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        self.asked.append(head.split("authorization: bearer ")[1].split("\r\n")[0])
        body = b'{"ips":["192.0.2.1"]}'
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
            b"content-length: %d\r\n\r\n%s" % (len(body), body)
        )
        await writer.drain()
        writer.close()


@asynccontextmanager
async def app_api():
    """The list on a free port."""
    api = AppApi()
    server = await asyncio.start_server(api.serve, "127.0.0.1", 0)
    api.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield api


def config(folder, url: str, **customerio: str) -> Config:
    """One route, and *customerio* as ``[customerio]``."""
    return Config.model_validate(
        {
            "spool": settings(folder),
            "routes": {"a": {"path": "/a", "signing_keys": ["k"]}},
            "customerio": {"api_url": url, **customerio},
        }
    )


async def until_asked(api: AppApi, keys: list[str]) -> None:
    """Wait until *keys* have asked, in that order."""
    async with asyncio.timeout(20):
        while api.asked != keys:  # noqa: ASYNC110 - a plain list of what came
            await asyncio.sleep(0.01)


async def test_a_task_is_begun_anew_only_when_its_settings_change(tmp_path):
    """Turned on, left alone, given another key, turned off: each by a reload, no restart."""
    async with app_api() as api, spool_at(tmp_path) as spool, loopback.AsyncClient() as client:
        off = config(tmp_path, api.url)
        on = config(tmp_path, api.url, addresses_interval="1d", app_api_key="one")
        other = config(tmp_path, api.url, addresses_interval="1d", app_api_key="two")
        metrics, clock = Metrics(), SystemClock()
        ingress = Ingress(off, spool, metrics, clock)
        beside = Beside(Surroundings(spool, Desk(spool), client, ingress, metrics, clock))
        beside.start(off)
        await beside.take(on)
        await until_asked(api, ["one"])
        await beside.take(on)
        await beside.take(other)
        await until_asked(api, ["one", "two"])
        await beside.take(off)
        beside.close()
        for _ in range(10):
            await asyncio.sleep(0)
        names = {task.get_name() for task in asyncio.all_tasks()}
        assert not names & {"pulse", "strays", "sender-addresses"}
        assert api.asked == ["one", "two"]
