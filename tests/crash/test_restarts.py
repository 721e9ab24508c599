"""A serial keep-alive sender through restarts of a real relay: nobody is refused or cut off."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from stack import KEY, Stack

from relay.customerio.signature import sign

pytestmark = [pytest.mark.sockets, pytest.mark.crash]

# Customer.io gives a call 4 s; a restart on this machine may take longer when it is loaded.
PATIENCE_S = 30.0
PAUSE_S = 0.002
PASS_FD_3 = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3, inheritable=True); "
    "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid())); "
    "os.execv(sys.executable, [sys.executable, '-m', 'relay', *sys.argv[2:]])"
)


@dataclass
class StrictSender:
    """
    One connection at a time, used until the answer says that it ends; every mishap is kept.

    A connection that ends while nothing was asked is no mishap: it is opened again. A mishap once
    *until* holds is the end of sending and is not kept.
    """

    port: int
    until: Callable[[], bool] = lambda: False
    statuses: Counter[int] = field(default_factory=Counter)
    mishaps: list[str] = field(default_factory=list)
    longest_s: float = 0.0
    connections: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)
    paused: threading.Event = field(default_factory=threading.Event)
    number: int = 0
    last_try_s: float = 0.0

    def run(self) -> None:
        """Send until `stopped`."""
        sock: socket.socket | None = None
        while not self.stopped.is_set():
            self.last_try_s = time.monotonic()
            try:
                sock = self._connect() if sock is None else sock
                is_last = self._exchange(sock)
            except (OSError, EOFError) as error:
                if self.until():
                    break
                self.mishaps.append(f"{type(error).__name__} at {self.number}")
                is_last = True
            self.longest_s = max(self.longest_s, time.monotonic() - self.last_try_s)
            if is_last and sock is not None:
                sock.close()
                sock = None
            time.sleep(PAUSE_S)
        if sock is not None:
            sock.close()

    def _connect(self) -> socket.socket:
        self.connections += 1
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def _exchange(self, sock: socket.socket) -> bool:
        """Post one event and read its answer; say whether the connection ends with it."""
        self.number += 1
        body = b'{"event_id":"restart-%d","object_type":"email","metric":"sent"}' % self.number
        stamp = str(int(time.time()))
        sock.sendall(
            b"POST /webhooks/customerio HTTP/1.1\r\nhost: t\r\ncontent-length: %d\r\n"
            b"x-cio-timestamp: %s\r\nx-cio-signature: %s\r\n\r\n%s"
            % (len(body), stamp.encode(), sign(KEY, stamp, body).encode(), body)
        )
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more(sock)
        head, _, rest = data.lower().partition(b"\r\n\r\n")
        length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        while len(rest) < length:
            rest += self._more(sock)
        self.statuses[int(head.split()[1])] += 1
        return b"connection: close" in head

    @staticmethod
    def _more(sock: socket.socket) -> bytes:
        data = sock.recv(65536)
        if not data:
            raise EOFError("the connection ended before the answer")
        return data


class Supervisor:
    """Holds the listening socket and passes it to each relay, as systemd does."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.sock = socket.socket()
        self.sock.bind(("127.0.0.1", stack.port))
        self.sock.listen(512)

    def start(self) -> None:
        """Start the next relay on the same socket; do not wait for it."""
        fd = self.sock.fileno()
        words = [sys.executable, "-c", PASS_FD_3, str(fd), "serve", "--config"]
        with (self.stack.folder / "relay.log").open("ab") as log:
            self.stack.relay = subprocess.Popen(
                [*words, str(self.stack.config)],
                stdout=log,
                stderr=log,
                env=self.stack.env,
                pass_fds=(fd,),
            )

    def end(self) -> None:
        """Stop the relay that runs, which must end well."""
        assert self.stack.relay is not None
        self.stack.relay.send_signal(signal.SIGTERM)
        assert self.stack.relay.wait(60) == 0, self.stack.logs()


def until_answered(sender: StrictSender, more: int, stack: Stack) -> None:
    """Wait until *sender* has *more* 200s than now."""
    wanted, deadline_s = sender.statuses[200] + more, time.monotonic() + 60
    while sender.statuses[200] < wanted:
        assert time.monotonic() < deadline_s, (sender, stack.logs())
        time.sleep(0.01)


def restarted(stack: Stack, times: int) -> StrictSender:
    """Restart the relay *times* times under a sender; give what it met."""
    supervisor = Supervisor(stack)
    sender = StrictSender(stack.port)
    thread = threading.Thread(target=sender.run)
    supervisor.start()
    thread.start()
    try:
        for _ in range(times):
            until_answered(sender, 20, stack)
            supervisor.end()
            supervisor.start()
        until_answered(sender, 20, stack)
    finally:
        sender.stopped.set()
        thread.join(PATIENCE_S + 5)
        stack.stop()
        supervisor.sock.close()
    print(
        f"restarts={times} answers={dict(sender.statuses)} connections={sender.connections} "
        f"longest_s={sender.longest_s:.2f} mishaps={sender.mishaps}"
    )
    return sender


def check(sender: StrictSender, stack: Stack) -> None:
    """Nothing was refused, reset or cut off; what was answered 200 is in the account."""
    assert sender.mishaps == []
    # 503 is the answer of a relay that has not opened its spool yet.
    assert set(sender.statuses) <= {200, 503}
    code, account = stack.command("audit", "--deep")
    assert code == 0
    assert account["accepted"] == sender.statuses[200]


@pytest.mark.timeout(300)
def test_three_restarts_with_an_inherited_socket(tmp_path):
    """A serial sender meets no refused or reset connection and no end of input."""
    stack = Stack(tmp_path, lame_duck="1s", drain_timeout="200ms")
    check(restarted(stack, 3), stack)


@pytest.mark.prove
@pytest.mark.timeout(1800)
def test_fifty_restarts_with_an_inherited_socket(tmp_path):
    """The same, fifty times in a row."""
    stack = Stack(tmp_path, lame_duck="1s", drain_timeout="200ms")
    check(restarted(stack, 50), stack)


def is_running(pid: int) -> bool:
    """Whether the child has not ended yet; it is not reaped."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


@pytest.mark.timeout(120)
def test_a_stop_without_an_inherited_socket(tmp_path):
    """
    Nobody is refused or cut off while the old process runs, not in its last milliseconds either.

    Nor on account of a connection that says nothing and keeps the process for seconds.
    """
    stack = Stack(tmp_path, lame_duck="1s", drain_timeout="1s")
    stack.start_relay()
    pid = stack.relay.pid
    senders = [StrictSender(stack.port, until=lambda: not is_running(pid)) for _ in range(4)]
    threads = [threading.Thread(target=sender.run) for sender in senders]
    for thread in threads:
        thread.start()
    try:
        for sender in senders:
            until_answered(sender, 20, stack)
        stack.relay.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        with socket.create_connection(("127.0.0.1", stack.port)):
            for thread in threads:
                thread.join(60)
        assert stack.relay.wait(60) == 0, stack.logs()
    finally:
        for sender in senders:
            sender.stopped.set()
        stack.stop()
    assert [sender.mishaps for sender in senders] == [[], [], [], []]
    assert {status for sender in senders for status in sender.statuses} == {200, 503}
    code, account = stack.command("audit", "--deep")
    assert code == 0
    assert account["accepted"] == sum(sender.statuses[200] for sender in senders)
