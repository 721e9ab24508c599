"""The soft allow-list: who is counted as listed, what is read when, and that nobody is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import httpx
import pytest
from ingress_kit import config, public_at, request
from structlog.testing import capture_logs

from relay.clock import ManualClock
from relay.config import Config, load_config
from relay.customerio.allow_list import keep_addresses, wants_allow_list
from relay.emulator import create_app
from relay.errors import ConfigError
from relay.ingress.senders import Senders
from relay.metrics import Metrics

LIST = ["35.188.196.183", "127.0.0.1", "2001:db8::7", "192.0.2.0/24"]


def senders(*, header: str = "") -> tuple[Senders, Metrics]:
    """A list that is on, and the metrics that it counts in."""
    metrics = Metrics()
    made = Senders(config(Path("unused"), sender_address_header=header), metrics)
    made.replace(LIST)
    return made, metrics


def counted(metrics: Metrics, listed: str, route: str = "a") -> float:
    """How many deliveries were counted so."""
    return (
        metrics.registry.get_sample_value(
            "relay_deliveries_by_address_total", {"route": route, "listed": listed}
        )
        or 0.0
    )


@pytest.mark.parametrize(
    ("address", "listed"),
    [
        ("35.188.196.183", "yes"),
        ("::ffff:35.188.196.183", "yes"),
        ("192.0.2.77", "yes"),
        ("2001:db8::7", "yes"),
        ("35.188.196.184", "no"),
        ("192.0.3.1", "no"),
        ("2001:db8::8", "no"),
        ("", "no"),
        ("/run/relay.sock", "no"),
    ],
)
def test_the_peer_is_looked_up(address, listed):
    """The connection's peer is on the list or not, also as an IPv4 address inside IPv6."""
    made, metrics = senders()
    for _ in range(2):
        made.count("a", {"client": (address, 4711), "headers": []})
    assert counted(metrics, listed) == 2


def test_strangers_are_counted_from_nought():
    """Every count of every route is there from 0 on, for an alert to see it grow."""
    made, metrics = senders()
    shown = {
        (sample.labels["route"], sample.labels["listed"]): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "relay_deliveries_by_address_total"
    }
    routes = config(Path("unused")).routes
    assert shown == {(route, listed): 0 for route in routes for listed in ("yes", "no")}
    assert repr(made) == "<Senders is_on=True networks=4>"


def test_a_connection_without_an_address_is_not_listed():
    """A Unix socket has no peer address."""
    made, metrics = senders()
    made.count("a", {"client": None, "headers": []})
    assert counted(metrics, "no") == 1


@pytest.mark.parametrize(
    ("values", "listed"),
    [
        ([b"35.188.196.183"], "yes"),
        ([b"203.0.113.9, 35.188.196.183"], "yes"),
        ([b"203.0.113.9", b"35.188.196.183:4711"], "yes"),
        ([b"[2001:db8::7]:4711"], "yes"),
        ([b"[2001:db8::7]"], "yes"),
        ([b"35.188.196.183, 203.0.113.9"], "no"),
        ([b"35.188.196.183,"], "no"),
        ([b"\xff\xfe"], "no"),
        ([], "no"),
    ],
)
def test_the_header_of_a_proxy_is_looked_up(values, listed):
    """With the setting the last item of the header counts, and the peer does not."""
    made, metrics = senders(header="X-Forwarded-For")
    headers = [(b"x-forwarded-for", value) for value in values]
    made.count("a", {"client": ("127.0.0.1", 1), "headers": [(b"host", b"test"), *headers]})
    assert counted(metrics, listed) == 1


def test_what_is_remembered_is_bounded():
    """Ten thousand different texts in the header leave a few thousand behind, not all."""
    made, metrics = senders(header="x-forwarded-for")
    for number in range(10_000):
        headers = [(b"x-forwarded-for", str(number).encode())]
        made.count("a", {"client": None, "headers": headers})
    assert counted(metrics, "no") == 10_000
    assert len(made._answers) <= 4096


def test_a_new_list_counts_at_once():
    """An address that was looked up before is looked up again in the new list."""
    made, metrics = senders()
    scope = {"client": ("198.51.100.1", 1), "headers": []}
    made.count("a", scope)
    made.replace(["198.51.100.1"])
    made.count("a", scope)
    assert (counted(metrics, "no"), counted(metrics, "yes")) == (1, 1)


def test_a_list_that_cannot_be_read_changes_nothing():
    """One bad entry refuses the whole list, and the old one stays."""
    made, metrics = senders()
    with pytest.raises(ValueError, match="does not appear"):
        made.replace(["198.51.100.1", "not an address"])
    made.count("a", {"client": ("35.188.196.183", 1), "headers": []})
    assert counted(metrics, "yes") == 1


async def test_strangers_are_accepted_all_the_same(tmp_path):
    """A signed delivery from elsewhere is accepted and counted; an unsigned one is not counted."""
    async with public_at(tmp_path) as public:
        assert (await public.ask(request(b"{}"))).status == 200
        assert counted(public.metrics, "no") + counted(public.metrics, "yes") == 0
        public.ingress.senders.replace(["198.51.100.1"])
        assert (await public.ask(request(b'{"a":1}'))).status == 200
        assert (counted(public.metrics, "yes"), counted(public.metrics, "no")) == (0, 1)
        public.ingress.senders.replace(["127.0.0.1"])
        assert (await public.ask(request(b'{"a":2}'))).status == 200
        assert (counted(public.metrics, "yes"), counted(public.metrics, "no")) == (1, 1)
        refused = request(b'{"a":3}').replace(b"x-cio-signature: ", b"x-cio-signature: 0")
        assert (await public.ask(refused)).status == 401
        assert (counted(public.metrics, "yes"), counted(public.metrics, "no")) == (1, 1)
        assert public.accepted == 3


def settings(**customerio: object) -> Config:
    """Settings with *customerio*."""
    return Config.model_validate({"customerio": customerio, "routes": {}})


def test_it_is_off_without_a_key_or_an_interval():
    """The list is read only with an App API key, and never with an interval of 0."""
    assert not wants_allow_list(settings())
    assert wants_allow_list(settings(app_api_key="k"))
    assert not wants_allow_list(settings(app_api_key="k", addresses_interval="0s"))


def test_the_header_is_a_name():
    """What cannot be a header's name is refused with the setting's name."""
    with pytest.raises(ConfigError) as refused:
        load_config(None, {"RELAY_SERVER__SENDER_ADDRESS_HEADER": "x forwarded"})
    assert "server.sender_address_header" in str(refused.value)


class Rounds:
    """A task that keeps the list, one round at a time, and what it gave."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self.metrics = Metrics()
        self.clock = ManualClock()
        self.taken: list[list[str]] = []
        self.waits_s: list[float] = []
        self._transport = transport
        self._senders = Senders(settings(), self.metrics)

    async def run(self, count: int) -> None:
        """Run *count* rounds."""
        done = asyncio.Event()

        async def sleep(seconds: float) -> None:
            self.waits_s.append(seconds)
            if len(self.waits_s) == count:
                done.set()
                await asyncio.Event().wait()

        async with httpx.AsyncClient(transport=self._transport) as client:
            task = asyncio.create_task(
                keep_addresses(
                    lambda: settings(app_api_key="k", api_url="http://app.test").customerio,
                    self._take,
                    client=client,
                    metrics=self.metrics,
                    clock=self.clock,
                    sleep=sleep,
                )
            )
            async with asyncio.timeout(20):
                await done.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    def _take(self, found: Iterable[str]) -> None:
        self._senders.replace(found)
        self.taken.append(list(found))

    def value(self, name: str) -> float | None:
        """One sample without labels."""
        return self.metrics.registry.get_sample_value(name)


async def test_the_local_customerio_is_asked_daily():
    """The emulator's list is taken at the start and a day later, its own address included."""
    rounds = Rounds(httpx.ASGITransport(create_app()))
    await rounds.run(2)
    assert rounds.waits_s == [86_400.0, 86_400.0]
    assert [len(found) for found in rounds.taken] == [13, 13]
    assert "127.0.0.1" in rounds.taken[0]
    assert rounds.value("relay_sender_addresses") == 13
    assert rounds.value("relay_sender_addresses_success_seconds") == rounds.clock.wall_s()
    assert rounds.value("relay_sender_addresses_errors_total") == 0


async def test_a_failure_keeps_the_list_and_is_told_once():
    """Failed looks are counted each, logged once, tried again sooner; a good one ends it."""
    answers = [
        httpx.Response(200, json={"ip_addresses": ["192.0.2.1"]}),
        httpx.Response(401, json={"errors": [{"detail": "unauthorized", "status": "401"}]}),
        httpx.Response(200, json={"ip_addresses": []}),
        httpx.Response(200, json={"ip_addresses": ["192.0.2.2"]}),
    ]
    rounds = Rounds(httpx.MockTransport(lambda _request: answers.pop(0)))
    with capture_logs() as logs:
        await rounds.run(4)
    assert rounds.taken == [["192.0.2.1"], ["192.0.2.2"]]
    assert rounds.waits_s == [86_400.0, 900.0, 900.0, 86_400.0]
    assert rounds.value("relay_sender_addresses_errors_total") == 2
    assert [line["event"] for line in logs] == [
        "sender_addresses_failed",
        "sender_addresses_read_again",
    ]
    assert "192.0.2" not in str(logs)


@pytest.mark.parametrize("found", [["nowhere"], "192.0.2.1", [{"ip": "192.0.2.1"}], {"a": 1}])
async def test_an_answer_of_another_shape_is_a_failure(found):
    """What is not a list of addresses leaves the list as it was and does not end the task."""
    rounds = Rounds(
        httpx.MockTransport(lambda _request: httpx.Response(200, json={"ip_addresses": found}))
    )
    await rounds.run(2)
    assert rounds.taken == []
    assert rounds.value("relay_sender_addresses_errors_total") == 2
