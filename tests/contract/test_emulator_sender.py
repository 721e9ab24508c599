"""The emulated sender calls as Customer.io does: order, retries, the hour, the end."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from relay.customerio.signature import verify
from relay.emulator.customerio import CustomerIo, CustomerIoSettings
from relay.emulator.sender import MAX_QUEUED, SenderSettings
from relay.emulator.server import serving

pytestmark = pytest.mark.sockets

HOUR_IS_20_MS = 180_000.0
EVENTS = ["email_sent", "email_opened", "customer_subscribed"]
HOOKS = "/v1/reporting_webhooks"


class Receiver:
    """
    A webhook on loopback: answers by its *script* (status by number of the call), 200 after it.

    It keeps what came, and whether the signature verified under *key*.
    """

    def __init__(self):
        self.script = {}
        self.key = "not known yet"
        self.bodies = []
        self.are_signed = []
        self.under_way = 0
        self.most_under_way = 0
        self.at_least = asyncio.Condition()

    async def take(self, request):
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        body = await request.body()
        stamp, signature = (
            request.headers[f"x-cio-{name}"] for name in ("timestamp", "signature")
        )
        self.are_signed.append(verify([self.key], stamp, body, signature) == 0)
        status = self.script.get(len(self.bodies), 200)
        async with self.at_least:
            self.bodies.append(body)
            self.at_least.notify_all()
        if status == "hang":
            await asyncio.Event().wait()
        self.under_way -= 1
        return Response("", status)

    async def calls(self, count):
        """Wait until *count* calls came."""
        async with asyncio.timeout(20), self.at_least:
            await self.at_least.wait_for(lambda: len(self.bodies) >= count)

    @property
    def ids(self):
        return [json.loads(body)["event_id"] for body in self.bodies]


class Workspace:
    """An emulated workspace with one webhook that points at *receiver*."""

    def __init__(self, api, receiver, endpoint):
        self.api = api
        self.receiver = receiver
        self.endpoint = endpoint

    async def change(self, **changes):
        body = {"name": "relay", "endpoint": self.endpoint, "events": EVENTS} | changes
        (await self.api.put(f"{HOOKS}/1", json=body)).raise_for_status()

    async def send(self, status=202, **body):
        answer = await self.api.post("/__emulator__/webhooks/1/send", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def page(self, **query):
        answer = await self.api.get("/__emulator__/webhooks/1", params=query)
        return answer.raise_for_status().json()

    async def until(self, is_so):
        """Ask the page until *is_so* says yes to it."""
        async with asyncio.timeout(20):
            while not is_so(page := await self.page(ids="true")):  # noqa: ASYNC110 - a page tells nobody
                await asyncio.sleep(0.005)
        return page

    async def until_idle(self):
        return await self.until(lambda page: page["queued"] == 0)


@asynccontextmanager
async def customerio(**settings):
    """An emulated Customer.io whose one webhook is disabled and points at a receiver."""
    receiver = Receiver()
    sender = SenderSettings(**({"speed": HOUR_IS_20_MS} | settings))
    emulated = CustomerIo(CustomerIoSettings(sender=sender, requests_per_s=0))
    app = Starlette(routes=emulated.routes)
    hook = Starlette(routes=[Route("/hook", receiver.take, methods=["POST"])])
    headers = {"authorization": "Bearer any"}
    async with (
        serving(hook) as url,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://api", headers=headers
        ) as api,
    ):
        made = Workspace(api, receiver, f"{url}/hook")
        body = {"name": "relay", "endpoint": made.endpoint, "events": EVENTS, "disabled": True}
        (await api.post(HOOKS, json=body)).raise_for_status()
        receiver.key = (await made.page())["signing_key"]
        try:
            yield made
        finally:
            await emulated.close()


async def test_story():
    """Registered, key copied from the page, enabled: every event comes, signed, in order."""
    async with customerio() as cio:
        refused = await cio.send(409, events=5)
        assert "disabled" in refused["error"]
        await cio.change(disabled=False)
        assert (await cio.send(events=60, duplicates=0.1))["added"] == 60
        page = await cio.until_idle()
        assert len(cio.receiver.bodies) == 60
        assert all(cio.receiver.are_signed)
        assert page["delivered_ids"] == list(dict.fromkeys(cio.receiver.ids))
        assert (page["delivered"], page["retries"], page["hours"]) == (60, 0, 0)
        assert page["statuses"] == {"200": 60}
        assert cio.receiver.most_under_way == 1


async def test_chosen_events():
    """Only the events that the webhook asks for are sent, with content only if it asks for it."""
    async with customerio() as cio:
        for with_content in (False, True):
            await cio.change(events=["email_sent"], with_content=with_content)
            await cio.send(events=10)
            await cio.until_idle()
            events = [json.loads(body) for body in cio.receiver.bodies]
            assert {(event["object_type"], event["metric"]) for event in events} == {
                ("email", "sent")
            }
            assert all(("content" in event["data"]) == with_content for event in events)
            cio.receiver.bodies.clear()


async def test_head_of_line():
    """A failing event holds back all later ones, and the page says since when and why."""
    async with customerio(speed=1.0) as cio:
        await cio.change()
        cio.receiver.script = {2: 500}
        await cio.send(events=10)
        page = await cio.until(lambda page: page["blocked_since"])
        assert len(cio.receiver.bodies) == 3
        assert (page["queued"], page["delivered"]) == (8, 2)
        assert page["last_error"] == "500"
        assert page["hours"] == 1
        assert page["blocked_event_id"] == cio.receiver.ids[2]


async def test_hour():
    """What is on the list costs an hour once, what is not costs none; order is kept."""
    async with customerio() as cio:
        await cio.change()
        cio.receiver.script = {0: 404, 1: 401, 5: 503, 6: 503}
        await cio.send(events=6)
        page = await cio.until_idle()
        ids = cio.receiver.ids
        assert ids[0] == ids[1] == ids[2]
        assert ids[5] == ids[6] == ids[7]
        assert list(dict.fromkeys(ids)) == page["delivered_ids"]
        assert (page["delivered"], page["retries"], page["hours"]) == (6, 4, 1)
        assert page["statuses"] == {"200": 6, "401": 1, "404": 1, "503": 2}
        assert (page["blocked_since"], page["last_error"]) == (None, None)


async def test_timeout():
    """An answer that does not come in time is a failure, but costs no hour."""
    async with customerio(timeout_s=0.3) as cio:
        await cio.change()
        cio.receiver.script = {1: "hang"}
        await cio.send(events=3)
        page = await cio.until_idle()
        assert page["statuses"] == {"200": 3, "timeout": 1}
        assert page["hours"] == 0


async def test_seven_days():
    """After seven days an event is dropped and the next has its turn."""
    async with customerio(speed=604_800 / 0.02) as cio:
        await cio.change()
        cio.receiver.script = dict.fromkeys(range(10_000), 422)
        await cio.send(events=3)
        page = await cio.until_idle()
        assert (page["delivered"], page["dropped"]) == (0, 3)
        assert len(set(cio.receiver.ids)) == 3


async def test_disabled_meanwhile():
    """A webhook that is disabled gets nothing more; enabled again it gets what waited."""
    async with customerio() as cio:
        await cio.change()
        cio.receiver.script = {1: 500}
        await cio.send(events=4)
        await cio.receiver.calls(2)
        await cio.change(disabled=True)
        calls = len(cio.receiver.bodies)
        for _ in range(20):
            await asyncio.sleep(0.005)
        assert len(cio.receiver.bodies) == calls
        page = await cio.page()
        assert page["disabled"]
        assert page["queued"] > 0
        await cio.change(disabled=False)
        page = await cio.until_idle()
        assert page["delivered"] == 4


async def test_moved():
    """A wrong endpoint that is mended gets what waited, the failed event first."""
    async with customerio() as cio:
        await cio.change(endpoint=cio.endpoint.replace("/hook", "/wrong"))
        await cio.send(events=3)
        page = await cio.until(lambda page: page["blocked_since"])
        assert page["last_error"] == "404"
        await cio.change()
        page = await cio.until_idle()
        assert page["delivered"] == 3
        assert len(cio.receiver.bodies) == 3


async def test_refused_connection():
    """An endpoint that nobody listens on costs an hour, and is no end."""
    async with customerio() as cio:
        await cio.change(endpoint="http://127.0.0.1:9/hook")
        await cio.send(events=1)
        page = await cio.until(lambda page: page["retries"] > 2)
        assert set(page["statuses"]) == {"refused"}
        assert page["hours"] == 1


async def test_deleted():
    """A deleted webhook is forgotten with everything that waited for it."""
    async with customerio() as cio:
        await cio.change()
        cio.receiver.script = dict.fromkeys(range(10_000), 503)
        await cio.send(events=3)
        await cio.receiver.calls(1)
        await cio.api.delete(f"{HOOKS}/1")
        calls = len(cio.receiver.bodies)
        for _ in range(10):
            await asyncio.sleep(0.005)
        assert len(cio.receiver.bodies) <= calls + 1
        assert (await cio.api.get("/__emulator__/webhooks/1")).status_code == 404
        assert (await cio.api.get("/__emulator__/webhooks")).json() == {"webhooks": []}


async def test_elsewhere():
    """An endpoint on another machine is not called, also when it comes to be one later."""
    async with customerio() as cio:
        await cio.change(endpoint="https://relay.example.com/hook")
        refused = await cio.send(409, events=1)
        assert "not on this machine" in refused["error"]
        await cio.change()
        cio.receiver.script = dict.fromkeys(range(10_000), 503)
        await cio.send(events=2)
        await cio.receiver.calls(1)
        await cio.change(endpoint="https://relay.example.com/hook")
        page = await cio.until(lambda page: page["last_error"] not in {"503", None})
        assert "not on this machine" in page["last_error"]
        assert set(page["statuses"]) == {"503"}


@pytest.mark.parametrize(
    "body",
    [
        {"events": 0},
        {"events": True},
        {"events": "5"},
        {"events": MAX_QUEUED + 1},
        {"duplicates": 2},
        {"duplicates": "all"},
        {"invalid": -1},
        {"invalid": 0.6, "duplicates": 0.6},
        {"seed": -1},
        {"event": 5},
    ],
    ids=str,
)
async def test_wrong_send(body):
    """A request for events that makes no sense is a 400 that says why."""
    async with customerio() as cio:
        await cio.change()
        refused = await cio.send(400, **body)
        assert "expected" in refused["error"]


async def test_odd_sends():
    """No body asks for one event; rubbish is a 400; an unknown webhook a 404."""
    async with customerio() as cio:
        await cio.change()
        path = "/__emulator__/webhooks/1/send"
        assert (await cio.api.post(path)).json()["added"] == 1
        for content in (b"[]", b"{", b"\xff", b" " * 100_000):
            assert (await cio.api.post(path, content=content)).status_code == 400
        for id_ in ("2", "x", "-1", "1" * 5000):
            unknown = f"/__emulator__/webhooks/{id_}"
            assert (await cio.api.post(f"{unknown}/send")).status_code == 404
            assert (await cio.api.get(unknown)).status_code == 404


async def test_line_is_bounded():
    """The line takes so many and no more, also when asked twice at once."""
    async with customerio(speed=1.0) as cio:
        await cio.change()
        cio.receiver.script = {0: 500}
        path = "/__emulator__/webhooks/1/send"
        answers = await asyncio.gather(
            *(cio.api.post(path, json={"events": MAX_QUEUED * 2 // 3}) for _ in range(2))
        )
        assert sorted(answer.status_code for answer in answers) == [202, 409]


async def test_two_webhooks():
    """Each webhook has a line and a key of its own: one that is blocked blocks no other."""
    async with customerio() as cio:
        await cio.change(endpoint=cio.endpoint.replace("/hook", "/wrong"))
        second = {"name": "two", "endpoint": cio.endpoint, "events": EVENTS}
        await cio.api.post(HOOKS, json=second)
        await cio.send(events=2)
        await cio.until(lambda page: page["blocked_since"])
        pages = (await cio.api.get("/__emulator__/webhooks")).json()["webhooks"]
        assert [page["id"] for page in pages] == [1, 2]
        assert pages[0]["signing_key"] != pages[1]["signing_key"]
        cio.receiver.key = pages[1]["signing_key"]
        await cio.api.post("/__emulator__/webhooks/2/send", json={"events": 5})
        await cio.receiver.calls(5)
        assert all(cio.receiver.are_signed)
        assert (await cio.page())["delivered"] == 0
