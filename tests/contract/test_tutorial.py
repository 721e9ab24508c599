"""The tutorial's own curl lines, re-pointed at the local Adobe with their blanks filled."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import loopback
import pytest
from control_kit import ORG, Control, control, fixture_of, keys_of, served
from tutorial_kit import extract, filled, parsed, printed

from relay.clock import ManualClock
from relay.emulator import EmulatorSettings

EVENT = fixture_of("customerio_sample_event.json")
RECORD = {
    "cio_id": "d9c106000001",
    "email": "test@example.com",
    "event_id0": "01E4C4CT6YDC7Y5M7FE1GWWPQJ",
    "metricx": "subscribed",
    "object_type1": "customer",
    "timestampx": "1613063089",
}
# What the tutorial prints for ids that its reader has from elsewhere.
PRINTED_SCHEMA = (
    "https://ns.adobe.com/extconndev/schemas/945546112b746524bfd9f1264b26c2b7d8e7f5b7fadb953a"
)
PRINTED_DATASET = "63ec807d3f5ce91bd2d06c65"

Send = Callable[[str], Awaitable[Any]]


async def _blanks(adobe: Control) -> dict[str, str]:
    """Fill the tutorial's blanks; schema and data set, left to the reader, are made here."""
    token = adobe.client.headers["authorization"].removeprefix("Bearer ")
    schema_id = await adobe.schema("Customer.io events")
    return {
        "{ACCESS_TOKEN}": token,
        "{API_KEY}": adobe.client.headers["x-api-key"],
        "{ORG_ID}": ORG,
        "{SANDBOX_NAME}": "prod",
        "{TENANT_ID}": "extconndev",
        PRINTED_SCHEMA: schema_id,
        PRINTED_DATASET: await adobe.dataset(schema_id, "Customer.io events"),
    }


async def _run(blanks: dict[str, str], base_url: str, send: Send) -> Any:
    """
    Run the five commands in order and compare each answer key by key; the last answer.

    The ids that the tutorial prints in an answer stand for the ones that were really answered.
    """
    answer: Any = None
    for step in printed():
        curl = filled(step["curl"], base_url, blanks)
        answer = await send(curl)
        assert keys_of(answer) == keys_of(step["answer"]), curl
        if "id" in step["answer"]:
            blanks[step["answer"]["id"]] = answer["id"]
    return answer


async def _arrived(adobe: Control, answer: Any, dataset_id: str) -> list[Any]:
    """Post the tutorial's event to the inlet that was found; what the data set holds then."""
    flow = answer["items"][0]
    assert flow["state"] == "enabled"
    await adobe.send(flow, EVENT)
    found = await adobe.ok("GET", f"/__emulator__/datasets/{dataset_id}/records")
    records: list[Any] = found["records"]
    return records


@pytest.mark.parametrize("is_strict", [True, False])
async def test_the_tutorial_s_requests_lead_to_an_inlet_that_takes_the_event(is_strict):
    """
    Run in order they answer as printed, key by key, and an event posted to the inlet URL is found
    in the data set mapped to the six fields; also the one line that lacks its token.
    """
    async with control(strict=is_strict, enable_delay_s=0.0) as adobe:
        blanks = await _blanks(adobe)
        stranger = httpx.AsyncClient(
            transport=httpx.ASGITransport(adobe.app), base_url="http://adobe:8090"
        )

        async def send(curl: str) -> Any:
            response = await stranger.request(**parsed(curl))
            assert response.is_success, response.text
            return response.json()

        async with stranger:
            answer = await _run(blanks, "http://adobe:8090", send)
        records = await _arrived(adobe, answer, blanks[PRINTED_DATASET])
        assert records == [{"_extconndev": RECORD}]


async def test_the_line_without_a_token_is_refused_where_clients_are_configured():
    """The tutorial's request for a flow carries no Authorization: then refused as documented."""
    async with control(client_id="key", client_secret="secret") as adobe:
        blanks = await _blanks(adobe)
        lines = [step["curl"] for step in printed() if "Authorization" not in step["curl"]]
        assert len(lines) == 1
        request = parsed(filled(lines[0], "http://adobe:8090", blanks))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(adobe.app)) as stranger:
            response = await stranger.request(**request)
        assert response.status_code == 403
        assert response.json() == fixture_of("gateway_errors.json")[0]["body"]


@pytest.mark.sockets
@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
async def test_curl_itself_runs_the_tutorial():
    """The very lines, run by curl over a socket, answer as printed and end with the inlet."""
    settings = EmulatorSettings(enable_delay_s=0.0)
    with served(settings) as url:
        async with loopback.AsyncClient(base_url=url) as client:
            adobe = Control(client, None, ManualClock())
            await adobe.log_in()
            blanks = await _blanks(adobe)

            async def send(curl: str) -> Any:
                # The text is the tutorial's own; a shell reads it as its reader's would.
                done = await asyncio.to_thread(
                    subprocess.run, ["sh", "-c", curl], capture_output=True, check=True, timeout=30
                )
                return json.loads(done.stdout)

            answer = await _run(blanks, url, send)
            inlet_url = answer["items"][0]["options"]["inletUrl"]
            assert inlet_url.startswith(f"{url}/collection/")
            records = await _arrived(adobe, answer, blanks[PRINTED_DATASET])
            assert records == [{"_extconndev": RECORD}]


@pytest.mark.skipif("RELAY_TUTORIAL" not in os.environ, reason="RELAY_TUTORIAL names no file")
def test_the_data_is_what_the_tutorial_prints():
    """The kept requests are those of the tutorial's text that RELAY_TUTORIAL names."""
    assert extract(Path(os.environ["RELAY_TUTORIAL"]).read_text()) == printed()
