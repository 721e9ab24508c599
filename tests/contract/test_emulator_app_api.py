"""The emulated App API by its documented shapes, and our client against it."""

from __future__ import annotations

import json

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response

from relay.clock import ManualClock, SystemClock
from relay.customerio.app_api import HOSTS, AppApi
from relay.customerio.events import EVENT_NAMES
from relay.emulator.app_api import ADDRESSES, app_api_routes
from relay.emulator.customerio import CustomerIo, CustomerIoSettings
from relay.emulator.webhooks import Webhook, Workspace
from relay.errors import AdobeError, ConfigError

KEY = "app-api-key-1"
HOOKS = "/v1/reporting_webhooks"
BODY = {
    "name": "AEP relay",
    "endpoint": "http://127.0.0.1:9/webhooks/customerio",
    "events": ["email_sent", "email_opened"],
}
MEMBERS = {
    *("id", "name", "endpoint", "events", "type"),
    *("disabled", "full_resolution", "with_content"),
}


def app_of(workspace=None, **options):
    settings = {"clock": ManualClock(), "api_key": KEY, "requests_per_s": 0} | options
    return Starlette(routes=app_api_routes(workspace or Workspace(), **settings))


def client_of(app, key=KEY):
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://app-api",
        headers={"authorization": f"Bearer {key}"} if key else {},
    )


@pytest.fixture
async def client():
    async with client_of(app_of()) as made:
        yield made


# Documented shapes


async def test_life(client):
    """A webhook is created, read, listed, changed and deleted; its key is never shown."""
    assert (await client.get(HOOKS)).json() == {"reporting_webhooks": None}
    made = await client.post(HOOKS, json=BODY | {"disabled": True})
    assert made.status_code == 200
    webhook = made.json()
    assert webhook.keys() == MEMBERS
    assert webhook == BODY | {
        "id": 1,
        "type": "webhook",
        "disabled": True,
        "full_resolution": False,
        "with_content": False,
    }
    one = f"{HOOKS}/1"
    assert (await client.get(one)).json() == webhook
    assert (await client.get(HOOKS)).json() == {"reporting_webhooks": [webhook]}
    changed = await client.put(one, json=BODY | {"name": "Other", "with_content": True})
    assert changed.json() == webhook | {"name": "Other", "with_content": True, "disabled": False}
    gone = await client.delete(one)
    assert (gone.status_code, gone.content) == (200, b"")
    for method in ("GET", "PUT", "DELETE"):
        answer = await client.request(method, one, json=BODY)
        assert answer.status_code == 404
        assert answer.json() == {"errors": [{"detail": "webhook not found", "status": "404"}]}
    assert (await client.get(HOOKS)).json() == {"reporting_webhooks": None}


async def test_no_uniqueness(client):
    """Nothing keeps two webhooks from having one endpoint, so that clients must look."""
    ids = [(await client.post(HOOKS, json=BODY)).json()["id"] for _ in range(2)]
    assert len(set(ids)) == 2


async def test_every_name(client):
    """Every name of the enumeration is taken, and what only the specification names is not."""
    made = await client.post(HOOKS, json=BODY | {"events": list(EVENT_NAMES)})
    assert made.json()["events"] == list(EVENT_NAMES)
    refused = await client.post(HOOKS, json=BODY | {"events": ["slack_undeliverable"]})
    assert refused.status_code == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"name": None},
        {"name": " "},
        {"name": 7},
        {"endpoint": None},
        {"endpoint": "relay.example.com/x"},
        {"endpoint": "ftp://relay.example.com"},
        {"endpoint": ["http://127.0.0.1/"]},
        {"events": None},
        {"events": []},
        {"events": "email_sent"},
        {"events": ["email_sent", "email_liked"]},
        {"events": [{"email": "sent"}]},
        {"events": [["email_sent"]]},
        {"disabled": "yes"},
        {"full_resolution": 1},
        {"with_content": {}},
    ],
    ids=str,
)
async def test_malformed(client, changes):
    """A missing or wrong member is a 400 with a sentence, and changes nothing."""
    await client.post(HOOKS, json=BODY)
    before = (await client.get(HOOKS)).json()
    for method, path in (("POST", HOOKS), ("PUT", f"{HOOKS}/1")):
        answer = await client.request(method, path, json=BODY | changes)
        assert answer.status_code == 400
        (error,) = answer.json()["errors"]
        assert error["status"] == "400"
        assert next(iter(changes)) in error["detail"]
    assert (await client.get(HOOKS)).json() == before


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b'{"name":"\\ud800"}', b"[" * 5000]
)
async def test_no_json(client, content):
    """A body that is no JSON object is a 400."""
    assert (await client.post(HOOKS, content=content)).status_code == 400


async def test_too_large(client):
    """A body without end is not read."""
    answer = await client.post(HOOKS, content=b" " * 2_000_000)
    assert answer.status_code == 413


@pytest.mark.parametrize("id_", ["0", "2", "-1", "x", "1" * 5000, "%C2%B9", "1.0"])
async def test_no_such(client, id_):
    """What is no id of a webhook is a 404."""
    await client.post(HOOKS, json=BODY)
    assert (await client.get(f"{HOOKS}/{id_}")).status_code == 404


async def test_methods(client):
    """Another method is a 405 that names the allowed ones."""
    answer = await client.patch(f"{HOOKS}/1", json={})
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, PUT, DELETE"
    assert answer.json()["errors"][0]["status"] == "405"


async def test_partial_put():
    """A PUT with one member is refused by the documents, and merged by the lenient emulator."""
    for strict, status in ((True, 400), (False, 200)):
        async with client_of(app_of(strict=strict)) as client:
            await client.post(HOOKS, json=BODY | {"disabled": True, "with_content": True})
            answer = await client.put(f"{HOOKS}/1", json={"disabled": False})
            assert answer.status_code == status
            kept = (await client.get(f"{HOOKS}/1")).json()
            assert (kept["disabled"], kept["with_content"]) == (strict, True)


@pytest.mark.parametrize("value", [None, "", "Bearer", "Bearer wrong", f"Basic {KEY}", KEY])
async def test_unauthorized(value):
    """Without the key there is a 401, whatever is asked for."""
    async with client_of(app_of(), key="") as client:
        headers = {} if value is None else {"authorization": value}
        for path in (HOOKS, f"{HOOKS}/1", "/v1/workspaces", "/v1/info/ip_addresses"):
            answer = await client.get(path, headers=headers)
            assert answer.status_code == 401
            assert answer.json() == {"errors": [{"detail": "unauthorized", "status": "401"}]}


async def test_any_key():
    """Without a configured key any key will do."""
    async with client_of(app_of(api_key=""), key="whatever") as client:
        assert (await client.get("/v1/workspaces")).status_code == 200


async def test_limit():
    """The eleventh call of a second is a 429 with Retry-After; the next second is free again."""
    clock = ManualClock()
    async with client_of(app_of(clock=clock, requests_per_s=10)) as client:
        statuses = [(await client.get("/v1/workspaces")).status_code for _ in range(10)]
        assert statuses == [200] * 10
        refused = await client.get("/v1/workspaces")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert refused.json()["errors"][0]["status"] == "429"
        clock.advance(1)
        assert (await client.get("/v1/workspaces")).status_code == 200


async def test_others(client):
    """Workspaces and addresses have their documented shapes."""
    (workspace,) = (await client.get("/v1/workspaces")).json()["workspaces"]
    assert {"id", "name", "people"} <= workspace.keys()
    answer = (await client.get("/v1/info/ip_addresses")).json()
    assert answer == {"ip_addresses": list(ADDRESSES)}


async def test_kept():
    """A workspace comes back from what it kept, keys and next id included."""
    workspace, again = Workspace(), Workspace()
    first = workspace.create(BODY)
    workspace.delete(workspace.create(BODY))
    again.restore(json.loads(json.dumps(workspace.kept())))
    assert again.webhooks == {1: first}
    assert again.webhooks[1].signing_key == first.signing_key
    assert again.create(BODY).id == 3


async def test_listeners():
    """Whoever listens is told the id of every change, and not of what was refused."""
    workspace, told = Workspace(), []
    workspace.listeners.append(told.append)
    webhook = workspace.create(BODY)
    workspace.update(webhook, BODY)
    with pytest.raises(Exception, match="missing"):
        workspace.update(webhook, {})
    workspace.delete(webhook)
    assert told == [1, 1, 1]
    assert webhook.signing_key not in repr(webhook)


# Our client


def api_of(app, key=KEY):
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app))
    return AppApi(client, base_url="http://app-api/", api_key=key, clock=SystemClock())


async def test_client():
    """The client creates, changes by reading and writing all of it, lists and deletes."""
    workspace = Workspace()
    api = api_of(app_of(workspace))
    assert await api.webhooks() == []
    made = await api.create(BODY | {"disabled": True, "full_resolution": True})
    changed = await api.update(made["id"], {"disabled": False})
    assert changed == made | {"disabled": False}
    workspace.webhooks[9] = Webhook(9, "script", "http://127.0.0.1/", ["email_sent"], type="js")
    assert await api.webhooks() == [changed]
    assert await api.addresses() == list(ADDRESSES)
    await api.delete(made["id"])
    with pytest.raises(AdobeError) as caught:
        await api.webhook(made["id"])
    assert caught.value.status == 404
    assert "no such webhook" in caught.value.hint


async def test_client_key():
    """A wrong key is told as such, and not repeated."""
    with pytest.raises(AdobeError) as caught:
        await api_of(app_of(), key="wrong-key-2").webhooks()
    assert (caught.value.status, caught.value.fault) == (401, "credentials")
    assert not caught.value.is_temporary
    assert "wrong-key-2" not in str(caught.value)


async def test_client_limit():
    """A 429 is waited out as long as it asks, also for a creation."""
    workspace = Workspace()
    app = app_of(workspace, clock=SystemClock(), requests_per_s=1)
    api = api_of(app)
    await api.create(BODY)
    await api.create(BODY)
    assert len(workspace.webhooks) == 2


async def test_client_ambiguous():
    """A creation that may have been carried out is not repeated; a list that failed is."""
    workspace = Workspace()
    inner, failures = app_of(workspace), []

    async def flaky(scope, receive, send):
        if len(failures) < 1:
            failures.append(scope["method"])
            if scope["method"] == "POST":
                workspace.create(BODY)
            answer = PlainTextResponse("oops", 500, headers={"retry-after": "0"})
            await answer(scope, receive, send)
        else:
            await inner(scope, receive, send)

    api = api_of(flaky)
    with pytest.raises(AdobeError) as caught:
        await api.create(BODY)
    assert caught.value.is_ambiguous
    assert len(workspace.webhooks) == 1
    failures.clear()
    assert len(await api.webhooks()) == 1
    assert failures == ["GET"]


@pytest.mark.parametrize("content", [b"<html>", b"[]", b"7"])
async def test_client_other_answer(content):
    """An answer that is not the App API's is an error that says so."""
    with pytest.raises(AdobeError) as caught:
        await api_of(Response(content)).webhooks()
    assert "api_url" in caught.value.hint


def test_regions():
    """Each region has its host."""
    assert HOSTS == {"us": "https://api.customer.io", "eu": "https://api-eu.customer.io"}


# Kept


async def test_file(tmp_path):
    """Webhooks and keys outlive the process in a file that only its owner reads."""
    path = tmp_path / "customerio.json"
    one = CustomerIo(CustomerIoSettings(kept_in=path))
    webhook = one.workspace.create(BODY)
    one.workspace.update(webhook, BODY | {"name": "Other"})
    assert path.stat().st_mode & 0o777 == 0o600
    again = CustomerIo(CustomerIoSettings(kept_in=path))
    assert again.workspace.webhooks == {1: webhook}
    again.workspace.delete(again.workspace.webhooks[1])
    assert CustomerIo(CustomerIoSettings(kept_in=path)).workspace.webhooks == {}
    await one.close()
    await again.close()


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"7", b'{"next_id":1,"webhooks":[{}]}'])
def test_wrong_file(tmp_path, content):
    """A file that holds something else is refused and left as it is."""
    path = tmp_path / "customerio.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="does not hold"):
        CustomerIo(CustomerIoSettings(kept_in=path))
    assert path.read_bytes() == content
