"""Commands on a spool, beside a running relay and without one: the same answers."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import loopback
import pytest
from stack import KEY, RELAY, Stack

from relay.cli.options import person
from relay.customerio.signature import sign

pytestmark = pytest.mark.sockets

GOOD = [
    {"event_id": f"good-{number}", "object_type": "email", "metric": "sent", "timestamp": 1}
    for number in range(5)
]
# The schema asks for digits in timestampx.
BAD = [
    {"event_id": f"bad-{number}", "object_type": "email", "metric": "sent", "timestamp": "soon"}
    for number in range(3)
]


@pytest.fixture(scope="module")
def eight(tmp_path_factory):
    """Five delivered events and three in quarantine; the relay has ended, the local Adobe not."""
    stack = Stack(tmp_path_factory.mktemp("eight"), drain_timeout="500ms")
    try:
        stack.start_emulator()
        stack.start_relay()
        url = f"http://127.0.0.1:{stack.port}/webhooks/customerio"
        with loopback.Client() as client:
            for event in (*GOOD, *BAD):
                body, stamp = json.dumps(event).encode(), str(int(time.time()))
                headers = {"x-cio-timestamp": stamp, "x-cio-signature": sign(KEY, stamp, body)}
                assert client.post(url, content=body, headers=headers).status_code == 200
        stack.wait_settled()
        stack.relay.terminate()
        assert stack.relay.wait(30) == 0
        yield stack
    finally:
        stack.stop()


@contextmanager
def copied(eight: Stack, folder: Path, *, goes_on: bool) -> Iterator[Stack]:
    """A copy of the spool for another relay at the same Adobe; it runs, or has ended."""
    stack = Stack(folder, drain_timeout="500ms", adobe=eight.adobe)
    shutil.copytree(eight.folder / "spool", folder / "spool")
    try:
        if goes_on:
            stack.start_relay()
        yield stack
    finally:
        stack.stop()


@pytest.fixture(params=["beside", "without"])
def spool(request, eight, tmp_path):
    """One to change."""
    with copied(eight, tmp_path, goes_on=request.param == "beside") as stack:
        yield stack


@pytest.fixture(scope="module", params=["beside", "without"])
def shown(request, eight, tmp_path_factory):
    """One to look at only."""
    folder = tmp_path_factory.mktemp("shown")
    with copied(eight, folder, goes_on=request.param == "beside") as stack:
        yield stack


def process(stack: Stack, *words: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command as a person does, in a process of its own."""
    return subprocess.run(
        [*RELAY, *words, "--config", str(stack.config)],
        capture_output=True,
        env=stack.env,
        timeout=60,
        check=False,
    )


def test_lists_are_filtered(shown):
    """Events ls and quarantine ls narrow by outcome, reason, id, position, time and limit."""

    def positions(*words: str) -> list[int]:
        code, found = shown.command(*words)
        assert code == 0
        return [event["position"] for event in found["events"]]

    assert positions("events", "ls") == [1, 2, 3, 4, 5, 6, 7, 8]
    assert positions("events", "ls", "--outcome", "delivered") == [1, 2, 3, 4, 5]
    assert positions("events", "ls", "--event-id", "good-3") == [4]
    assert positions("events", "ls", "--position", "7") == [7]
    assert positions("events", "ls", "--limit", "3") == [1, 2, 3]
    assert positions("events", "ls", "--limit", "8") == [1, 2, 3, 4, 5, 6, 7, 8]
    assert positions("events", "ls", "--since", "1h") == [1, 2, 3, 4, 5, 6, 7, 8]
    assert positions("events", "ls", "--until", "1h") == []
    assert positions("events", "ls", "--route", "other") == []
    assert positions("events", "ls", "--pending") == []
    assert positions("quarantine", "ls") == [6, 7, 8]
    assert positions("quarantine", "ls", "--reason", "schema_violation") == [6, 7, 8]
    assert positions("quarantine", "ls", "--reason", "not_json") == []
    assert positions("quarantine", "ls", "--event-id", "bad-1") == [7]


@pytest.mark.parametrize(
    ("noun", "limit", "more"),
    [("events", 7, True), ("events", 8, False), ("quarantine", 2, True), ("quarantine", 3, False)],
)
def test_a_list_that_is_cut_says_so(shown, noun, limit, more):
    """What --limit leaves out is told: on stderr for people, as ``more`` in the object."""
    found = shown.command(noun, "ls", "--limit", str(limit))[1]
    assert (len(found["events"]), found["more"]) == (limit, more)
    done = shown.said(noun, "ls", "--limit", str(limit))
    assert (done.returncode, f"there are more than {limit}:" in done.stderr.decode()) == (0, more)
    assert len(done.stdout.splitlines()) == limit + 1


def test_one_event_is_shown_with_its_bytes(shown):
    """Show tells reason, path and detail; --body prints exactly what was posted."""
    code, event_shown = shown.command("quarantine", "show", "--event-id", "bad-0")
    assert code == 0
    event = event_shown["event"]
    assert (event["reason"], event["stage"], event["attempt"]) == ("schema_violation", "schema", 1)
    assert event["path"] == "#/_extconndev/timestampx"
    assert "soon" not in event["detail"]
    assert "x-cio-signature" in dict(event_shown["headers"])
    body = process(shown, "events", "show", "--position", "6", "--body").stdout
    assert json.loads(body) == BAD[0]
    missing = shown.said("events", "show", "--event-id", "never-seen")
    assert missing.returncode == 1
    assert b"there is no such event" in missing.stderr


def test_replay_is_idempotent_and_keeps_the_account(spool):
    """A dry run changes nothing; a replay makes pending again, once; the books balance."""
    code, would = spool.command("quarantine", "replay", "--dry-run")
    assert (code, would["done"]) == (0, 3)
    assert spool.command("audit")[1]["quarantined"] == 3
    code, done = spool.command("quarantine", "replay", "--event-id", "bad-0", "--rate", "50")
    assert (code, done["done"]) == (0, 1)
    code, account = spool.command("audit", "--deep")
    assert code == 0
    assert account["accepted"] == 8
    assert account["quarantined"] + account["pending"] == 3
    again = spool.command("events", "ls", "--position", "6")[1]["events"][0]
    assert again["attempt"] == 2


def test_a_delivered_event_can_be_sent_again(spool):
    """Events replay takes one from delivered until it settles again; nothing new is accepted."""
    before = spool.received()["good-0"]
    code, done = spool.command("events", "replay", "--event-id", "good-0")
    assert (code, done["done"]) == (0, 1)
    if spool.relay is not None:
        account = spool.wait_settled()
        assert account["delivered"] == 5
        assert spool.received()["good-0"] == before + 1
    else:
        account = spool.command("audit")[1]
        assert (account["delivered"], account["pending"]) == (4, 1)
    assert account["accepted"] == 8


def test_drop_discards_for_good(spool):
    """Drop needs to be told what; it moves the event to discarded and says so twice as success."""
    assert spool.said("quarantine", "drop").returncode == 2
    code, done = spool.command("quarantine", "drop", "--event-id", "bad-2")
    assert (code, done["done"]) == (0, 1)
    code, account = spool.command("audit", "--deep")
    assert code == 0
    assert (account["quarantined"], account["discarded"]) == (2, 1)
    code, again = spool.command("quarantine", "drop", "--event-id", "bad-2")
    assert (code, again["done"], again["already"]) == (0, 0, 1)


def test_replay_and_drop_take_any_filter(spool):
    """Outcome, route, time and limit name events as an id does; nothing named is refused."""
    assert spool.said("events", "replay").returncode == 2
    assert spool.command("events", "replay", "--until", "1h")[1]["done"] == 0
    assert spool.command("events", "replay", "--limit", "2", "--dry-run")[1]["positions"] == [1, 2]
    assert spool.command("quarantine", "drop", "--until", "1h")[1]["done"] == 0
    assert spool.command("quarantine", "drop", "--limit", "1")[1]["positions"] == [6]
    again = ("events", "replay", "--dry-run")
    assert spool.command(*again, "--route", "test")[1]["positions"] == [1, 2, 3, 4, 5]
    assert spool.command(*again, "--outcome", "discarded")[1]["positions"] == [6]
    assert spool.command(*again, "--reason", "schema_violation")[1]["positions"] == [7, 8]


@pytest.mark.parametrize(
    "verb", [("events", "replay"), ("quarantine", "replay"), ("quarantine", "drop")]
)
def test_what_never_came_cannot_be_changed(shown, verb):
    """A position or an id that names no event is refused with a sentence and exit code 1."""
    for name, said in (
        (("--position", "99"), b"at position 99"),
        (("--event-id", "x"), b"this id"),
    ):
        for words in ((), ("--dry-run",), ("--json",)):
            done = shown.said(*verb, *name, *words)
            assert (done.returncode, done.stdout) == (1, b"")
            assert b"error: there is no event " in done.stderr
            assert said in done.stderr


def test_an_event_elsewhere_is_left_alone(shown):
    """A delivered event named for the quarantine is not touched; where it is, stderr says."""
    for verb in ("replay", "drop"):
        done = shown.said("quarantine", verb, "--position", "1")
        assert (done.returncode, done.stdout[:2]) == (0, b"0 ")
        assert done.stderr == b"position 1 is delivered\n"


def test_the_trail_tells_what_people_did(spool):
    """Audit --trail lists replays and drops, newest first, with who, when and which."""
    assert spool.command("audit", "--trail") == (0, {"trail": [], "more": False})
    spool.command("quarantine", "drop", "--event-id", "bad-2")
    spool.command("quarantine", "drop", "--event-id", "bad-2")
    spool.command("events", "replay", "--limit", "2", "--dry-run")
    spool.command("events", "replay", "--until", "0s", "--limit", "2")
    code, told = spool.command("audit", "--trail")
    assert (code, told["more"]) == (0, False)
    deeds = [(deed["what"], deed["entries"], deed["positions"]) for deed in told["trail"]]
    assert deeds == [("replay", 2, "1-2"), ("drop", 1, "8")]
    assert {deed["who"] for deed in told["trail"]} == {person()}
    assert told["trail"][0]["at_s"] >= told["trail"][1]["at_s"] > 0
    cut = spool.said("audit", "--trail", "--limit", "1")
    assert cut.returncode == 0
    head, line = cut.stdout.decode().splitlines()
    assert head.split() == ["when", "who", "what", "events", "positions"]
    assert line.split()[-3:] == ["replay", "2", "1-2"]
    assert "there are more than 1:" in cut.stderr.decode()
    assert spool.command("audit", "--trail", "--limit", "1")[1]["more"]


@pytest.mark.parametrize("words", [("--trail", "--deep"), ("--limit", "3"), ("--limit", "0")])
def test_the_trail_is_asked_for_by_itself(shown, words):
    """The trail is no part of the account: together with --deep it is refused, as is its limit."""
    done = shown.said("audit", *words)
    assert (done.returncode, done.stdout) == (2, b"")


def test_commands_at_once_wait_for_each_other(eight, tmp_path, monkeypatch):
    """Without a relay, and beside the socket of one that was killed, each has its turn."""
    with copied(eight, tmp_path, goes_on=False) as stack:
        with socket.socket(socket.AF_UNIX) as left, monkeypatch.context() as patch:
            # The whole path may be longer than an address.
            patch.chdir(stack.folder / "spool")
            left.bind("control")
        words = [*RELAY, "events", "ls", "--json", "--config", str(stack.config)]
        first = process(stack, "audit", "--trail")
        assert first.returncode == 0
        several = [
            subprocess.Popen(words, env=stack.env, stdout=subprocess.PIPE) for _ in range(3)
        ]
        for one in several:
            said, _ = one.communicate(timeout=60)
            assert one.returncode == 0
            assert len(json.loads(said)["events"]) == 8


def test_what_a_command_mends_is_told(eight, tmp_path):
    """A command that makes a lost state anew says so on stderr; stdout has the answer only."""
    with copied(eight, tmp_path, goes_on=False) as stack:
        for path in (tmp_path / "spool").glob("state.db*"):
            path.unlink()
        done = process(stack, "events", "ls", "--pending", "--json")
        assert done.returncode == 0
        assert len(json.loads(done.stdout)["events"]) == 8
        assert b"state.db is missing" in done.stderr
        assert b"pending again" in done.stderr


def test_a_lost_event_has_no_time(eight, tmp_path):
    """An event that damage took is listed and shown without a time nobody knows."""
    with copied(eight, tmp_path, goes_on=False) as stack:
        (segment,) = (tmp_path / "spool" / "log").glob("*.log")
        for path in (tmp_path / "spool").glob("state.db*"):
            path.unlink()
        segment.write_bytes(segment.read_bytes().replace(b"good-1", b"good-x"))
        # The first command mends, and logs it where a process logs.
        listed = process(stack, "events", "ls", "--outcome", "lost").stdout.decode()
        assert "frame_damaged" in listed
        assert "1970" not in listed
        shown = stack.said("events", "show", "--position", "2")
        assert shown.returncode == 0
        assert "1970" not in shown.stdout.decode()


def test_tables_are_for_people(shown):
    """Without --json a table names reason and place, and the audit closes with a sentence."""
    listed = shown.said("quarantine", "ls").stdout.decode()
    assert "schema_violation" in listed
    assert "bad-1" in listed
    assert listed.count("#/_extconndev/timestampx") == 3
    assert shown.said("audit").stdout.decode().endswith("it adds up\n")
    assert shown.said("events", "ls", "--since", "yesterday").returncode == 2


def test_no_spool_is_said(tmp_path):
    """A command where no spool is says so, and exits 1."""
    stack = Stack(tmp_path)
    for words in (
        ("events", "ls"),
        ("quarantine", "ls"),
        ("audit",),
        ("audit", "--trail"),
        ("drain",),
    ):
        done = stack.said(*words)
        assert done.returncode == 1
        assert b"error: " in done.stderr
        assert b"hint: " in done.stderr
        assert b"Traceback" not in done.stderr
