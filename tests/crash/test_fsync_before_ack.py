"""A 2xx leaves the process only after the event's fdatasync came back: traced, not argued."""

from __future__ import annotations

import re
import shutil
import signal
import time

import httpx
import pytest
from stack import KEY, Stack

from relay.customerio.signature import sign

pytestmark = [pytest.mark.crash, pytest.mark.sockets]

SYSCALLS = "trace=fdatasync,fsync,pwrite64,pwritev,write,writev,sendto,sendmsg,openat,rename"


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace, which is not installed")
def test_sync_returns_before_the_answer_is_sent(stack: Stack):
    """Every `HTTP/1.1 200` in the trace follows the end of a sync after its frame's write."""
    trace = stack.folder / "trace"
    stack.start_relay("strace", "-f", "-tt", "-y", "-s", "80", "-e", SYSCALLS, "-o", str(trace))
    answers = 20
    with httpx.Client() as client:
        for number in range(answers):
            body = b'{"event_id":"trace-%03d","object_type":"email","metric":"sent"}' % number
            stamp = str(int(time.time()))
            headers = {"x-cio-timestamp": stamp, "x-cio-signature": sign(KEY, stamp, body)}
            answer = client.post(
                f"http://127.0.0.1:{stack.port}/webhooks/customerio", content=body, headers=headers
            )
            assert answer.status_code == 200
    stack.relay.send_signal(signal.SIGTERM)
    stack.relay.wait(40)
    check_order(trace.read_text(errors="replace").splitlines(), answers)


def check_order(lines: list[str], answers: int) -> None:
    """Walk the trace: write of the frame, end of fdatasync on the same file, then the answer."""
    written: set[str] = set()
    durable: set[str] = set()
    syncing: dict[str, set[str]] = {}
    answered = 0
    segment_dir_synced = False
    for line in lines:
        thread = line.split(None, 1)[0]
        if re.search(r"\bp?write(v|64)?\(|pwritev", line) and "/log/" in line:
            written |= set(re.findall(r"trace-\d+", line))
        if "fsync(" in line and "/spool" in line and ".seg" not in line:
            segment_dir_synced = True
        if "fdatasync(" in line and "unfinished" in line:
            syncing[thread] = set(written)
        elif "fdatasync resumed" in line:
            durable |= syncing.pop(thread, set())
        elif "fdatasync(" in line:
            durable |= written
        if "HTTP/1.1 200" in line and ("TCP" in line or "socket" in line):
            answered += 1
            assert len(durable) >= answered, f"answer {answered} before its fdatasync: {line}"
    assert answered >= answers, f"{answered} answers in the trace, {answers} sent"
    assert segment_dir_synced, "no fsync of a folder in the trace"
