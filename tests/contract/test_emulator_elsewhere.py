"""Faults of control plane, tokens and App API meet what their path says, and nothing else."""

from __future__ import annotations

import httpx
import pytest
from emulator_kit import adobe, event, fixture_of

FORM = {"client_id": "c", "client_secret": "s", "grant_type": "client_credentials"}
TOKEN = "/ims/token/v3"


async def test_only_the_path_that_is_named():
    """A fault with a path meets that path, no inlet, and no other path."""
    async with adobe() as local:
        await local.fault("status", status=503, path="/ims", retry_after=2)
        token = await local.client.post(TOKEN, data=FORM)
        other = await local.client.get("/v1/workspaces")
        inlet = await local.single(event())
        switches = await local.client.get("/__emulator__/faults")
    assert token.status_code == 503
    assert token.headers["retry-after"] == "2"
    assert token.json() == {"error_code": "503000", "message": "Service Unavailable"}
    assert other.status_code == 401
    assert inlet.status_code == 200
    assert switches.json()["faults"][0]["hits"] == 1


async def test_faults_without_path_are_the_inlets_alone():
    """A fault without a path meets inlets only."""
    async with adobe() as local:
        await local.fault("status", status=503)
        assert (await local.client.post(TOKEN, data=FORM)).status_code == 200
        assert (await local.single(event())).status_code == 503


async def test_only_the_method_that_is_named():
    """With a method only that one is met."""
    async with adobe() as local:
        await local.fault("status", status=599, path="/v1", method="POST", requests=1)
        assert (await local.client.get("/v1/workspaces")).status_code == 401
        assert (await local.client.post("/v1/reporting_webhooks")).status_code == 599
        assert (await local.client.post("/v1/reporting_webhooks")).status_code == 401


async def test_429_of_the_gateway():
    """A rate refusal is the documented one."""
    documented = next(
        case["body"]
        for case in fixture_of("gateway_errors.json")
        if case["body"].get("error_code") == "429050"
    )
    async with adobe() as local:
        await local.fault("status", status=429, path="/data")
        answer = await local.client.get("/data/foundation/flowservice/flows")
    assert answer.status_code == 429
    assert answer.json() == documented


@pytest.mark.parametrize(
    ("kind", "stored", "error"),
    [
        ("reset_before", None, httpx.ReadError),
        ("reset_after", False, httpx.ReadError),
        ("reset_after", True, httpx.ReadError),
        ("hang", False, httpx.ReadTimeout),
        ("hang", True, httpx.ReadTimeout),
    ],
)
async def test_no_answer(kind, stored, error):
    """A call without an answer was carried out if the fault stores, and not otherwise."""
    hook = {"name": "n", "endpoint": "http://127.0.0.1:9/x", "events": ["email_sent"]}
    headers = {"authorization": "Bearer key"}
    values = {} if stored is None else {"stored": stored}
    async with adobe() as local:
        await local.fault(kind, path="/v1", requests=1, **values)
        with pytest.raises(error):
            await local.client.post("/v1/reporting_webhooks", json=hook, headers=headers)
        found = (await local.client.get("/v1/reporting_webhooks", headers=headers)).json()
    assert len(found["reporting_webhooks"] or []) == bool(stored)


@pytest.mark.parametrize("stored", [False, True])
async def test_html_instead(stored):
    """A page of HTML comes instead of the answer, whether or not the call was carried out."""
    async with adobe() as local:
        await local.fault("not_json", path="/ims", status=502, stored=stored)
        answer = await local.client.post(TOKEN, data=FORM)
    assert answer.status_code == 502
    assert answer.headers["content-type"].startswith("text/html")


async def test_latency():
    """Latency waits, then the call is carried out."""
    waited = []

    async def sleep(seconds):
        waited.append(seconds)

    async with adobe(sleep=sleep) as local:
        await local.fault("latency", seconds_each=3, path="/ims")
        answer = await local.client.post(TOKEN, data=FORM)
    assert waited == [3]
    assert answer.status_code == 200


@pytest.mark.parametrize("kind", ["partial", "wrong_count", "wrong_org", "missing_header"])
async def test_kinds_of_inlets_have_no_path(kind):
    """What only an inlet can do is refused with a path, naming what is known there."""
    own = {"fraction": 0.5} if kind == "partial" else {}
    async with adobe() as local:
        answer = await local.client.post(
            "/__emulator__/faults", json={"kind": kind, "path": "/data", **own}
        )
    assert answer.status_code == 400
    assert "reset_before" in answer.json()["error"]
