"""
Every metric of the relay, in one object made by the composition root.

Counters and histograms are fed where things happen; most gauges are read from live ``stats()`` at
the moment of a scrape (`relay.service.gauges`). Labels are bounded: routes come from the
configuration, statuses and reasons from enums; nothing that a sender chooses becomes a label.
``docs/metrics.md`` is generated from `Metrics.instruments` and those gauges.
"""

from __future__ import annotations

from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from relay.gathered import Gatherer

_FAST_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 4)
_SLOW_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_LONG_S = (0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300, 1800, 3600, 21600, 86400, 604800)
_COUNTS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)
_SIZES = (1e3, 5e3, 1e4, 5e4, 1e5, 2.5e5, 5e5, 7.5e5, 1e6)

Instrument = Counter | Gauge | Histogram
_I = TypeVar("_I", Counter, Gauge, Histogram)


class Metrics:
    """The relay's metrics on their own registry; nothing is global."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        # For what happens to every event.
        self.gathered = Gatherer(self.registry)
        self.instruments: list[Instrument] = []
        self._labels: dict[int, tuple[str, ...]] = {}
        self.deliveries = self._counter(
            "relay_deliveries_total", "Requests from senders, by answer.", "route", "status"
        )
        self.outcomes = self._counter(
            "relay_outcomes_total",
            "Accepted events that reached their outcome in this process.",
            "route",
            "outcome",
            "reason",
        )
        self.ack_seconds = self._histogram(
            "relay_ack_seconds", "From the first byte of a delivery to its answer.", _FAST_S
        )
        self.append_seconds = self._histogram(
            "relay_append_seconds", "From handing an event to the spool to its commit.", _FAST_S
        )
        self.fsync_seconds = self._histogram(
            "relay_fsync_seconds", "One fdatasync of the log.", _FAST_S
        )
        self.append_group = self._histogram(
            "relay_append_group_events", "Events that shared one fsync.", _COUNTS
        )
        self.signature_skew_seconds = self._histogram(
            "relay_signature_skew_seconds",
            "Our clock minus x-cio-timestamp, of correctly signed deliveries.",
            _LONG_S,
            "route",
        )
        self.signature_key = self._counter(
            "relay_signature_key_total",
            "Correct signatures by the index of the key that matched.",
            "route",
            "key_index",
        )
        self.signature_failures = self._counter(
            "relay_signature_failures_total",
            "Refused deliveries by what was wrong with the signature.",
            "route",
            "why",
        )
        self.deliveries_by_address = self._counter(
            "relay_deliveries_by_address_total",
            "Accepted deliveries by whether the sender's address is on Customer.io's list.",
            "route",
            "listed",
        )
        self.sender_addresses = self._gauge(
            "relay_sender_addresses", "Addresses on Customer.io's list; 0 before it is read."
        )
        self.sender_addresses_success = self._gauge(
            "relay_sender_addresses_success_seconds",
            "When that list was last read, as Unix time.",
        )
        self.sender_addresses_errors = self._counter(
            "relay_sender_addresses_errors_total", "Times that list could not be read."
        )
        self.inlet_requests = self._counter(
            "relay_inlet_requests_total",
            "Requests to the inlet by status, or by why there was none: timeout, reset, tls, "
            "connect, dns, protocol, too_long, token, no_token.",
            "route",
            "status",
        )
        self.inlet_request_seconds = self._histogram(
            "relay_inlet_request_seconds", "One request to the inlet.", _SLOW_S, "route"
        )
        self.batch_records = self._histogram(
            "relay_batch_records", "Events in one request to the inlet.", _COUNTS, "route"
        )
        self.batch_bytes = self._histogram(
            "relay_batch_bytes", "Bytes of one request to the inlet.", _SIZES, "route"
        )
        self.end_to_end_seconds = self._histogram(
            "relay_end_to_end_seconds", "From reception to delivery.", _LONG_S, "route"
        )
        self.event_lag_seconds = self._histogram(
            "relay_event_lag_seconds",
            "From the event's own timestamp to its reception.",
            _LONG_S,
            "route",
        )
        self.mapping_warnings = self._counter(
            "relay_mapping_warnings_total",
            "Warnings of the local mapping and schema check, by kind.",
            "route",
            "kind",
        )
        self.unknown_events = self._counter(
            "relay_unknown_events_total",
            "Events whose object_type or metric is not in the catalog.",
            "route",
        )
        self.retries = self._counter(
            "relay_inlet_retries_total", "Attempts after a temporary refusal.", "route"
        )
        self.event_loop_lag_seconds = self._gauge(
            "relay_event_loop_lag_seconds", "How late the event loop ran its last timer."
        )
        self.reloads = self._counter(
            "relay_reloads_total", "Times the configuration was read again.", "result"
        )
        self.flow_run_records = self._gauge(
            "relay_flow_run_records",
            "Records of Adobe's newest flow run: received, ingested, failed, skipped, warnings.",
            "route",
            "count",
        )
        self.flow_run_start = self._gauge(
            "relay_flow_run_start_seconds", "When that run began, as Unix time.", "route"
        )
        self.flow_missing_events = self._gauge(
            "relay_flow_missing_events",
            "Events of 24 hours that we delivered and Adobe does not account for.",
            "route",
        )
        self.flow_failed_records = self._gauge(
            "relay_flow_failed_records",
            "Records of 24 hours that Adobe refused after taking them.",
            "route",
        )
        self.flow_failed_batches = self._gauge(
            "relay_flow_failed_batches", "Failed batches of 24 hours in the dataset.", "route"
        )
        self.monitor_success = self._gauge(
            "relay_monitor_success_seconds",
            "When flow runs were last read, as Unix time.",
            "route",
        )
        self.monitor_errors = self._counter(
            "relay_monitor_errors_total", "Times flow runs could not be read.", "route"
        )
        self.build = self._gauge(
            "relay_build_info", "Always 1; the labels say what runs.", "version", "python"
        )

    def labels_of(self, instrument: Instrument) -> tuple[str, ...]:
        """Name the labels of one of `instruments`."""
        return self._labels[id(instrument)]

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return self._kept(Counter(name, help_text, labels, registry=self.registry), labels)

    def _gauge(self, name: str, help_text: str, *labels: str) -> Gauge:
        return self._kept(Gauge(name, help_text, labels, registry=self.registry), labels)

    def _histogram(
        self, name: str, help_text: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        made = Histogram(name, help_text, labels, buckets=buckets, registry=self.registry)
        return self._kept(made, labels)

    def _kept(self, instrument: _I, labels: tuple[str, ...]) -> _I:
        self.instruments.append(instrument)
        self._labels[id(instrument)] = labels
        return instrument
