"""
The gauges that are read from live objects when Prometheus asks, from one table.

Every scrape takes one `SpoolStats` and one `ForwardStats` a route, so that the figures of one
scrape belong together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from prometheus_client.core import GaugeMetricFamily, Metric

from relay.forward.loop import ForwardStats
from relay.ingress.endpoint import IngressStats
from relay.outcome import Outcome
from relay.spool.port import SpoolStats

S = TypeVar("S")


@dataclass(frozen=True)
class Spec(Generic[S]):
    """One gauge: its *name*, its sentence, and how it is read."""

    name: str
    help_text: str
    read: Callable[[S], float]
    labels: tuple[str, ...] = ()
    type: str = "gauge"


def _entries(stats: SpoolStats) -> int:
    return max(0, stats.last_position - stats.first_position + 1)


_SPOOL: tuple[Spec[SpoolStats], ...] = (
    Spec("relay_spool_accepted", "Events ever accepted by this spool.", lambda s: s.accepted),
    Spec("relay_spool_pending", "Accepted events without an outcome.", lambda s: s.pending),
    Spec("relay_spool_entries", "Entries in the log.", _entries),
    Spec(
        "relay_spool_bytes", "Log, quarantine and large bodies together.", lambda s: s.used_bytes
    ),
    Spec("relay_spool_max_bytes", "spool.max_bytes.", lambda s: s.max_bytes),
    Spec("relay_spool_free_bytes", "Free space of its disk.", lambda s: s.free_disk_bytes),
    Spec(
        "relay_spool_oldest_pending_seconds",
        "How long the oldest event without an outcome has waited.",
        lambda s: s.oldest_pending_s,
    ),
    Spec("relay_spool_segments", "Files of the log.", lambda s: s.segments),
    Spec(
        "relay_spool_accepting",
        "1 while deliveries can be stored, 0 when the spool is full, failing or draining.",
        lambda s: s.accepting,
    ),
    Spec("relay_spool_lost", "Events lost to damage, ever.", lambda s: s.outcomes[Outcome.LOST]),
    Spec(
        "relay_spool_adds_up",
        "1 when accepted = the sum of outcomes + pending.",
        lambda s: s.adds_up,
    ),
    Spec("relay_state_bytes", "Size of state.db.", lambda s: s.state_bytes),
    Spec("relay_state_wal_bytes", "Size of state.db's WAL.", lambda s: s.state_wal_bytes),
    Spec("relay_dedupe_entries", "Event ids in the dedupe window.", lambda s: s.dedupe_entries),
    Spec("relay_dedupe_bytes", "Estimated size of the dedupe window.", lambda s: s.dedupe_bytes),
    Spec(
        "relay_dedupe_evicted_early",
        "1 when dedupe_max_bytes has cut the window short.",
        lambda s: s.dedupe_evicted_early,
    ),
    Spec("relay_quarantine_entries", "Events in quarantine.", lambda s: s.quarantine_entries),
    Spec("relay_quarantine_bytes", "Their bytes.", lambda s: s.quarantine_bytes),
)

_ROUTE = ("route",)
_FORWARD: tuple[Spec[ForwardStats], ...] = (
    Spec("relay_inlet_in_flight", "Requests in flight.", lambda s: s.in_flight, _ROUTE),
    Spec("relay_inlet_limit", "How many may be.", lambda s: s.limit, _ROUTE),
    Spec("relay_forward_held", "Events taken and not settled.", lambda s: s.held, _ROUTE),
    Spec("relay_suspects", "Refused events not yet blamed.", lambda s: s.suspects, _ROUTE),
    Spec("relay_route_paused", "1 while it is paused.", lambda s: s.pause is not None, _ROUTE),
    Spec(
        "relay_route_single_mode",
        "1 while it sends one event a request.",
        lambda s: s.mode == "single",
        _ROUTE,
    ),
)

_INGRESS: tuple[Spec[IngressStats], ...] = (
    Spec(
        "relay_ingress_deliveries_in_flight",
        "Deliveries being received or appended.",
        lambda s: s.deliveries_in_flight,
    ),
    Spec("relay_ingress_bytes_in_flight", "Their bytes.", lambda s: s.bytes_in_flight),
)

_OUTCOMES = Spec[SpoolStats](
    "relay_spool_events",
    "Events of this spool by outcome, across restarts; compare with relay_spool_accepted.",
    lambda _: 0.0,
    ("outcome",),
)


class Gauges:
    """A collector for `relay.metrics.Metrics.registry`."""

    def __init__(
        self,
        spool: Callable[[], SpoolStats],
        forwards: Callable[[], Mapping[str, ForwardStats]],
        ingress: Callable[[], IngressStats],
    ) -> None:
        self._spool = spool
        self._forwards = forwards
        self._ingress = ingress

    @staticmethod
    def specs() -> Iterator[Spec[SpoolStats] | Spec[ForwardStats] | Spec[IngressStats]]:
        """Every gauge of the table."""
        yield from _SPOOL
        yield _OUTCOMES
        yield from _FORWARD
        yield from _INGRESS

    def describe(self) -> Iterator[Metric]:
        """Name every gauge without reading it, so that registering costs nothing."""
        for spec in self.specs():
            yield GaugeMetricFamily(spec.name, spec.help_text, labels=spec.labels)

    def collect(self) -> Iterator[Metric]:
        """Read every gauge."""
        stats = self._spool()
        for spec in _SPOOL:
            yield GaugeMetricFamily(spec.name, spec.help_text, value=float(spec.read(stats)))
        outcomes = GaugeMetricFamily(_OUTCOMES.name, _OUTCOMES.help_text, labels=("outcome",))
        for outcome, count in stats.outcomes.items():
            outcomes.add_metric((outcome.value,), count)
        yield outcomes
        forwards = self._forwards()
        for each in _FORWARD:
            family = GaugeMetricFamily(each.name, each.help_text, labels=each.labels)
            for route, forward in forwards.items():
                family.add_metric((route,), float(each.read(forward)))
            yield family
        ingress = self._ingress()
        for one in _INGRESS:
            yield GaugeMetricFamily(one.name, one.help_text, value=float(one.read(ingress)))
