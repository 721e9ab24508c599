"""One delivery through the endpoint: how each failure of ours is answered and counted."""

from __future__ import annotations

import asyncio
import threading

import pytest
from ingress_kit import KEY, PATH, config, signed, until
from structlog.testing import capture_logs

from relay.clock import ManualClock
from relay.config import Config
from relay.customerio.signature import sign
from relay.errors import ConfigError, SpoolClosed, SpoolFailed, SpoolFull
from relay.ingress.endpoint import Ingress, State
from relay.ingress.spill import Spill
from relay.metrics import Metrics

BODY = b'{"event_id":"private"}'


class Shelf:
    """The one part of the spool's port that ingress uses; *trouble* stands in for a bad disk."""

    def __init__(self, trouble: Exception | None = None, *, hangs: bool = False) -> None:
        self.trouble = trouble
        self.hangs = hangs
        self.kept = []

    async def append(self, envelopes):
        if self.hangs:
            await asyncio.Event().wait()
        if self.trouble is not None:
            raise self.trouble
        self.kept += envelopes
        return len(self.kept)


class Bench:
    """An ingress without a socket."""

    def __init__(self, folder, shelf: Shelf | None, **server) -> None:
        self.metrics = Metrics()
        self.config = config(folder, **server)
        self.ingress = Ingress(self.config, shelf, self.metrics, ManualClock())

    async def post(self, headers=None, *, method="POST", path=PATH, leaves=False):
        """Send one request; the status and the headers of its answer, or ``None``."""
        pairs = signed(BODY) if headers is None else headers
        sent = []
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "headers": [(name.encode(), value.encode()) for name, value in pairs],
        }

        async def receive():
            if leaves:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": BODY}

        async def send(message):
            sent.append(message)

        await self.ingress(scope, receive, send)
        return (sent[0]["status"], dict(sent[0]["headers"])) if sent else None

    def value(self, name, **labels):
        return self.metrics.registry.get_sample_value(name, labels)


async def test_what_is_counted_of_an_accepted_delivery(tmp_path):
    """Its answer, the key that matched, the skew, the time to its answer: once each."""
    bench = Bench(tmp_path, Shelf())
    assert (await bench.post())[0] == 200
    assert bench.value("relay_deliveries_total", route="a", status="200") == 1
    assert bench.value("relay_signature_key_total", route="a", key_index="1") == 1
    assert bench.value("relay_signature_key_total", route="a", key_index="0") == 0
    assert bench.value("relay_signature_skew_seconds_sum", route="a") == 0
    assert bench.value("relay_ack_seconds_count") == 1


@pytest.mark.parametrize(
    ("trouble", "status", "told"),
    [
        (SpoolFull("full", hint="raise it"), b"spool full", ["delivery_not_stored"]),
        (SpoolFailed("broken"), b"spool failing", ["delivery_not_stored"]),
        (OSError(5, "input/output error"), b"spool failing", ["delivery_not_stored"]),
        (OSError(28, "no space left on device"), b"spool full", ["delivery_not_stored"]),
        (SpoolClosed("closed"), b"spool closed", []),
        (RuntimeError("private"), b"internal error", ["delivery_failed"]),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_every_failure_of_ours_is_503(tmp_path, trouble, status, told):
    """With Retry-After; told once in the log, without the body; nothing stays in flight."""
    bench = Bench(tmp_path, Shelf(trouble))
    with capture_logs() as lines:
        for _ in range(3):
            answer, headers = await bench.post()
            assert answer == 503
            assert headers[b"retry-after"] == b"5"
            assert headers[b"content-length"] == str(len(status) + 13).encode()
    assert [line["event"] for line in lines] == told
    assert "private" not in str(lines)
    assert bench.value("relay_deliveries_total", route="a", status="503") == 3
    held = bench.ingress.stats()
    assert (held.bytes_in_flight, held.deliveries_in_flight) == (0, 0)


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (SpoolFull("full", hint="raise it"), {"why": "full", "hint": "raise it"}),
        (
            OSError(28, "no space left"),
            {"why": "full", "hint": "give the disk of spool.path room"},
        ),
        (OSError(5, "input/output error"), {"why": "OSError", "what": "input/output error"}),
        (SpoolFailed("broken"), {"why": "SpoolFailed", "what": "broken"}),
    ],
    ids=["spool full", "disk full", "disk failing", "spool failing"],
)
async def test_why_a_delivery_is_not_stored_is_told(tmp_path, trouble, said):
    """What the disk says, or what to do, not only the name of an exception."""
    with capture_logs() as lines:
        await Bench(tmp_path, Shelf(trouble)).post()
    assert [{key: line[key] for key in said} for line in lines] == [said]


async def test_without_a_commit_in_time_it_is_503(tmp_path):
    """A disk that hangs is answered and told after append_timeout; the connection stays."""
    bench = Bench(tmp_path, Shelf(hangs=True), append_timeout="10ms")
    with capture_logs() as told:
        answer, headers = await bench.post()
    assert (answer, headers[b"retry-after"]) == (503, b"5")
    assert [(line["event"], line["why"]) for line in told] == [
        ("delivery_not_stored", "no commit in time")
    ]
    assert bench.ingress.stats().bytes_in_flight == 0


@pytest.mark.parametrize("step", ["write", "finish"])
async def test_a_disk_that_hangs_under_a_large_body_is_503(tmp_path, monkeypatch, step):
    """It is not called slow: the sender has sent all that was asked for."""

    async def hang(self, *_):
        await asyncio.Event().wait()

    monkeypatch.setattr(Spill, step, hang)
    limits = {"max_body_memory": 10, "body_timeout": "10ms", "append_timeout": "10ms"}
    with capture_logs() as told:
        answer, headers = await Bench(tmp_path, Shelf(), **limits).post()
    assert (answer, headers[b"retry-after"]) == (503, b"5")
    assert [line["why"] for line in told] == ["no commit in time"]


async def test_what_a_disk_that_hangs_keeps_in_memory_has_a_cap(tmp_path, monkeypatch):
    """Whoever was told 503 sends again, while what was sent before still waits for the disk."""
    disk = threading.Event()

    def hang(self, _):
        with self._lock:
            disk.wait(20)

    monkeypatch.setattr(Spill, "_finish", hang)
    bench = Bench(tmp_path, Shelf(), max_body_memory=10, append_timeout="10ms")
    posting = asyncio.create_task(bench.post())
    await until(lambda: bench.value("relay_deliveries_total", route="a", status="503"))
    assert bench.ingress.stats().bytes_in_flight == len(BODY)
    disk.set()
    assert (await posting)[0] == 503
    assert bench.ingress.stats().bytes_in_flight == 0


async def test_a_large_body_is_not_synced_for_strangers(tmp_path, monkeypatch):
    """Whoever has no key does not make the disk wait."""
    synced = []
    monkeypatch.setattr(Spill, "_finish", lambda self, _: synced.append(self.name))
    headers = [("x-cio-timestamp", "1"), ("x-cio-signature", sign("other", "1", BODY))]
    assert (await Bench(tmp_path, Shelf(), max_body_memory=10).post(headers))[0] == 401
    assert synced == []


async def test_an_interruption_from_elsewhere_is_none_of_ours(tmp_path):
    """Whoever cancels the request's task ends it; it is not taken for a deadline."""
    bench = Bench(tmp_path, Shelf(hangs=True))
    task = asyncio.create_task(bench.post())
    await until(lambda: bench.ingress.stats().bytes_in_flight)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.ingress.stats().bytes_in_flight == 0


async def test_a_refused_signature_is_told_and_counted(tmp_path):
    """401 with its cause as a metric; the log has one line for many."""
    bench, shelf = Bench(tmp_path, None), Shelf()
    bench.ingress.open(shelf)
    wrong = [("x-cio-timestamp", "1"), ("x-cio-signature", sign("other", "1", BODY))]
    with capture_logs() as lines:
        for _ in range(5):
            assert (await bench.post(wrong))[0] == 401
    assert [(line["event"], line["why"]) for line in lines] == [
        ("signature_refused", "no_key_matches")
    ]
    labels = {"route": "a", "why": "no_key_matches"}
    assert bench.value("relay_signature_failures_total", **labels) == 5
    assert shelf.kept == []


async def test_a_sender_that_left_gets_no_answer(tmp_path):
    """It is counted as disconnected and nothing is stored."""
    shelf = Shelf()
    bench = Bench(tmp_path, shelf)
    assert await bench.post(leaves=True) is None
    assert bench.value("relay_deliveries_total", route="a", status="disconnected") == 1
    assert shelf.kept == []


async def test_the_states_in_their_order(tmp_path):
    """503 while starting, 200 while open and in the lame duck, 503 while draining."""
    bench = Bench(tmp_path, None)
    found = [(await bench.post())[0]]
    for step in (lambda: bench.ingress.open(Shelf()), bench.ingress.lame_duck):
        step()
        found.append((await bench.post())[0])
    bench.ingress.drain()
    bench.ingress.drain()
    answer, headers = await bench.post()
    assert [*found, answer] == [503, 200, 200, 503]
    assert headers[b"connection"] == b"close"
    with pytest.raises(RuntimeError, match="it cannot become open"):
        bench.ingress.open(Shelf())
    assert bench.ingress.stats().state == State.DRAINING.value


@pytest.mark.parametrize(
    ("state", "status"), [("starting", 503), ("open", 200), ("lame_duck", 503)]
)
async def test_health_follows_the_state(tmp_path, state, status):
    """A load balancer sees 200 only while this process wants new connections."""
    bench = Bench(tmp_path, None)
    if state != "starting":
        bench.ingress.open(Shelf())
    if state == "lame_duck":
        bench.ingress.lame_duck()
    assert (await bench.post([], method="GET", path="/healthz"))[0] == status


async def test_a_reload_changes_keys_and_paths(tmp_path):
    """The next delivery meets the new table; a table that cannot be used changes nothing."""
    shelf = Shelf()
    bench = Bench(tmp_path, shelf)
    given = bench.config.model_dump()
    given["routes"] = {"a": {"path": "/new", "signing_keys": ["newer", KEY]}}
    bench.ingress.reload(Config.model_validate(given))
    assert (await bench.post())[0] == 404
    assert (await bench.post(path="/new"))[0] == 200
    given["routes"] = {"a": {"path": "/healthz", "signing_keys": [KEY]}}
    with pytest.raises(ConfigError):
        bench.ingress.reload(Config.model_validate(given))
    assert (await bench.post(path="/new"))[0] == 200


async def test_on_bad_signature_503_lets_the_sender_try_again_soon(tmp_path):
    """The route's setting: 503 with Retry-After instead of the hour that follows a 401."""
    bench = Bench(tmp_path, Shelf())
    given = bench.config.model_dump()
    route = {"path": PATH, "signing_keys": [KEY], "on_bad_signature": 503}
    bench.ingress.reload(Config.model_validate({**given, "routes": {"a": route}}))
    answer, headers = await bench.post([])
    assert (answer, headers[b"retry-after"]) == (503, b"5")
