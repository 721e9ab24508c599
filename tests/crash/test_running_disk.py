"""A disk that is full or turns read-only under the running relay: refused, then as before."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import suppress

import httpx
import loopback
import pytest
from stack import KEY, Stack

from relay.customerio.signature import sign

pytestmark = [pytest.mark.crash, pytest.mark.sockets]

SMALL = ("-t", "tmpfs", "-o", "size=24m", "tmpfs")


def mount(*words: str) -> None:
    """Mount, or skip where this machine refuses."""
    try:
        subprocess.run(("mount", *words), check=True, capture_output=True, timeout=10)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs to mount a small tmpfs, which this machine refuses: {error}")


@pytest.fixture
def small(tmp_path):
    """A stack whose spool lives on 24 MiB, with segments that fit."""
    disk = tmp_path / "spool"
    disk.mkdir()
    mount(*SMALL, str(disk))
    stack = Stack(tmp_path, segment_bytes="2MiB")
    text = stack.config.read_text()
    stack.config.write_text(text.replace("[log]", 'reserve_bytes = "1MiB"\n[log]'))
    try:
        yield stack
    finally:
        stack.stop()
        subprocess.run(("umount", "-l", str(disk)), check=True, capture_output=True, timeout=10)


@pytest.fixture
def sender():
    """One kept connection, as the sender has."""
    with loopback.Client(timeout=10) as made:
        yield made


def post(sender: httpx.Client, stack: Stack, number: int) -> httpx.Response:
    """Post one signed event of 20 kB."""
    filler = "x" * 20_000
    body = f'{{"event_id": "01DISK00{number:010d}", "object_type": "email", "metric": "sent",'
    body += f'"timestamp": 1700000000, "data": {{"identifiers": {{"id": "4"}}, "x": "{filler}"}}}}'
    stamp = str(int(time.time()))
    return sender.post(
        f"http://127.0.0.1:{stack.port}/webhooks/customerio",
        content=body.encode(),
        headers={"x-cio-timestamp": stamp, "x-cio-signature": sign(KEY, stamp, body.encode())},
    )


def post_until_refused(sender: httpx.Client, stack: Stack) -> int:
    """Post until it is refused as the design says; how many were taken."""
    for number in range(5000):
        answer = post(sender, stack, number)
        if answer.status_code != 200:
            assert answer.status_code == 503, answer
            assert int(answer.headers["retry-after"]) >= 1
            return number
    raise AssertionError("5000 events of 20 kB fit into 24 MiB")


def check_all_arrived(stack: Stack, taken: int) -> None:
    """The first *taken* events were delivered once, and the books balance from disk."""
    account = stack.wait_settled()
    code, deep = stack.command("audit", "--deep")
    assert code == 0, deep
    assert account["delivered"] >= taken
    received = stack.received()
    assert {f"01DISK00{number:010d}" for number in range(taken)} <= received.keys()
    assert set(received.values()) == {1}


def test_a_full_disk_refuses_and_digs_itself_out(small, sender):
    """Full while the inlet is away: 503. The inlet takes them again: 200 without a restart."""
    small.start_emulator()
    small.faults({"kind": "status", "status": 503})
    small.start_relay()
    taken = post_until_refused(sender, small)
    assert taken > 100
    # The rest of the disk too, so that nothing but the reserve is left to settle with.
    fill(small)
    assert post(sender, small, taken).status_code == 503
    code, deep = small.command("audit", "--deep")
    assert code == 0, deep
    assert deep["accepted"] == deep["pending"] == taken
    small.faults()
    small.wait_for(lambda: post(sender, small, taken).status_code == 200, "a 200")
    check_all_arrived(small, taken + 1)


def fill(stack: Stack) -> None:
    """Write into the disk until nothing goes in."""
    path = stack.folder / "spool" / "filler"
    left = os.statvfs(path.parent)
    with suppress(OSError):
        path.write_bytes(b"x" * (left.f_bavail * left.f_frsize + 1))


def test_a_disk_that_turns_read_only_refuses_and_loses_nothing(small, sender):
    """Read-only under the relay: 503; writable again and restarted: everything is delivered."""
    small.start_emulator()
    small.faults({"kind": "status", "status": 503})
    small.start_relay()
    for number in range(20):
        assert post(sender, small, number).status_code == 200
    disk = str(small.folder / "spool")
    # Files open for writing make a remount busy; a read-only superblock is what a failing disk
    # leaves, so without it there is nothing to show here.
    done = subprocess.run(
        ("mount", "-o", "remount,ro", disk), capture_output=True, check=False, timeout=10
    )
    if done.returncode != 0:
        pytest.skip("this machine refuses to remount a file system in use read-only")
    assert post(sender, small, 20).status_code == 503
    subprocess.run(("mount", "-o", "remount,rw", disk), check=True, timeout=10)
    small.kill_relay()
    small.faults()
    small.start_relay()
    check_all_arrived(small, 20)
