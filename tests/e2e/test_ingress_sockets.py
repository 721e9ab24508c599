"""Ingress behind its listener, over raw loopback sockets, on a real spool."""

from __future__ import annotations

import asyncio
import gzip

import pytest
from ingress_kit import MIB, PATH, STAMP, head, public_at, request, signed, until

from relay.customerio.signature import sign

pytestmark = pytest.mark.sockets

BODY = b'{"event_id":"e1","object_type":"email","metric":"sent"}'


async def stored(public, position: int = 1):
    envelope = await public.spool.body(position)
    assert envelope is not None
    return envelope


async def test_a_delivery_is_stored_as_it_came(tmp_path):
    """200 with a JSON body; the bytes and the headers that matter are in the spool."""
    async with public_at(tmp_path) as public:
        got = await public.ask(request(BODY, ("content-type", "application/json")))
        assert (got.status, got.body) == (200, b'{"status":"accepted"}')
        assert set(got.headers) == {"content-type", "content-length"}
        envelope = await stored(public)
        assert (envelope.route, envelope.body) == ("a", BODY)
        assert dict(envelope.headers)["content-type"] == "application/json"
        assert public.counted("200") == 1


@pytest.mark.parametrize("target", [PATH + "/", PATH + "?a=1&b", PATH + "/?%20"])
async def test_slash_and_query_do_not_matter(tmp_path, target):
    """A trailing slash or a query changes nothing, and nothing redirects."""
    async with public_at(tmp_path) as public:
        assert (await public.ask(request(BODY, target=target))).status == 200


async def test_chunks_are_put_together(tmp_path):
    """A chunked body is stored without its framing, trailers are dropped, the next is answered."""
    async with public_at(tmp_path) as public:
        peer = await public.connect()
        await peer.send(head(None, [*signed(BODY), ("transfer-encoding", "chunked")]))
        for byte in BODY[:10]:
            await peer.send(b"1;ext=x\r\n%c\r\n" % byte)
        await peer.send(b"%x\r\n%s\r\n" % (len(BODY) - 10, BODY[10:]))
        assert (await peer.ask(b"0\r\nx-trailer: 1\r\n\r\n")).status == 200
        assert (await stored(public)).body == BODY
        assert (await peer.ask(request(BODY))).status == 200


async def test_gzip_is_signed_and_stored_compressed(tmp_path):
    """The signature is over the compressed bytes, and they are what is kept."""
    packed = gzip.compress(BODY)
    async with public_at(tmp_path) as public:
        got = await public.ask(request(packed, ("content-encoding", "gzip")))
        assert got.status == 200
        envelope = await stored(public)
        assert envelope.body == packed
        assert ("content-encoding", "gzip") in envelope.headers


async def test_ten_mebibytes_stay_in_the_log(tmp_path):
    """A body with much content is an ordinary delivery."""
    body = b"x" * (10 * MIB)
    async with public_at(tmp_path, spool={"segment_bytes": 16 * MIB}) as public:
        assert (await public.ask(request(body))).status == 200
        envelope = await stored(public)
        assert envelope.body == body
        assert not envelope.spill


async def test_seventeen_mebibytes_are_spilled(tmp_path):
    """A body over the memory cap is written to a file of its own, whole, and answered 200."""
    body = bytes(range(256)) * (17 * 4096)
    async with public_at(tmp_path) as public:
        assert (await public.ask(request(body))).status == 200
        envelope = await stored(public)
        assert envelope.body == b""
        assert envelope.size_bytes == len(body)
        assert await public.spool.spilled(envelope) == body
        assert public.ingress.stats().bytes_in_flight == 0


async def test_a_spilled_body_that_is_refused_leaves_no_file(tmp_path):
    """A wrong signature over a large body: 401, and the disk is as before."""
    body = b"x" * (2 * MIB)
    async with public_at(tmp_path, max_body_memory="1MiB") as public:
        wrong = [("x-cio-timestamp", STAMP), ("x-cio-signature", sign("other", STAMP, body))]
        assert (await public.ask(head(len(body), wrong) + body)).status == 401
        await until(lambda: not list((tmp_path / "large").iterdir()))
        assert public.accepted == 0


async def test_an_announced_size_over_the_cap_is_answered_at_once(tmp_path):
    """413 comes before the body, and a sender that goes on sending all of it can read it."""
    async with public_at(tmp_path) as public:
        peer = await public.connect()
        await peer.send(head(65 * MIB, signed(b"")))
        got = await peer.answer()
        assert (got.status, got.headers["connection"]) == (413, "close")
        for _ in range(10):
            await peer.send(b"x" * MIB)
        peer.writer.write_eof()
        assert await peer.end() == b""


async def test_chunks_over_the_cap_are_answered(tmp_path):
    """A chunked body has no announced size: 413 as soon as it passes the cap, still readable."""
    async with public_at(tmp_path, max_body_bytes="1MiB", max_body_memory="1MiB") as public:
        peer = await public.connect()
        await peer.send(head(None, [*signed(b""), ("transfer-encoding", "chunked")]))
        for _ in range(20):
            await peer.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        assert (await peer.answer()).status == 413
        await peer.send(b"0\r\n\r\n")
        peer.writer.write_eof()
        assert await peer.end() == b""


async def test_an_unsigned_sender_can_read_its_401(tmp_path):
    """401 is decided before the body, and is not lost to a reset while the body still comes."""
    async with public_at(tmp_path) as public:
        peer = await public.connect()
        await peer.send(head(4 * MIB, []))
        got = await peer.answer()
        assert (got.status, got.headers["connection"]) == (401, "close")
        await peer.send(b"x" * (4 * MIB))
        peer.writer.write_eof()
        assert await peer.end() == b""


async def test_a_slow_body_is_answered_408(tmp_path):
    """A body that does not end in time: 408 and the end; nothing is stored."""
    async with public_at(tmp_path, body_timeout="300ms") as public:
        peer = await public.connect()
        await peer.send(head(100, signed(BODY)) + b"{")
        got = await peer.answer()
        assert (got.status, got.body) == (408, b'{"status":"body too slow"}')
        assert await peer.end() == b""
        assert public.accepted == 0
        assert public.counted("408") == 1


async def test_a_sender_that_leaves_mid_body_is_counted(tmp_path):
    """It is `disconnected`, nothing is stored, and nothing stays in flight."""
    async with public_at(tmp_path) as public:
        peer = await public.connect()
        await peer.send(head(1000, signed(BODY)) + b"{")
        await until(lambda: public.ingress.stats().bytes_in_flight == 1)
        peer.reset()
        await until(lambda: public.counted("disconnected") == 1)
        held = public.ingress.stats()
        assert (held.deliveries_in_flight, held.bytes_in_flight, public.accepted) == (0, 0, 0)


async def test_senders_that_leave_before_their_answer_hold_up_nobody(tmp_path):
    """What they sent whole is stored; the others are answered."""
    async with public_at(tmp_path) as public:
        leaving = [await public.connect() for _ in range(10)]
        staying = [await public.connect() for _ in range(10)]
        for gone, kept in zip(leaving, staying, strict=True):
            gone.writer.write(request(BODY))
            kept.writer.write(request(BODY))
            gone.writer.close()
        answers = await asyncio.gather(*(peer.answer() for peer in staying))
        assert {got.status for got in answers} == {200}
        await until(lambda: public.accepted == 20)


@pytest.mark.parametrize("target", ["/", "/webhooks", "//webhooks/customerio", PATH + "//"])
async def test_other_paths_are_404(tmp_path, target):
    """Paths match exactly."""
    async with public_at(tmp_path) as public:
        assert (await public.ask(request(BODY, target=target))).status == 404
        assert public.counted("404", route="") == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
async def test_other_methods_are_405(tmp_path, method):
    """A route takes POST only, and says so."""
    async with public_at(tmp_path) as public:
        got = await public.ask(head(0, [], method=method))
        assert (got.status, got.headers["allow"]) == (405, "POST")


async def test_health_answers_get_and_head(tmp_path):
    """GET has a body, HEAD has none but its length, and the connection goes on; POST is 405."""
    async with public_at(tmp_path) as public:
        peer = await public.connect()
        await peer.send(head(None, [], target="/healthz", method="HEAD"))
        got = await peer.answer(has_body=False)
        assert (got.status, got.headers["content-length"]) == (200, "15")
        got = await peer.ask(head(None, [], target="/healthz", method="GET"))
        assert (got.status, got.body) == (200, b'{"status":"ok"}')
        assert (await peer.ask(head(0, [], target="/healthz"))).status == 405


async def test_expect_100_continue(tmp_path):
    """Whoever asks before it sends a body is told to, when its headers are in order."""
    async with public_at(tmp_path) as public:
        peer = await public.connect()
        await peer.send(head(len(BODY), [*signed(BODY), ("expect", "100-continue")]))
        assert (await peer.answer()).status == 100
        assert (await peer.ask(BODY)).status == 200
        await peer.send(head(len(BODY), [("expect", "100-continue")]))
        assert (await peer.answer()).status == 401


async def test_too_many_bytes_in_flight_are_answered_503(tmp_path):
    """The cap over all bodies: 503 with Retry-After for what passes it, 200 when there is room."""
    async with public_at(tmp_path, max_bytes_in_flight="1MiB") as public:
        holder, body = await public.connect(), b"x" * MIB
        await holder.send(head(len(body), signed(body)) + body[:-1])
        await until(lambda: public.ingress.stats().bytes_in_flight == MIB - 1)
        got = await public.ask(request(BODY))
        assert (got.status, got.headers["retry-after"]) == (503, "5")
        assert (await holder.ask(body[-1:])).status == 200
        assert (await public.ask(request(BODY))).status == 200


async def test_a_full_spool_is_answered_503(tmp_path):
    """503 with Retry-After, on a connection that stays; nothing of it is stored."""
    async with public_at(tmp_path, spool={"max_bytes": "1MiB"}) as public:
        peer, body = await public.connect(), b"x" * (2 * MIB)
        got = await peer.ask(request(body))
        assert (got.status, got.headers["retry-after"]) == (503, "5")
        assert got.body == b'{"status":"spool full"}'
        assert "connection" not in got.headers
        assert public.accepted == 0


async def test_states_of_ingress_over_one_socket(tmp_path):
    """Lame duck: 200 and close. Draining: 503, Retry-After and close."""
    async with public_at(tmp_path) as public:
        peer = await public.connect()
        assert "connection" not in (await peer.ask(request(BODY))).headers
        public.ingress.lame_duck()
        got = await peer.ask(request(BODY))
        assert (got.status, got.headers["connection"]) == (200, "close")
        assert await peer.end() == b""
        public.ingress.drain()
        got = await public.ask(request(BODY))
        assert (got.status, got.headers["connection"]) == (503, "close")
        assert got.headers["retry-after"] == "5"
