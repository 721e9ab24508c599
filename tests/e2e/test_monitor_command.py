"""``relay monitor`` beside a running relay and after it: a set-up, events, what became of them."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import loopback
import pytest
from local_adobe import local_adobe
from stack import KEY, RELAY, Stack
from typer.testing import CliRunner, Result

from relay.cli.app import build
from relay.config import load_config
from relay.control import ControlClient
from relay.customerio.signature import sign
from relay.emulator import EmulatorSettings
from relay.metrics import Metrics
from relay.provision.exporter import export_runs, wants_export

pytestmark = pytest.mark.sockets

SECRET = "client-secret-that-nobody-may-see"


class Watched:
    """A relay whose set-up was made at a local Adobe, and the commands that look at it."""

    def __init__(self, folder: Path) -> None:
        self.stack = Stack(folder)
        self.stack.config.write_text(f"""
[server]
listen = "127.0.0.1:{self.stack.port}"
admin_listen = "127.0.0.1:{self.stack.admin}"
lame_duck = "0s"
[spool]
path = "{folder / "spool"}"
[adobe]
client_id = "env:ADOBE_ID"
client_secret = "env:ADOBE_SECRET"
org_id = "1234@AdobeOrg"
ims_url = "http://127.0.0.1:{self.stack.adobe}"
platform_url = "http://127.0.0.1:{self.stack.adobe}"
settling_time = "0s"
state_path = "{folder / "state"}"
monitor_interval = "50ms"
[routes.test]
signing_keys = ["env:TEST_SIGNING_KEY"]
on_invalid = "forward"
""")
        self.env = {"ADOBE_ID": "client-id-4711", "ADOBE_SECRET": SECRET, "TEST_SIGNING_KEY": KEY}

    def run(self, *words: str) -> Result:
        """Run one command; no secret may be in what it prints."""
        result = CliRunner().invoke(
            build(["provision", "monitor"]),
            [*words, "--config", str(self.stack.config)],
            env=self.env,
        )
        assert SECRET not in result.output
        return result

    def report(self, *words: str) -> Any:
        """The monitor's one object."""
        result = self.run("monitor", "--json", *words)
        assert result.exit_code in (0, 1), result.output
        return json.loads(result.stdout)

    def send(self, *events: dict[str, Any]) -> None:
        """Post *events* as Customer.io does, and wait until they are delivered."""
        before = self._delivered()
        for event in events:
            body, stamp = json.dumps(event).encode(), str(int(time.time()))
            answer = loopback.post(
                f"http://127.0.0.1:{self.stack.port}/webhooks/customerio",
                content=body,
                headers={"x-cio-timestamp": stamp, "x-cio-signature": sign(KEY, stamp, body)},
            )
            assert answer.status_code == 200
        deadline_s = time.monotonic() + 20
        while self._delivered() < before + len(events):
            assert time.monotonic() < deadline_s, self.stack.logs()
            time.sleep(0.05)

    def _delivered(self) -> int:
        client = ControlClient(self.stack.folder / "spool")
        hours = asyncio.run(client.call("delivered_by_hour", route="test"))["hours"]
        return sum(hours.values())


def _event(number: int, **members: Any) -> dict[str, Any]:
    return {
        "event_id": f"E{number}",
        "object_type": "email",
        "metric": "sent",
        "timestamp": int(time.time()),
        "data": {"identifiers": {"id": "4", "email": "a@example.com", "cio_id": "c"}},
        **members,
    }


@pytest.fixture
def set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """The set-up at Adobe, without a relay that runs."""
    made = Watched(tmp_path)
    for name, value in made.env.items():
        monkeypatch.setenv(name, value)
    with local_adobe(EmulatorSettings(), f"127.0.0.1:{made.stack.adobe}"):
        applied = made.run("provision", "apply", "--write")
        assert applied.exit_code == 0, applied.output
        yield made


@pytest.fixture
def watched(set_up: Watched) -> Iterator[Watched]:
    """The set-up, and its relay."""
    try:
        set_up.stack.start_relay()
        yield set_up
    finally:
        set_up.stack.stop()


def test_beside_a_relay_and_after_it(watched: Watched):
    """The monitor tells the same story beside a running relay and when it has ended."""
    assert watched.run("monitor").exit_code == 0
    watched.send(_event(1), _event(2))
    report = watched.report()
    assert (report["has_failures"], report["is_reconciled"]) == (False, True)
    assert sum(hour["delivered"] for hour in report["hours"]) == 2
    assert sum(run["received"] for run in report["runs"]) == 2
    broken = _event(3, object_type={"a": 1})
    watched.send(broken)
    shown = watched.run("monitor")
    assert shown.exit_code == 1
    assert "E3 (position 3)" in shown.stdout
    assert (
        "#/_extconndev/object_type1 expected type: String, found: JSONObject  "
        "[object_type → _extconndev.object_type1]"
    ) in shown.stdout
    assert json.dumps(broken, separators=(",", ":")) in shown.stdout
    beside = watched.report()
    watched.stack.kill_relay()
    after = watched.report()
    assert after["failed"] == beside["failed"]
    assert after["failed"][0]["event"] == broken
    assert after["hours"] == beside["hours"]


def test_files_are_kept(watched: Watched):
    """The failed batches' files are downloaded when asked for, for the owner's eyes only."""
    watched.send(_event(1, object_type=[]))
    folder = watched.stack.folder / "failed"
    report = watched.report("--save", str(folder))
    ((path,),) = [list(place.iterdir()) for place in folder.iterdir()]
    assert path.parent.name == report["batches"][0]["id"]
    (line,) = path.read_text().splitlines()
    assert json.loads(json.loads(line)["body"])["event_id"] == "E1"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    # Adobe keeps them for a month; one that is gone, and that --limit left unread, is told.
    watched.stack.faults({"kind": "status", "status": 404, "path": "/data/foundation/export"})
    words = ("--json", "--limit", "0", "--save", str(folder))
    result = watched.run("monitor", *words)
    assert json.loads(result.stdout)["batches"] == report["batches"]
    assert f"failed batch {path.parent.name} is not saved: Adobe refused" in result.stderr


def test_following_outlives_an_outage(set_up: Watched):
    """With --follow a look that fails for now is told, and the next one shows the runs."""
    set_up.stack.faults(
        {"kind": "status", "status": 503, "path": "/data/foundation/flowservice", "requests": 5}
    )
    words = ["monitor", "--json", "--follow", "--every", "100ms"]
    with subprocess.Popen(
        [*RELAY, *words, "--config", str(set_up.stack.config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            assert child.stdout is not None
            assert child.stderr is not None
            assert json.loads(child.stdout.readline())["runs"] == []
        finally:
            child.terminate()
        # A pause before another attempt at the same look is told too, where it happens to be long.
        (told,) = [line for line in child.stderr if "looking again" in line]
    assert told.startswith("Adobe refused to read the flow: 503")
    assert told.endswith("; looking again in 100ms\n")


def test_without_a_flow(set_up: Watched):
    """Without a flow, or with a duration nobody can read, the command says so."""
    assert set_up.run("provision", "destroy", "--yes").exit_code == 0
    result = set_up.run("monitor")
    assert str(result.exception) == "there is no flow yet\nhint: run `relay provision apply`"
    for option, text in (("--since", "yesterday"), ("--since", "-5h"), ("--every", "0s")):
        assert set_up.run("monitor", option, text).exit_code == 2


async def test_background_export(watched: Watched):
    """The relay's background task fills the gauges, and outlives an Adobe that is away."""
    config = load_config(str(watched.stack.config), os.environ)
    assert wants_export(config)
    metrics = Metrics()
    await asyncio.to_thread(watched.send, _event(1), _event(2, object_type=[]))
    desk = ControlClient(watched.stack.folder / "spool")
    task = asyncio.create_task(export_runs(config, "test", metrics, desk=desk))

    def value(name: str, **labels: str) -> float:
        return metrics.registry.get_sample_value(name, {"route": "test", **labels}) or 0.0

    async def until(is_so: Any) -> None:
        async with asyncio.timeout(30):
            while not is_so():
                assert not task.done()
                await asyncio.sleep(0.02)

    try:
        await until(lambda: value("relay_flow_run_records", count="received") == 2)
        assert value("relay_flow_failed_records") == 1
        assert value("relay_flow_failed_batches") == 1
        # Adobe forgets the flow: the task goes on and counts what it could not read.
        await asyncio.to_thread(watched.run, "provision", "destroy", "--yes")
        await until(lambda: value("relay_monitor_errors_total") >= 1)
        await asyncio.to_thread(watched.run, "provision", "apply")
        first = value("relay_monitor_success_seconds")
        await until(lambda: value("relay_monitor_success_seconds") > first)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
