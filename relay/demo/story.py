"""
Set-up, registration, traffic, delivery, and Adobe's own count of it.

::

    relay provision apply    schema, data set, mapping set, connections, flow, inlet URL
    relay webhook register   disabled; its signing key is shown; the relay starts with it; enable
    Customer.io sends        signed, one call at a time: a failing one holds back all behind it
    the relay delivers       until nothing is pending
    flow runs                show the same count; what was quarantined is explained
"""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx

from relay.adobe.http import new_client
from relay.audit import audit_deep
from relay.clock import SystemClock
from relay.config import load_config
from relay.control import ControlClient
from relay.customerio.app_api import AppApi
from relay.customerio.events import EVENT_NAMES
from relay.demo.account import Account
from relay.demo.processes import POLL_S, emulator, failed, free_port, relay
from relay.demo.settings import ORG, ROUTE, Place
from relay.provision.runs import Run, read_runs
from relay.provision.session import open_session
from relay.provision.settings_file import Inlet, write_inlet
from relay.spool.port import Found
from relay.spool.query_json import found_of

_DUPLICATES, _INVALID = 0.02, 0.01
_SLICE = 10_000
_SETTLE_S = 120.0
_RUNS_S = 20.0
_STALLED_S = 30.0
# Divides the local Adobe's delays; its hour of a flow run stays long enough for one story.
_SPEED = "10"

Tell = Callable[[str], None]
OnProgress = Callable[[int], None]


async def demo(events: int, *, tell: Tell, on_progress: OnProgress) -> Account:
    """
    Tell the story with *events* events; *tell* gets a line a step, *on_progress* what is acked.

    Raises:
        DemoFailed: a process did not start or something did not come to its end.
        RelayError: a part of the set-up was refused.
    """
    task = asyncio.current_task()
    assert task is not None
    # Told to end, the story takes its processes down first.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="relay-demo-")))
        adobe = await stack.enter_async_context(emulator(folder, "--speed", _SPEED))
        tell(f"a local Adobe and Customer.io listen on {adobe}")
        place = Place(folder, adobe, free_port())
        place.write_settings()
        await _provision(place, tell)
        client = await stack.enter_async_context(new_client(adobe))
        api = AppApi(client, base_url=adobe, api_key=place.app_api_key, clock=SystemClock())
        webhook = await _register(api, place)
        page = (await client.get(f"/__emulator__/webhooks/{webhook}")).json()
        tell(f"webhook {webhook} is registered for {place.endpoint}, disabled")
        env = place.env(page["signing_key"])
        control = await stack.enter_async_context(relay(folder, place.settings, env))
        await api.update(webhook, {"disabled": False})
        tell("the relay has the signing key and is ready; the webhook is enabled")
        loop = asyncio.get_running_loop()
        started_s = loop.time()
        sender = await _send(client, webhook, events, on_progress, folder / "relay.log")
        tell(f"{sender['delivered']} events were acknowledged; until each has its end")
        await _until_settled(control, folder)
        elapsed_s = loop.time() - started_s
        received = (await client.get("/__emulator__/received")).json()
        runs = await _runs(place, int(received["distinct"]))
        examples = await _examples(control)
        books = await asyncio.to_thread(audit_deep, folder / "spool")
        return Account(books, sender, received, runs, examples, elapsed_s)


async def _provision(place: Place, tell: Tell) -> None:
    config = load_config(str(place.settings), place.env(), needs=("adobe",))
    async with open_session(config, ROUTE) as session:
        applied = await session.apply(lambda line: tell(f"  {line}"))
    inlet = Inlet.of(
        applied.ids, url=applied.inlet_url, not_before_s=applied.not_before_s, org_id=ORG
    )
    write_inlet(place.settings, ROUTE, inlet)
    tell(f"the set-up at Adobe is made: flow {applied.ids.flow} is {applied.state}")


async def _register(api: AppApi, place: Place) -> int:
    made = await api.create(
        {
            "name": "AEP relay",
            "endpoint": place.endpoint,
            "events": list(EVENT_NAMES),
            "disabled": True,
            "full_resolution": True,
            "with_content": False,
        }
    )
    id_: int = made["id"]
    return id_


async def _send(
    client: httpx.AsyncClient, webhook: int, events: int, on_progress: OnProgress, log: Path
) -> dict[str, Any]:
    """
    Have the events sent, and wait until each was acknowledged.

    Raises:
        DemoFailed: nothing was acknowledged for a while; with the end of *log*.
    """
    page: dict[str, Any] = {}
    loop = asyncio.get_running_loop()
    for seed, start in enumerate(range(0, events, _SLICE), 1):
        body = {
            "events": min(_SLICE, events - start),
            "duplicates": _DUPLICATES,
            "invalid": _INVALID,
            "seed": seed,
        }
        answer = await client.post(f"/__emulator__/webhooks/{webhook}/send", json=body)
        answer.raise_for_status()
        moved_s, before = loop.time(), -1
        while not page or page["queued"]:
            await asyncio.sleep(POLL_S * 4)
            page = (await client.get(f"/__emulator__/webhooks/{webhook}")).json()
            on_progress(int(page["delivered"]))
            if page["delivered"] != before:
                moved_s, before = loop.time(), page["delivered"]
            elif loop.time() - moved_s > _STALLED_S:
                raise failed(f"the relay takes nothing: {page['last_error']}", log)
        if start + _SLICE < events:
            page = {}
    return page


async def _until_settled(control: ControlClient, folder: Path) -> None:
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + _SETTLE_S
    while (await control.call("status"))["spool"]["pending"]:
        if loop.time() > deadline_s:
            raise failed("events are still pending", folder / "relay.log")
        await asyncio.sleep(POLL_S)


async def _runs(place: Place, expected: int) -> list[Run]:
    """Read the flow's runs, until Adobe has counted what its inlet took."""
    config = load_config(str(place.settings), place.env("-"), needs=("adobe",))
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + _RUNS_S
    async with open_session(config, ROUTE) as session:
        while True:
            runs = await read_runs(session.adobe.flows, (await session.look()).id_of("flow"))
            if sum(run.received for run in runs) >= expected or loop.time() > deadline_s:
                return runs
            await asyncio.sleep(POLL_S * 4)


async def _examples(control: ControlClient) -> list[Found]:
    """Take one quarantined event a reason."""
    answer = await control.call("events", outcome="quarantined", limit=1000)
    by_reason: dict[str, Found] = {}
    for value in answer["events"]:
        found = found_of(value)
        by_reason.setdefault(str(found.reason), found)
    return list(by_reason.values())
