"""Each way in which a request may fail has its name, over real sockets."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess

import pytest
from forward_kit import CannedInlet, Reply, reply
from yarl import URL

from relay.clock import SystemClock
from relay.forward.answer import Failure
from relay.forward.wire import ANSWER_MAX_BYTES, Wire

pytestmark = pytest.mark.sockets

BODY = b'{"event_id":"e"}'


@pytest.fixture
async def inlet():
    made = CannedInlet()
    await made.start()
    yield made
    await made.stop()


def wire_to(url: str) -> Wire:
    return Wire(URL(url, encoded=True), connections=2, timeout_s=0.5, clock=SystemClock())


@pytest.fixture
async def wire(inlet):
    made = wire_to(inlet.url)
    yield made
    await made.close()


async def post(wire: Wire, url: str):
    return await wire.post(URL(url, encoded=True), {"content-type": "application/json"}, BODY)


async def post_once(url: str):
    wire = wire_to(url)
    answer = await post(wire, url)
    await wire.close()
    return answer


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (Reply(b"", then="reset"), Failure.RESET),
        (Reply(b"", then="close"), Failure.RESET),
        (Reply(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", then="close"), Failure.RESET),
        (Reply(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", then="reset"), Failure.RESET),
        (Reply(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", then="hang"), Failure.TIMEOUT),
        (Reply(b"", then="hang"), Failure.TIMEOUT),
        (Reply(b"SSH-2.0-x\r\n\r\n", then="close"), Failure.PROTOCOL),
        (Reply(b"HTTP/1.1 OK\r\n\r\n", then="close"), Failure.PROTOCOL),
        (Reply(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"), Failure.PROTOCOL),
        (Reply(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n"), Failure.TOO_LONG),
        (
            Reply(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (ANSWER_MAX_BYTES + 1), then="hang"),
            Failure.TOO_LONG,
        ),
    ],
    ids=str,
)
async def test_a_broken_answer_has_its_name(inlet, wire, answer: Reply, failure: Failure):
    """And the next request, on another connection, is answered."""
    inlet.script = lambda _: answer
    got = await post(wire, inlet.url)
    assert got.failure is failure
    assert got.status == 0
    inlet.script = lambda _: reply(200, {"xactionId": "1"})
    assert (await post(wire, inlet.url)).status == 200


async def test_nobody_listening_and_no_such_name():
    """A refused connection and a name that does not resolve are told apart, with the host."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        got = await post_once(f"http://me:secret@127.0.0.1:{port}/secret?secret")
        assert got.failure is Failure.CONNECT
        assert got.detail == f"127.0.0.1:{port}: Connection refused"
    got = await post_once("http://nobody.invalid/")
    assert got.failure is Failure.DNS
    assert got.detail.startswith("nobody.invalid: ")


@pytest.mark.parametrize(
    "words",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x15\x03\x03\x00\x02\x02\x28",  # a TLS alert: handshake failure
    ],
    ids=["plain text", "alert"],
)
async def test_a_refused_handshake_is_a_tls_failure(words: bytes):
    """What answers in plain text where TLS is spoken, or refuses it, is not an inlet."""

    async def end(reader, writer):
        await reader.read(100)
        writer.write(words)
        writer.close()

    server = await asyncio.start_server(end, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    got = await post_once(f"https://127.0.0.1:{port}/")
    assert got.failure is Failure.TLS
    server.close()
    await server.wait_closed()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl for a certificate")
async def test_a_certificate_that_nobody_signed_is_refused(tmp_path):
    """Certificates are verified: a self-signed one is a TLS failure, and nothing is sent."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    command += ["-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    received = []

    async def hear(reader, writer):
        received.append(await reader.read(100))
        writer.close()

    server = await asyncio.start_server(hear, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    got = await post_once(f"https://localhost:{port}/")
    assert got.failure is Failure.TLS
    assert got.detail == f"localhost:{port}: self-signed certificate"
    assert not any(received)
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("status", [101, 200, 204, 304, 307, 404, 418, 429, 500, 503, 599])
async def test_every_status_is_an_answer(inlet, wire, status: int):
    """Redirects are not followed, and no status raises."""
    inlet.script = lambda _: Reply(
        b"HTTP/1.1 %d X\r\ncontent-length: 0\r\nlocation: /elsewhere\r\n\r\n" % status,
        then="close",
    )
    got = await post(wire, inlet.url)
    assert (got.status, got.failure) == (status, None)
    assert len(inlet.requests) == 1


async def test_informational_answers_are_passed_over(inlet, wire):
    """A 100 or 103 before the answer is not the answer."""
    inlet.script = lambda _: Reply(
        b"HTTP/1.1 103 Early Hints\r\n\r\n" + reply(200, {"xactionId": "1"}).raw
    )
    assert (await post(wire, inlet.url)).status == 200


async def test_connections_are_kept_and_bounded(inlet, wire):
    """Twenty requests, two at a time, over two connections."""
    inlet.delay_s = 0.002
    inlet.script = lambda _: reply(200, {"xactionId": "1"}, ("retry-after", "7"))
    got = await asyncio.gather(*(post(wire, inlet.url) for _ in range(20)))
    assert {answer.retry_after_s for answer in got} == {7.0}
    assert inlet.most_in_flight == 2
    assert len(inlet.requests) == 20
    request = inlet.requests[0]
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept-encoding"] == "identity"


async def test_a_closed_wire_opens_again(inlet, wire):
    """Closing ends the connections; a later request opens new ones."""
    inlet.script = lambda _: reply(200, {"xactionId": "1"})
    await post(wire, inlet.url)
    await wire.close()
    assert (await post(wire, inlet.url)).status == 200


async def test_the_proxy_of_the_environment_is_used(inlet, monkeypatch):
    """HTTP_PROXY gets the request for another host, but not one that NO_PROXY names."""
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{inlet.port}")
    monkeypatch.setenv("no_proxy", "other.invalid")
    inlet.script = lambda _: reply(200, {"xactionId": "1"})
    assert (await post_once("http://inlet.invalid/collection/abc")).status == 200
    assert inlet.requests[0].target == "http://inlet.invalid/collection/abc"
    assert (await post_once("http://other.invalid/collection/abc")).failure is Failure.DNS


async def test_a_proxy_that_does_not_help_is_told_as_that(inlet, monkeypatch):
    """The detail names the proxy that cannot be reached, or its answer, and not its password."""
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]
        monkeypatch.setenv("http_proxy", f"http://me:secret@127.0.0.1:{port}")
        got = await post_once("http://inlet.invalid/collection/abc")
    assert got.failure is Failure.CONNECT
    assert got.detail == f"the proxy 127.0.0.1:{port}: Connection refused"
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{inlet.port}")
    inlet.script = lambda _: reply(407)
    got = await post_once("https://inlet.invalid/collection/abc")
    assert got.detail == "inlet.invalid: the proxy answered 407"
