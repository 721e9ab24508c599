"""What the listener puts up with on a connection, over raw loopback sockets."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest
import uvloop
from ingress_kit import MIB, head, public_at, request, until

from relay.server import guard, listener
from relay.server.guard import MAX_QUEUED

pytestmark = pytest.mark.sockets

BODY = b'{"event_id":"e1","object_type":"email","metric":"sent"}'


async def test_slow_headers_are_answered_408(tmp_path):
    """A head that does not end in time: 408 and the end."""
    async with public_at(tmp_path, header_timeout="600ms") as public:
        peer = await public.connect()
        await peer.send(b"POST / HTTP/1.1\r\nhost: t")
        assert (await peer.answer()).status == 408
        assert await peer.end() == b""
        assert public.refused == [408]


async def test_a_silent_connection_is_closed(tmp_path):
    """Whoever never sends a byte is let go without one."""
    async with public_at(tmp_path, header_timeout="300ms") as public:
        peer = await public.connect()
        assert await peer.end() == b""


def test_a_first_request_in_the_last_moment_is_answered(tmp_path):
    """What came while the loop was held is seen before the connection is closed."""

    async def late() -> bytes:
        loop = asyncio.get_running_loop()
        reading, writing = socket.socketpair()
        async with public_at(tmp_path, header_timeout="300ms") as public:
            host, _, port = public.listener.address.rpartition(":")
            with socket.create_connection((host, int(port))) as peer, reading, writing:
                await until(lambda: public.listener.stats().connections)

                def hold() -> None:
                    loop.remove_reader(reading)
                    peer.sendall(request(BODY))
                    time.sleep(0.6)

                # In this loop timers come between two rounds of reading.
                loop.add_reader(reading, hold)
                writing.send(b"x")
                return await asyncio.to_thread(peer.recv, len(b"HTTP/1.1 200"))

    assert uvloop.run(late()) == b"HTTP/1.1 200"


async def test_an_idle_connection_is_closed(tmp_path):
    """After its keep-alive time a connection ends."""
    async with public_at(tmp_path, keep_alive="300ms") as public:
        peer = await public.connect()
        assert (await peer.ask(request(BODY))).status == 200
        assert await peer.end() == b""


@pytest.mark.parametrize("has_end", [True, False])
async def test_too_many_header_bytes_are_answered_431(tmp_path, has_end):
    """Over 32 KiB of headers: 431 and the end, also when they never end."""
    async with public_at(tmp_path) as public:
        peer = await public.connect()
        await peer.send(b"POST / HTTP/1.1\r\nx-long: " + b"x" * 40_000)
        if has_end:
            await peer.send(b"\r\n\r\n")
        assert (await peer.answer()).status == 431
        peer.writer.write_eof()
        assert await peer.end() == b""
        assert public.refused == [431]


async def test_just_under_the_header_cap_is_taken(tmp_path):
    """The cap holds for what is over it only."""
    async with public_at(tmp_path) as public:
        assert (await public.ask(request(BODY, ("x-long", "x" * 32_000)))).status == 200


async def test_pipelined_requests_are_answered_in_order(tmp_path):
    """Several requests in one write: one answer each, in their order."""
    async with public_at(tmp_path) as public:
        peer = await public.connect()
        await peer.send(
            request(BODY) + request(BODY, target="/elsewhere") + head(None, [], method="GET") * 2
        )
        statuses = [(await peer.answer()).status for _ in range(4)]
        assert statuses == [200, 404, 405, 405]


@pytest.mark.parametrize(
    "wish",
    [b"", b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\n"],
    ids=["plain", "with a wish for another protocol"],
)
async def test_so_many_pipelined_requests_wait(tmp_path, wish):
    """The rest is not taken: the last answer says that it ends, and nothing is called wrong."""
    async with public_at(tmp_path) as public:
        peer = await public.connect()
        await peer.send(b"GET /elsewhere HTTP/1.1\r\n%s\r\n" % wish * 2000)
        answers = [await peer.answer() for _ in range(MAX_QUEUED + 1)]
        assert {got.status for got in answers} == {404}
        assert ["connection" in got.headers for got in answers[-2:]] == [False, True]
        assert await peer.end() == b""
        assert public.refused == []


async def test_a_sender_that_takes_no_answers_is_let_go(tmp_path, monkeypatch):
    """What waits for it is not kept for ever, and its place is free again."""
    monkeypatch.setattr(guard, "UNREAD_S", 0.3)
    async with public_at(tmp_path, app=_long_answer) as public:
        peer = await public.connect()
        peer.reader._transport.pause_reading()
        await peer.send(head(None, [], method="GET"))
        await until(lambda: public.listener.stats().requests_in_flight)
        await until(lambda: not public.listener.stats().connections)


async def _long_answer(scope, receive, send):
    """More than the buffers between here and the sender hold."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(64):
        await send({"type": "http.response.body", "body": bytes(MIB), "more_body": True})
    await send({"type": "http.response.body"})


@pytest.mark.parametrize(
    "rubbish",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"HELLO\r\n\r\n",
        b"POST / HTTP/1.1\r\nbad header\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        b"CONNECT host:1 HTTP/1.1\r\n\r\n",
    ],
    ids=["tls", "hello", "header", "length", "both lengths", "connect"],
)
async def test_rubbish_is_answered_400(tmp_path, rubbish):
    """What is not HTTP gets 400 and the end."""
    async with public_at(tmp_path) as public:
        peer = await public.connect()
        got = await peer.ask(rubbish)
        assert (got.status, got.headers["connection"]) == (400, "close")
        peer.writer.write_eof()
        assert await peer.end() == b""
        assert public.refused == [400]


async def test_rubbish_behind_a_request_waits_its_turn(tmp_path):
    """The request before it is stored and answered first."""
    async with public_at(tmp_path) as public:
        peer = await public.connect()
        await peer.send(request(BODY) + b"\x00\x01\x02\r\n\r\n")
        assert (await peer.answer()).status == 200
        assert (await peer.answer()).status == 400


async def test_a_wish_for_another_protocol_is_ignored(tmp_path):
    """A delivery that offers HTTP/2 is taken as HTTP/1.1."""
    async with public_at(tmp_path) as public:
        wish = (("connection", "upgrade, http2-settings"), ("upgrade", "h2c"))
        assert (await public.ask(request(BODY, *wish))).status == 200
        envelope = await public.spool.body(1)
        assert envelope is not None
        assert envelope.body == BODY


async def test_an_ignored_wish_changes_nothing_else(tmp_path):
    """Whoever also wants its connection closed, or speaks HTTP/1.0, sees the end of it."""
    async with public_at(tmp_path) as public:
        for old, new, wish in (
            (b"1.1", b"1.1", "close, upgrade"),
            (b"HTTP/1.1", b"HTTP/1.0", "upgrade"),
        ):
            peer = await public.connect()
            data = request(BODY, ("connection", wish), ("upgrade", "h2c"))
            got = await peer.ask(data.replace(old, new, 1))
            assert (got.status, got.headers["connection"]) == (200, "close")
            assert await peer.end() == b""


async def test_a_sender_that_half_closes_is_answered(tmp_path):
    """The end of its input after a whole request is not the end of the connection."""
    async with public_at(tmp_path) as public:
        peer = await public.connect()
        peer.writer.write(request(BODY))
        peer.writer.write_eof()
        assert (await peer.answer()).status == 200
        assert await peer.end() == b""


async def test_http_1_0_is_answered_and_closed(tmp_path):
    """An old client gets its answer alone, for it knows no other, and the connection's end."""
    async with public_at(tmp_path) as public:
        peer = await public.connect()
        asking = request(BODY, ("expect", "100-continue"))
        await peer.send(asking.replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert (await peer.answer()).status == 200
        assert await peer.end() == b""


async def test_an_exception_of_ours_is_answered_503(tmp_path):
    """503 with Retry-After, never 500, whatever the application fails in."""

    async def broken(scope, receive, send):
        raise ValueError("a person's data")

    async with public_at(tmp_path, app=broken) as public:
        got = await public.ask(request(BODY))
        assert (got.status, got.headers["retry-after"]) == (503, "5")
        assert b"person" not in got.body


async def test_connections_over_the_cap_wait(tmp_path):
    """They are neither refused nor closed: they are served when there is room."""
    async with public_at(tmp_path, max_connections=2) as public:
        first, second = await public.connect(), await public.connect()
        assert (await first.ask(request(BODY))).status == 200
        assert (await second.ask(request(BODY))).status == 200
        third = await public.connect()
        await third.send(request(BODY))
        assert (await second.ask(request(BODY))).status == 200
        assert public.accepted == 3
        stats = public.listener.stats()
        assert (stats.state, stats.connections) == ("full", 2)
        first.writer.close()
        assert (await third.answer()).status == 200


async def test_who_waits_gets_the_place_of_the_longest_idle(tmp_path, monkeypatch):
    """Strangers who say nothing more keep nobody away; one leaves for one, and none at work."""
    monkeypatch.setattr(listener, "_IDLE_S", 0.1)
    async with public_at(tmp_path, max_connections=3) as public:
        busy, idle, fresher = [await public.connect() for _ in range(3)]
        await busy.send(request(BODY)[:-1])
        assert (await idle.ask(request(BODY))).status == 200
        assert (await fresher.ask(request(BODY))).status == 200
        assert (await public.ask(request(BODY))).status == 200
        assert await idle.end() == b""
        assert (await fresher.ask(request(BODY))).status == 200
        assert (await busy.ask(request(BODY)[-1:])).status == 200


async def test_closing_finishes_what_has_begun(tmp_path):
    """A request under way and a connection that has not asked yet are answered; idle ones end."""
    async with public_at(tmp_path) as public:
        idle, busy, fresh = [await public.connect() for _ in range(3)]
        assert (await idle.ask(request(BODY))).status == 200
        await busy.send(request(BODY)[:-1])
        await until(lambda: public.listener.stats().requests_in_flight == 1)
        closing = asyncio.create_task(public.listener.close(10))
        assert await idle.end() == b""
        assert (await busy.ask(BODY[-1:])).status == 200
        assert (await fresh.ask(request(BODY))).status == 200
        assert await fresh.end() == b""
        for peer in (idle, busy, fresh):
            peer.writer.close()
        await closing


@pytest.mark.parametrize("part", [request(BODY)[:-1], b"POST"], ids=["body", "head"])
async def test_closing_answers_what_is_not_whole(tmp_path, part):
    """What is still on its way when the time is over hears 503, not an end of input."""
    async with public_at(tmp_path) as public:
        peer = await public.connect()
        # Both are read at once.
        assert (await peer.ask(request(BODY) + part)).status == 200
        closing = asyncio.create_task(public.listener.close(0.1))
        got = await peer.answer()
        assert (got.status, got.headers["retry-after"]) == (503, "5")
        assert got.headers["connection"] == "close"
        assert await peer.end() == b""
        peer.writer.close()
        await closing
        assert public.refused == [503]


async def test_an_inherited_socket_is_accepted_from_while_others_leave(tmp_path):
    """Whoever comes while a slow sender is waited for is answered: lame duck, drain and close."""
    async with public_at(tmp_path) as public:
        public.listener.is_inherited = True
        public.ingress.lame_duck()
        slow = await public.connect()
        await slow.send(request(BODY)[:-1])
        await until(lambda: public.listener.stats().requests_in_flight == 1)
        leaving = asyncio.create_task(public.listener.lame_duck(60))
        assert (await public.ask(request(BODY))).status == 200
        public.ingress.drain()
        closing = asyncio.create_task(public.listener.close(60))
        assert (await public.ask(request(BODY))).status == 503
        assert (await slow.ask(BODY[-1:])).headers["connection"] == "close"
        assert await slow.end() == b""
        slow.writer.close()
        await asyncio.gather(leaving, closing)


async def test_a_closed_inherited_socket_still_listens(tmp_path):
    """Connections that come after the close wait for the next process instead of being refused."""
    async with public_at(tmp_path) as public:
        public.listener.is_inherited = True
        fd = public.listener._sock.fileno()
        await public.listener.close(1)
        late = await public.connect()
        await late.send(request(BODY))
        with socket.socket(fileno=fd) as kept:
            taken, _ = kept.accept()
            taken.setblocking(True)
            with taken:
                assert taken.recv(65536).startswith(b"POST ")
