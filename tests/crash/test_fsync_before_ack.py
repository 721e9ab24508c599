"""A 2xx leaves the process only after the event's fdatasync came back: traced, not argued."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from pathlib import Path

import loopback
import pytest
from stack import KEY, Stack

from relay.customerio.signature import sign

pytestmark = [
    pytest.mark.crash,
    pytest.mark.sockets,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed"),
]

CALLS = "fdatasync,fsync,pwrite64,pwritev,write,writev,sendto,sendmsg,openat,rename,mkdir"
ANSWERS = 20
STARTED = re.compile(r"^(\d+)\s+\S+ (\w+)\((?:\d+<([^>]*)>)?(.*)$")
RESUMED = re.compile(r"^(\d+)\s+\S+ <\.\.\. (\w+) resumed>.*= 0$")
SEGMENT = re.compile(r"/log/\d{20}-\d{10}\.log$")


def test_sync_returns_before_the_answer_is_sent(stack: Stack):
    """Each `HTTP/1.1 200` in the trace follows the end of a sync after its own frame's write."""
    trace = stack.folder / "trace"
    # -D: strace is not our child, the relay is, and gets its signals itself.
    stack.start_relay(
        "strace", "-D", "-f", "-tt", "-y", "-s", "4096", "-e", f"trace={CALLS}", "-o", str(trace)
    )
    with loopback.Client() as client:
        for number in range(ANSWERS):
            body = b'{"event_id":"trace-%03d","object_type":"email","metric":"sent"}' % number
            stamp = str(int(time.time()))
            headers = {"x-cio-timestamp": stamp, "x-cio-signature": sign(KEY, stamp, body)}
            answer = client.post(
                f"http://127.0.0.1:{stack.port}/webhooks/customerio", content=body, headers=headers
            )
            assert answer.status_code == 200
    stack.relay.send_signal(signal.SIGTERM)
    stack.relay.wait(40)
    lines = wait_for_end(trace, stack.relay.pid)
    check_order(lines, Path(os.path.realpath(stack.folder / "spool")))


def wait_for_end(trace: Path, pid: int) -> list[str]:
    """Read the trace once the tracer has written the relay's end."""
    deadline_s = time.monotonic() + 20
    while time.monotonic() < deadline_s:
        lines = trace.read_text(errors="replace").splitlines()
        if any(line.startswith(f"{pid} ") and "+++ exited" in line for line in lines[-5:]):
            return lines
        time.sleep(0.1)
    raise AssertionError("the trace has no end")


def check_order(lines: list[str], spool: Path) -> None:
    """Walk the trace: frame written, its file's sync back, then, and only then, the answer."""
    written: set[str] = set()
    durable: set[str] = set()
    syncing: dict[str, set[str]] = {}
    synced_folders: set[str] = set()
    answered = 0
    for line in lines:
        if resumed := RESUMED.match(line):
            durable |= syncing.pop(resumed[1], set())
            continue
        if not (started := STARTED.match(line)):
            continue
        thread, call, path, rest = started[1], started[2], started[3] or "", started[4]
        if call == "pwrite64" and SEGMENT.search(path):
            written |= set(re.findall(r"trace-\d{3}", rest))
        elif call == "fdatasync" and SEGMENT.search(path):
            if rest.endswith("<unfinished ...>"):
                syncing[thread] = set(written)
            elif rest.endswith("= 0"):
                durable |= written
        elif call == "fsync":
            synced_folders.add(path)
        elif "HTTP/1.1 200" in rest and '{\\"status\\":\\"accepted\\"}' in rest:
            answered += 1
            # The sender waits for each answer, so the n-th answer is the n-th event's.
            assert f"trace-{answered - 1:03d}" in durable, f"before its sync: {line[:200]}"
    assert answered == ANSWERS
    # The folder is new: its own name, the log folder's and the first segment's must be durable.
    assert {str(spool.parent), str(spool), str(spool / "log")} <= synced_folders
