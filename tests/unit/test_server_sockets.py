"""Listening sockets: bound with a sentence when that fails, or taken over from the environment."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys

import pytest

from relay.errors import ConfigError
from relay.server import bind, inherited_socket
from relay.server.sockets import address_of, hush

pytestmark = pytest.mark.sockets

TAKE_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
from relay.server import inherited_socket
environ = {"LISTEN_FDS": sys.argv[2], "LISTEN_FDNAMES": "x", "OTHER": "y"}
if sys.argv[3]:
    environ["LISTEN_PID"] = str(os.getpid()) if sys.argv[3] == "mine" else sys.argv[3]
try:
    sock = inherited_socket(environ)
    print(sock.getsockname()[1] if sock else None, os.get_inheritable(3), sorted(environ))
except Exception as error:
    print(type(error).__name__, error)
"""


def take_over(sock: socket.socket, count: str = "1", pid: str = "") -> str:
    """What a process says that was given *sock* as descriptor 3."""
    fd = sock.fileno()
    done = subprocess.run(
        [sys.executable, "-c", TAKE_OVER, str(fd), count, pid],
        pass_fds=(fd,),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "localhost:0", "[::1]:0"])
def test_a_bound_socket_listens(listen):
    """A name, IPv4 or IPv6: it listens at once, and its address can be said."""
    if "::1" in listen and not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    with bind(listen) as sock:
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
        port = sock.getsockname()[1]
        assert address_of(sock).endswith(f":{port}")
        socket.create_connection(sock.getsockname()[:2], timeout=5).close()


@pytest.mark.parametrize(
    "listen", ["", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "192.0.2.1:0"]
)
def test_an_address_that_is_none_is_said(listen):
    """A sentence that names the setting's value, not a traceback of the socket module."""
    with pytest.raises(ConfigError, match="cannot listen on"):
        bind(listen)


def test_a_taken_port_is_said():
    """Two listeners on one port: the second says so."""
    with bind("127.0.0.1:0") as sock, pytest.raises(ConfigError, match="already in use") as told:
        bind(address_of(sock))
    assert told.value.hint == "another process holds the port; stop it or choose another"


def test_an_address_of_another_machine_is_said():
    """The hint fits the mistake: nobody holds that port."""
    with pytest.raises(ConfigError, match="cannot assign requested address") as told:
        bind("192.0.2.1:80")
    assert "no interface of this machine has the address" in told.value.hint


@pytest.mark.parametrize("pid", ["", "mine"])
def test_an_inherited_socket_is_taken_over(pid):
    """Descriptor 3; the variables go, and no child inherits it."""
    with bind("127.0.0.1:0") as sock:
        port = sock.getsockname()[1]
        assert take_over(sock, pid=pid) == f"{port} False ['OTHER']"


def test_a_socket_for_somebody_else_is_left():
    """LISTEN_PID of another process: the socket is not ours."""
    with bind("127.0.0.1:0") as sock:
        assert take_over(sock, pid="1").startswith("None ")


def test_what_is_announced_but_unusable_is_said():
    """Two sockets, or one that does not listen: a sentence."""
    with bind("127.0.0.1:0") as sock, socket.socket() as mute:
        assert take_over(sock, "2").startswith("ConfigError LISTEN_FDS: expected 1")
        assert take_over(sock, "one").startswith("ConfigError LISTEN_FDS: expected 1")
        assert "does not listen" in take_over(mute)


def test_a_socket_that_is_not_tcp_is_said(tmp_path):
    """A Unix socket listens too, but Customer.io cannot reach it and we do not speak it."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "s"))
        sock.listen()
        assert "does not listen for TCP" in take_over(sock)


def test_none_is_announced():
    """LISTEN_FDS=0 is how a supervisor says that it passes nothing."""
    with bind("127.0.0.1:0") as sock:
        assert take_over(sock, "0", pid="mine").startswith("None ")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_hushed_socket_refuses_nobody(host):
    """Who is connected or waits is served; who comes later is neither taken nor refused."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with bind(f"[{host}]:0" if ":" in host else f"{host}:0") as sock:
        address = sock.getsockname()
        with (
            socket.create_connection(address[:2], timeout=5) as waiting,
            socket.socket(family) as late,
        ):
            assert hush(sock)
            late.setblocking(False)
            assert late.connect_ex(address[:2]) == errno.EINPROGRESS
            waiting.sendall(b"x")
            taken, _ = sock.accept()
            with taken:
                taken.setblocking(True)
                assert taken.recv(1) == b"x"
            # On loopback an answer, or a refusal, would be here by now.
            with pytest.raises(BlockingIOError):
                sock.accept()
            assert late.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


def test_without_the_variable_nothing_is_inherited():
    """An ordinary start binds its own socket."""
    assert inherited_socket({"LISTEN_PID": str(os.getpid())}) is None
