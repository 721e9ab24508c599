"""
The paths of the public listener, and for each route what a delivery needs, prepared once.

A table is never changed: a reload makes a new one and swaps it.
"""

from __future__ import annotations

from relay.config import Config, RouteConfig
from relay.customerio.signature import Keys
from relay.errors import ConfigError
from relay.ingress.admission import Refused
from relay.ingress.answers import ACCEPTED, BAD_SIGNATURE, FAILED
from relay.metrics import Metrics


class Route:
    """One route's keys and its counters, bound to their labels."""

    __slots__ = (
        "_accepted",
        "_keys_used",
        "_metrics",
        "_skews_s",
        "keys",
        "max_age_s",
        "name",
        "unsigned",
    )

    def __init__(self, name: str, config: RouteConfig, metrics: Metrics) -> None:
        try:
            self.keys = Keys([key.get_secret_value() for key in config.signing_keys])
        except ValueError as error:
            raise ConfigError(
                f"routes.{name}.signing_keys: {error}",
                hint="copy the key from the Reporting Webhooks page of the workspace",
            ) from None
        self.name = name
        self.max_age_s = config.signature_max_age
        self.unsigned = BAD_SIGNATURE[config.on_bad_signature]
        self._metrics = metrics
        gathered = metrics.gathered
        self._skews_s = gathered.values(metrics.signature_skew_seconds.labels(name))
        self._keys_used = [
            gathered.count(metrics.signature_key.labels(name, str(index)))
            for index in range(len(self.keys))
        ]
        self._accepted = gathered.count(metrics.deliveries.labels(name, str(ACCEPTED.status)))
        # What an alert counts begins at 0: Prometheus sees no increase in a series whose first
        # value is 1, and Customer.io may come again in an hour only.
        for why in Refused:
            metrics.signature_failures.labels(name, why.value)
        for answer in (self.unsigned, FAILED):
            metrics.deliveries.labels(name, str(answer.status))

    def count_answer(self, status: int) -> None:
        """Count one delivery by its answer."""
        if status == ACCEPTED.status:
            self._accepted.number += 1
        else:
            self._metrics.deliveries.labels(self.name, str(status)).inc()

    def count_stored(self, key: int, skew_s: float) -> None:
        """Count what is on disk: which key it was signed with, how far its clock is off."""
        self._keys_used[key].number += 1
        self._skews_s.observe(skew_s)

    def count_gone(self) -> None:
        """Count a delivery whose sender went away before it was complete."""
        self._metrics.deliveries.labels(self.name, "disconnected").inc()

    def count_refused(self, why: Refused) -> None:
        """Count what was wrong with a signature."""
        self._metrics.signature_failures.labels(self.name, why.value).inc()

    def __repr__(self) -> str:
        return f"<Route {self.name} {self.keys!r}>"


def route_table(config: Config, metrics: Metrics) -> dict[str, Route]:
    """
    Map every path, with and without its trailing slash, to its route.

    Raises:
        ConfigError: a route has no key, an empty one, or a path that is taken.
    """
    table: dict[str, Route] = {}
    for name, section in config.routes.items():
        route = Route(name, section, metrics)
        for path in spellings(section.path):
            if path in table or path in spellings("/healthz"):
                raise ConfigError(
                    f"routes.{name}.path: {section.path!r} is taken",
                    hint="give every route a path of its own; one route may have several keys",
                )
            table[path] = route
    return table


def spellings(path: str) -> frozenset[str]:
    """Give *path* as it is matched: with and without a trailing slash."""
    bare = path.rstrip("/")
    return frozenset({bare or "/", bare + "/"})
