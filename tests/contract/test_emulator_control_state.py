"""The local Adobe's state file: kept across restarts and kills, never half written."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys

import loopback
import pytest
from control_kit import CATALOG, FLOW, REGISTRY, XED_ID, Control, control, fixture_of

from relay.clock import ManualClock
from relay.emulator import EmulatorSettings, create_app
from relay.errors import ConfigError

EVENT = fixture_of("customerio_sample_event.json")
KINDS = (
    f"{FLOW}/sourceConnections",
    f"{FLOW}/targetConnections",
    f"{CATALOG}/dataSets",
    "/data/foundation/conversion/mappingSets",
)


async def test_everything_is_there_again_after_a_restart(tmp_path):
    """What was made, received and counted reads the same; the same inlet takes the next event."""
    state = tmp_path / "adobe.json"
    clock = ManualClock()
    async with control(clock=clock, state_file=state) as adobe:
        flow = await adobe.made_flow()
        await adobe.send(flow, EVENT)
        before = [await adobe.ok("GET", path) for path in KINDS]
        await adobe.app.close()
    async with control(clock=clock, state_file=state) as adobe:
        assert [await adobe.ok("GET", path) for path in KINDS] == before
        assert await adobe.item("flows", flow["id"]) == flow
        await adobe.send(flow, EVENT)
        run = (await adobe.ok("GET", f"{FLOW}/runs"))["items"][0]
        assert run["metrics"]["recordSummary"]["outputRecordCount"] == 2


async def test_a_flow_that_was_waiting_goes_on_waiting(tmp_path):
    """A flow is enabled when its time has come, restart or not."""
    state, clock = tmp_path / "adobe.json", ManualClock()
    async with control(clock=clock, state_file=state, enable_delay_s=10.0) as adobe:
        made = await adobe.ok("POST", f"{FLOW}/flows", await adobe.flow_body())
    async with control(clock=clock, state_file=state, enable_delay_s=10.0) as adobe:
        assert (await adobe.item("flows", made["id"]))["state"] == "initializing"
        clock.advance(11)
        assert (await adobe.item("flows", made["id"]))["state"] == "enabled"


async def test_every_answered_change_is_on_disk(tmp_path):
    """A second reader of the file finds each change as soon as it was answered."""
    state = tmp_path / "adobe.json"
    async with control(state_file=state) as adobe:
        id_ = await adobe.source()
        kept = json.loads(state.read_bytes())["orgs"]
        made = next(iter(kept.values()))["sandboxes"]["prod"]["made"]
        assert list(made["sourceConnections"]) == [id_]
        await adobe.ok("DELETE", f"{FLOW}/sourceConnections/{id_}")
        assert id_ not in state.read_text()
        assert [path.name for path in tmp_path.iterdir() if "customerio" not in path.name] == [
            "adobe.json"
        ]
        assert state.stat().st_mode & 0o777 == 0o600


async def test_a_failed_write_leaves_the_old_state(tmp_path):
    """What could not be written whole does not replace what was there."""
    state = tmp_path / "adobe.json"
    async with control(state_file=state) as adobe:
        await adobe.source()
        old = state.read_bytes()
        (tmp_path / ".adobe.json.new").mkdir()
        with pytest.raises(OSError, match="directory"):
            await adobe.source("more")
        assert state.read_bytes() == old


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"version": 2, "orgs": {}}', b'{"version": 1, "orgs": {"a": 1}}'],
)
def test_a_file_that_is_no_state_is_refused(tmp_path, content):
    """A damaged or foreign file is reported by name and left alone."""
    state = tmp_path / "adobe.json"
    state.write_bytes(content)
    with pytest.raises(ConfigError, match=r"adobe\.json"):
        create_app(EmulatorSettings(state_file=state))
    assert state.read_bytes() == content


@pytest.mark.sockets
async def test_a_killed_emulator_comes_back_with_what_it_answered(tmp_path):
    """``relay emulate --state`` killed with no warning has every answered resource afterwards."""
    state = tmp_path / "adobe.json"
    async with _caller(state, signal.SIGKILL) as adobe:
        schema_id = await adobe.schema()
        ids = [await adobe.source(f"source {number}") for number in range(5)]
    async with _caller(state, signal.SIGTERM) as adobe:
        listed = await adobe.ok("GET", f"{FLOW}/sourceConnections")
        assert [item["id"] for item in listed["items"]] == ids
        accept = {"headers": {"accept": XED_ID}}
        found = await adobe.ok("GET", f"{REGISTRY}/tenant/schemas", **accept)
        assert found["results"][0]["$id"] == schema_id


@contextlib.asynccontextmanager
async def _caller(state, end: signal.Signals):
    """Run the command on a free port and call it; it is ended with *end*."""
    code = "from relay.cli.app import main; main()"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, "emulate"),
        *("--listen", "127.0.0.1:0", "--state", str(state)),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        url = next(word for word in line.split() if word.startswith("http"))
        async with loopback.AsyncClient(base_url=url) as client:
            adobe = Control(client, None, ManualClock())
            await adobe.log_in()
            yield adobe
    finally:
        process.send_signal(end)
        await process.communicate()
    assert process.returncode == (0 if end is signal.SIGTERM else -end)


def test_a_place_that_takes_no_state_is_told_at_the_start(tmp_path):
    """Where the state cannot be written, the emulator does not start, instead of losing it."""
    state = tmp_path / "missing" / "adobe.json"
    with pytest.raises(ConfigError) as caught:
        create_app(EmulatorSettings(state_file=state))
    assert caught.value.message == f"{state} cannot be written: No such file or directory"
