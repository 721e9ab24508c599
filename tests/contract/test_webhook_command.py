"""``relay webhook`` against an emulated App API over a loopback socket."""

from __future__ import annotations

import asyncio
import io
import json
from contextlib import redirect_stderr, redirect_stdout

import pytest
from starlette.applications import Starlette

from relay.cli.app import main
from relay.customerio.events import EVENT_NAMES
from relay.emulator.app_api import ADDRESSES
from relay.emulator.customerio import CustomerIo, CustomerIoSettings
from relay.emulator.server import serving

pytestmark = pytest.mark.sockets

KEY = "app-api-key-1"
ENDPOINT = "https://relay.example.com/webhooks/customerio"


class Command:
    """Runs ``relay webhook`` against an emulated App API."""

    async def __call__(self, *words):
        """Run it in a thread, as it has a loop of its own; exit code, stdout, stderr."""
        out, err = io.StringIO(), io.StringIO()

        def run():
            with redirect_stdout(out), redirect_stderr(err):
                main(["webhook", *words])

        try:
            await asyncio.to_thread(run)
        except SystemExit as ended:
            code = ended.code
        assert KEY not in out.getvalue() + err.getvalue()
        return code, out.getvalue(), err.getvalue()

    async def json(self, *words):
        """Run it with ``--json``; the one object that it prints."""
        code, out, err = await self(*words, "--json")
        assert code == 0, err
        return json.loads(out)


@pytest.fixture
def customerio():
    return CustomerIo(CustomerIoSettings(api_key=KEY, requests_per_s=0))


@pytest.fixture
def workspace(customerio):
    return customerio.workspace


@pytest.fixture
async def command(customerio, monkeypatch):
    monkeypatch.setenv("CUSTOMERIO_APP_API_KEY", KEY)
    monkeypatch.setenv("RELAY_CUSTOMERIO__APP_API_KEY", "env:CUSTOMERIO_APP_API_KEY")
    async with serving(Starlette(routes=customerio.routes)) as url:
        monkeypatch.setenv("RELAY_CUSTOMERIO__API_URL", url)
        yield Command()


async def test_command_story(command, workspace):
    """Register makes it disabled, enable enables it, status lists it, disable disables it."""
    code, out, _ = await command("register", "--endpoint", ENDPOINT)
    assert code == 0
    assert "disabled" in out
    assert "signing key" in out
    assert "relay webhook enable --id 1" in out
    webhook = workspace.webhooks[1]
    assert (webhook.disabled, webhook.full_resolution, webhook.with_content) == (True, True, False)
    assert webhook.events == list(EVENT_NAMES)
    before = webhook.shown()
    assert await command.json("enable", "--id", "1") == before | {"disabled": False}
    assert await command.json("enable", "--id", "1") == before | {"disabled": False}
    assert await command.json("status") == {"webhooks": [before | {"disabled": False}]}
    assert await command.json("disable", "--id", "1") == before
    code, out, _ = await command("status")
    assert (code, "disabled" in out, ENDPOINT in out) == (0, True, True)
    assert webhook.signing_key not in out


async def test_command_update(command, workspace):
    """Update changes what is named, and nothing else."""
    before = await command.json(
        *("register", "--endpoint", ENDPOINT, "--name", "Ours", "--event", "email_sent"),
        *("--event", "sms_sent", "--body-content", "--no-full-resolution"),
    )
    assert before["events"] == ["email_sent", "sms_sent"]
    assert (before["with_content"], before["full_resolution"]) == (True, False)
    dry = await command.json("update", "--id", "1", "--event", "push_sent", "--dry-run")
    assert dry == before | {"events": ["push_sent"]}
    assert workspace.webhooks[1].shown() == before
    after = await command.json("update", "--id", "1", "--event", "push_sent", "--no-body-content")
    assert after == before | {"events": ["push_sent"], "with_content": False}


async def test_command_duplicate(command, workspace):
    """A second webhook for the same relay is refused, registered or moved there."""
    await command.json("register", "--endpoint", ENDPOINT)
    spellings = (ENDPOINT.replace("y.e", "Y.e"), ENDPOINT.replace(".com", ".com:443"))
    for same in (ENDPOINT, f"{ENDPOINT}/", f"{ENDPOINT}?tenant=a", *spellings):
        code, _, err = await command("register", "--endpoint", same)
        assert code == 1
        assert "webhook 1 sends to" in err
        assert "update --id 1" in err
    await command.json("register", "--endpoint", f"{ENDPOINT}/other")
    code, _, err = await command("update", "--id", "2", "--endpoint", ENDPOINT)
    assert (code, "webhook 1 sends to" in err) == (1, True)
    assert workspace.webhooks[2].endpoint == f"{ENDPOINT}/other"
    code, _, err = await command("update", "--id", "1", "--endpoint", f"{ENDPOINT}/")
    assert code == 0, err


async def test_command_without_an_id(command, workspace):
    """The only webhook needs no id; with none, or several, the command says what to do."""
    code, _, err = await command("enable")
    assert (code, "relay webhook register" in err) == (1, True)
    await command.json("register", "--endpoint", ENDPOINT)
    assert (await command.json("enable"))["disabled"] is False
    assert (await command.json("update", "--name", "Ours"))["name"] == "Ours"
    assert (await command.json("disable"))["disabled"] is True
    await command.json("register", "--endpoint", f"{ENDPOINT}/other")
    code, _, err = await command("enable")
    assert (code, "--id: 1, 2" in err) == (1, True)
    assert workspace.webhooks[1].disabled


async def test_command_dry(command, workspace):
    """``--dry-run`` writes nothing."""
    body = await command.json("register", "--endpoint", ENDPOINT, "--dry-run")
    assert (body["endpoint"], body["disabled"]) == (ENDPOINT, True)
    assert workspace.webhooks == {}
    await command.json("register", "--endpoint", ENDPOINT)
    assert (await command.json("enable", "--id", "1", "--dry-run"))["disabled"] is False
    assert workspace.webhooks[1].disabled


async def test_command_refused(command, workspace, monkeypatch):
    """What cannot be done is told in a sentence, with 1, or 2 when it was asked wrongly."""
    code, _, err = await command("enable", "--id", "7")
    assert (code, "404" in err, "hint:" in err) == (1, True, True)
    code, _, err = await command("register", "--endpoint", ENDPOINT, "--event", "email_liked")
    assert (code, "email_liked" in err) == (2, True)
    code, _, err = await command("update", "--id", "1")
    assert (code, "nothing to change" in err) == (2, True)
    for endpoint in ("relay.example.com/x", "https://[relay"):
        code, _, err = await command("register", "--endpoint", endpoint)
        assert (code, "400" in err) == (1, True)
    monkeypatch.delenv("RELAY_CUSTOMERIO__APP_API_KEY")
    code, _, err = await command("status")
    assert (code, "app_api_key" in err) == (1, True)
    assert "Traceback" not in err
    assert workspace.webhooks == {}


async def test_command_addresses(command):
    """The sender's addresses are listed, one a line."""
    assert await command.json("addresses") == {"addresses": list(ADDRESSES)}
    code, out, _ = await command("addresses")
    assert (code, out.split()) == (0, list(ADDRESSES))


async def test_command_empty(command):
    """A workspace without webhooks says so."""
    assert await command.json("status") == {"webhooks": []}
    code, out, _ = await command("status")
    assert (code, out) == (0, "no webhooks in this workspace\n")
