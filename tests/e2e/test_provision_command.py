"""``relay provision`` as a person runs it, against a local Adobe on a loopback socket."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import loopback
import pytest
from local_adobe import local_adobe
from typer.testing import CliRunner, Result

from relay.cli.app import build
from relay.config import load_config
from relay.emulator import EmulatorSettings
from relay.errors import RelayError

pytestmark = pytest.mark.sockets

CLIENT_ID = "client-id-4711"
SECRET = "client-secret-that-nobody-may-see"
KEY = "signing-key-that-nobody-may-see"
_SETTINGS = """\
# The settings of the test.
[adobe]
client_id = "env:ADOBE_ID"       # not here
client_secret = "env:ADOBE_SECRET"
org_id = "1234@AdobeOrg"
ims_url = "{url}"
platform_url = "{url}"
settling_time = "5m"
state_path = "{folder}/state"
[spool]
path = "{folder}/spool"

# The one route.
[routes.marketing]
signing_keys = ["env:CIO_KEY"]   # two at most
"""


@pytest.fixture
def adobe() -> Iterator[Any]:
    """A local Adobe on a loopback port, in a thread of its own: the emulator and its address."""
    settings = EmulatorSettings(client_id=CLIENT_ID, client_secret=SECRET, enable_delay_s=0.0)
    with local_adobe(settings) as served:
        yield served


class Command:
    """Runs ``relay provision`` and keeps everything that it ever printed."""

    def __init__(self, folder: Path, app: Any, url: str) -> None:
        self.folder = folder
        self.app = app
        self.settings = folder / "relay.toml"
        self.settings.write_text(_SETTINGS.format(url=url, folder=folder))
        self.printed = ""
        self.env = {"ADOBE_ID": CLIENT_ID, "ADOBE_SECRET": SECRET, "CIO_KEY": KEY}

    def __call__(self, *words: str, given: str | None = None) -> Result:
        """Run it; the result may have failed."""
        result = CliRunner().invoke(
            build(["provision"]),
            ["provision", *words, "--config", str(self.settings)],
            env=self.env,
            input=given,
        )
        self.printed += result.output + str(result.exception or "")
        return result

    def ok(self, *words: str, given: str | None = None) -> str:
        """Run it; what it printed on stdout."""
        result = self(*words, given=given)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.stdout

    def json(self, *words: str) -> Any:
        """Run it with ``--json``; the one object."""
        return json.loads(self.ok(*words, "--json"))

    def error(self, *words: str) -> RelayError:
        """Run it; the error that a person would read."""
        result = self(*words)
        assert isinstance(result.exception, RelayError), (result.output, result.exception)
        return result.exception

    def made(self, kind: str) -> dict[str, Any]:
        """Everything of *kind* at the local Adobe."""
        made: dict[str, Any] = self.app.store.sandbox("1234@AdobeOrg", "prod").of(kind)
        return made


@pytest.fixture
def command(tmp_path: Path, adobe: Any) -> Command:
    return Command(tmp_path, *adobe)


def test_the_whole_life(command: Command):
    """Plan, apply, again, status, disable, enable, destroy: each says what it did."""
    before = command.ok("plan")
    assert before.splitlines()[0] == "+ field group        there is none"
    assert len(before.splitlines()) == 7
    assert command.made("flows") == {}
    applied = command("apply")
    (flow_id,) = command.made("flows")
    assert applied.stdout.splitlines()[0] == f"flow {flow_id} is enabled"
    assert applied.stderr.splitlines()[-1] == "create flow: there is none"
    assert {line[0] for line in command.ok("plan").splitlines()} == {" "}
    assert not command.json("plan")["has_changes"]
    again = command("apply")
    assert again.stderr == ""
    lines = command.ok("status").splitlines()
    assert lines[-1].split() == ["flow", "enabled", flow_id]
    assert command.ok("disable") == f"flow {flow_id} is disabled\n"
    assert command.ok("disable") == f"flow {flow_id}: already_disabled\n"
    assert command.json("status")["resources"][-1]["state"] == "disabled"
    assert command.ok("enable").startswith(f"flow {flow_id} is enabled\nsend nothing before 20")
    assert command("destroy", given="n\n").exit_code == 1
    assert flow_id in command.made("flows")
    command.ok("destroy", "--only", "flow", given="y\n")
    assert flow_id not in command.made("flows")
    would = command.json("destroy", "--dry-run")["would_delete"]
    deleted = command.json("destroy", "--yes")["deleted"]
    assert deleted == would
    assert list(deleted) == ["source", "target", "mapping", "dataset", "schema", "field_group"]
    assert command.made("flows") == command.made("schemas") == {}
    assert not list((command.folder / "state").glob("*.json"))


def test_dry_runs_write_nothing(command: Command):
    """Every command that writes can be asked what it would do."""
    assert command.ok("apply", "--dry-run") == command.ok("plan")
    assert command.made("flows") == {}
    command.ok("apply")
    (flow_id,) = command.made("flows")
    assert command.ok("disable", "--dry-run") == f"would disable flow {flow_id} (enabled)\n"
    dry = command.json("disable", "--dry-run")
    assert dry == {"flow_id": flow_id, "was": "enabled", "would": "disable"}
    command.ok("update", "--dry-run")
    assert command.ok("destroy", "--dry-run").splitlines()[0] == f"- flow {flow_id}"
    assert command.made("flows")[flow_id]["state"] == "enabled"
    (command.folder / "state" / "marketing.json").unlink()
    command.ok("import", "--flow-id", flow_id, "--dry-run")
    assert not (command.folder / "state" / "marketing.json").exists()


def test_written_into_the_settings(command: Command):
    """The inlet goes into the settings file, every comment stays, and the relay can use it."""
    command.ok("apply", "--write")
    text = command.settings.read_text()
    assert text.startswith(_SETTINGS.split("ims_url", maxsplit=1)[0])
    assert "# The one route.\n" in text
    assert "# two at most\n" in text
    (flow_id,) = command.made("flows")
    (dataset_id,) = command.made("dataSets")
    inlet = tomllib.loads(text)["routes"]["marketing"]["inlet"]
    assert inlet["flow_id"] == flow_id
    assert inlet["dataset_id"] == dataset_id
    assert inlet["schema_id"] in {item["$id"] for item in command.made("schemas").values()}
    assert inlet["ims_org_id"] == "1234@AdobeOrg"
    moment = datetime.fromisoformat(inlet["not_before"])
    left = moment - datetime.now(UTC)
    assert timedelta(minutes=4) < left <= timedelta(minutes=5, seconds=1)
    config = load_config(str(command.settings), command.env)
    assert config.routes["marketing"].inlet.url == inlet["url"]
    command.ok("apply", "--write")
    assert (
        tomllib.loads(command.settings.read_text())["routes"]["marketing"]["inlet"]["url"]
        == (inlet["url"])
    )


def test_printed_section_is_ready(command: Command):
    """Without --write the section is printed, ready to be pasted."""
    out = command.ok("apply")
    section = tomllib.loads(out[out.index("[routes.") :])
    inlet = section["routes"]["marketing"]["inlet"]
    assert inlet["url"] in out.splitlines()[1]
    assert "not_before" in inlet


def test_settings_that_cannot_be_written(command: Command):
    """When the file cannot take the inlet, the error says what to put in by hand."""
    command.settings.write_text(
        command.settings.read_text().replace("[routes.marketing]", "[routes.other]")
    )
    command.env["RELAY_ROUTES__MARKETING__SIGNING_KEYS"] = "env:CIO_KEY"
    error = command.error("apply", "--route", "marketing", "--write")
    assert error.message == (
        f"the inlet is made, but could not be written to {command.settings}: "
        "no [routes.marketing] to write into"
    )
    assert "[routes.marketing.inlet]\nurl = " in error.hint


def test_update_needs_a_flow(command: Command):
    """Update changes what exists, and makes nothing."""
    assert (
        str(command.error("update")) == "there is no flow yet\nhint: run `relay provision apply`"
    )
    command.ok("apply")
    command.settings.write_text(
        command.settings.read_text() + '\n[routes.marketing.provision]\ndescription = "New"\n'
    )
    command.ok("update")
    (flow,) = command.made("flows").values()
    assert flow["description"] == "New (relay route marketing)"


def test_state_is_rebuilt(command: Command):
    """The local file can be deleted, and rebuilt from the flow's id or by looking."""
    command.ok("apply")
    (flow_id,) = command.made("flows")
    state = command.folder / "state" / "marketing.json"
    kept = json.loads(state.read_text())
    state.unlink()
    assert command.json("import", "--flow-id", flow_id) == kept
    assert json.loads(state.read_text()) == kept
    state.unlink()
    command.ok("apply")
    assert json.loads(state.read_text()) == kept
    state.write_text("[1,")
    error = command.error("status")
    assert error.message == f"{state} cannot be read: it is not what was written"
    assert error.hint == "delete it; everything is found again by name"


def test_exported_requests_make_the_same(command: Command):
    """The exported script, run by a shell with curl and jq, ends with a working inlet."""
    out = command.ok("export", "--curl").replace("sleep 10", "sleep 0")
    script = command.folder / "set-up.sh"
    script.write_text(out)
    url = tomllib.loads(command.settings.read_text())["adobe"]["ims_url"]
    form = {"client_id": CLIENT_ID, "client_secret": SECRET, "grant_type": "client_credentials"}
    token = loopback.post(f"{url}/ims/token/v3", data=form).json()["access_token"]
    done = subprocess.run(
        ["sh", str(script)],
        env={
            "PATH": os.environ["PATH"],
            "ACCESS_TOKEN": token,
            "API_KEY": CLIENT_ID,
            "ORG_ID": "1234@AdobeOrg",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().startswith(f"{url}/collection/")
    assert {line[0] for line in command.ok("plan").splitlines()} == {" "}


def test_accounts(command: Command):
    """Base connections are listed, changed with new credentials, and deleted."""
    made = _base_connection(command)
    (shown,) = command.json("account", "ls")["accounts"]
    assert (shown["id"], shown["name"]) == (made, "HTTP")
    assert made in command.ok("account", "ls")
    command.env["NEW_SECRET"] = SECRET
    words = ("account", "update", "--id", made, "--name", "Renamed")
    dry = command.ok(*words, "--credential", "sourceId=env:NEW_SECRET", "--dry-run")
    assert dry == f"would change /name, /auth/params of account {made}\n"
    dry = command.json(*words, "--dry-run")
    assert dry == {"id": made, "would_change": ["/name"]}
    etag = command.made("connections")[made]["etag"]
    command.ok(*words, "--credential", "sourceId=env:NEW_SECRET")
    item = command.made("connections")[made]
    assert (item["name"], item["auth"]["params"]["sourceId"]) == ("Renamed", SECRET)
    assert item["etag"] != etag
    assert command.error(*words).message == f"account {made} is that way already"
    error = command.error(*words, "--credential", f"sourceId={SECRET}")
    assert error.message == (
        "--credential sourceId: expected env:NAME or file:PATH, not the secret itself"
    )
    assert command("account", "delete", "--id", made, given="n\n").exit_code == 1
    command.ok("account", "delete", "--id", made, "--yes")
    assert command.made("connections") == {}


def _base_connection(command: Command) -> str:
    url = tomllib.loads(command.settings.read_text())["adobe"]["ims_url"]
    form = {"client_id": CLIENT_ID, "client_secret": SECRET, "grant_type": "client_credentials"}
    token = loopback.post(f"{url}/ims/token/v3", data=form).json()["access_token"]
    answer = loopback.post(
        f"{url}/data/foundation/flowservice/connections",
        headers={
            "authorization": f"Bearer {token}",
            "x-api-key": CLIENT_ID,
            "x-gw-ims-org-id": "1234@AdobeOrg",
            "x-sandbox-name": "prod",
        },
        json={
            "name": "HTTP",
            "connectionSpec": {"id": "bc7b00d6-623a-4dfc-9fdb-f1240aeadaeb", "version": "1.0"},
            "auth": {
                "specName": "Streaming Connection",
                "params": {"sourceId": "a", "dataType": "raw", "name": "HTTP"},
            },
        },
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_wrong_words(command: Command):
    """Usage errors end with 2 and say what was expected."""
    result = command("destroy", "--only", "flaw")
    assert result.exit_code == 2
    text = " ".join(result.stderr.replace("│", " ").split())
    assert "flaw; expected flow, source, target, mapping, dataset, schema, field_group" in text
    assert command("export").exit_code == 2
    assert command("account", "update", "--id", "x", "--credential", "secret").exit_code == 2
    for no_id in ("", ".", "../flows", "a b"):
        assert command("import", "--flow-id", no_id).exit_code == 2
        assert command("account", "delete", "--id", no_id, "--yes").exit_code == 2


def test_missing_credentials(command: Command):
    """What is missing is named, all of it."""
    command.settings.write_text("[routes.marketing]\nsigning_keys = ['env:CIO_KEY']\n")
    error = command.error("plan")
    assert error.message == ("the set-up needs adobe.client_id, adobe.client_secret, adobe.org_id")


def test_which_route(command: Command):
    """With several routes one must be named; a wrong name lists the right ones."""
    command.settings.write_text(
        command.settings.read_text()
        + "\n[routes.news]\npath = '/news'\nsigning_keys = ['env:CIO_KEY']\n"
    )
    error = command.error("plan")
    assert str(error) == "there are several routes\nhint: name one with --route: marketing, news"
    error = command.error("plan", "--route", "nwes")
    assert error.message == "there is no route 'nwes'"
    command.ok("plan", "--route", "news")
    command.settings.write_text(command.settings.read_text().split("# The one route.")[0])
    error = command.error("plan")
    assert str(error) == "the settings have no route\nhint: add one, e.g. [routes.marketing]"


def test_as_a_process(command: Command):
    """As a process an error is two lines on stderr and exit code 1, never a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "relay", "provision", "update", "--config", str(command.settings)],
        env={**os.environ, **command.env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "error: there is no flow yet\nhint: run `relay provision apply`\n"


def test_no_secret_anywhere(command: Command):
    """No client secret, client id, token or signing key is in any output or file."""
    made = _base_connection(command)
    command.env["NEW_SECRET"] = SECRET
    command.ok("plan")
    command.ok("apply", "--write", "--json")
    command.ok("apply")
    command.ok("status", "--json")
    command.ok("export", "--curl")
    command.ok("account", "update", "--id", made, "--credential", "sourceId=env:NEW_SECRET")
    command.json("account", "ls")
    command.ok("disable", "--json")
    command.ok("enable")
    command.ok("destroy", "--only", "flow", "--yes")
    command.env["ADOBE_SECRET"] = f"{SECRET}-wrong"
    command.error("apply")
    command.env["ADOBE_SECRET"] = SECRET
    command.ok("destroy", "--yes")
    texts = {"the output": command.printed}
    for path in command.folder.rglob("*"):
        if path.is_file():
            texts[path.name] = path.read_text()
    assert "relay.toml" in texts
    for place, text in texts.items():
        for secret in (SECRET, CLIENT_ID, KEY, "Bearer ey", "eyJ"):
            assert secret not in text, (place, secret)
