"""
Customer.io's addresses as a soft allow-list: who is on it is counted, nobody is refused.

The published lists differ from each other and grow, so an address outside of them proves nothing
about a delivery; the signature does. A rise of the count says that the list has changed, that a
proxy hides the sender, or that somebody else has the signing key.

Source:
    customerio.md §4: Customer.io, "IP addresses" and App API ``GET /v1/info/ip_addresses``, read
    2026-09.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from prometheus_client import Counter

from relay.config import Config
from relay.metrics import Metrics

# Answers kept by the text that was looked up; a header may hold anything, so they are bounded.
_KEPT = 4096


class Senders:
    """
    Counts accepted deliveries by whether their sender is on the list; off until `replace`.

    The sender is the peer of the connection, or what ``server.sender_address_header`` says.
    """

    def __init__(self, config: Config, metrics: Metrics) -> None:
        self._metrics = metrics
        self._header = b""
        self._networks: tuple[IPv4Network | IPv6Network, ...] = ()
        self._answers: dict[str, bool] = {}
        self._counters: dict[tuple[str, bool], Counter] = {}
        self._routes: tuple[str, ...] = ()
        # Read for every delivery; nothing else is done while it is false.
        self.is_on = False
        self.reload(config)

    def reload(self, config: Config) -> None:
        """Take the header's name from *config*."""
        self._header = config.server.sender_address_header.lower().encode("latin-1")
        self._routes = tuple(config.routes)
        self._begin()

    def replace(self, addresses: Iterable[str]) -> None:
        """
        Use *addresses*, single ones or networks such as ``192.0.2.0/24``, from now on.

        Raises:
            ValueError: one is neither; the list stays as it was.
        """
        self._networks = tuple(ip_network(address, strict=False) for address in addresses)
        self._answers.clear()
        self.is_on = True
        self._begin()

    def _begin(self) -> None:
        """Show every count from 0 on: an alert sees no increase in what begins at 1."""
        if self.is_on:
            for route in self._routes:
                for listed in ("yes", "no"):
                    self._metrics.deliveries_by_address.labels(route, listed)

    def let_go(self, headers: list[tuple[bytes, bytes]]) -> None:
        """Empty *headers* unless `count` needs them."""
        if not self.is_on:
            headers.clear()

    def count(self, route: str, scope: dict[str, Any]) -> None:
        """Count one delivery on *route*, as described by the ASGI *scope*."""
        address = self._address(scope)
        listed = self._answers.get(address)
        if listed is None:
            listed = self._look_up(address)
        counter = self._counters.get((route, listed))
        if counter is None:
            counter = self._metrics.deliveries_by_address.labels(route, "yes" if listed else "no")
            self._counters[route, listed] = counter
        counter.inc()

    def __repr__(self) -> str:
        return f"<Senders is_on={self.is_on} networks={len(self._networks)}>"

    def _address(self, scope: dict[str, Any]) -> str:
        if self._header:
            # Each proxy appends, so the last item is the one that the nearest proxy wrote.
            for name, value in reversed(scope["headers"]):
                if name == self._header:
                    text: str = value.decode("latin-1")
                    return text.rpartition(",")[2].strip()
            return ""
        peer = scope.get("client")
        return peer[0] if peer else ""

    def _look_up(self, address: str) -> bool:
        listed = self._is_listed(address)
        if len(self._answers) >= _KEPT:
            self._answers.clear()
        self._answers[address] = listed
        return listed

    def _is_listed(self, text: str) -> bool:
        """Say whether *text* is on the list; some proxies add the port, and brackets for it."""
        if text.startswith("["):
            text = text[1:].partition("]")[0]
        elif text.count(":") == 1:
            text = text.partition(":")[0]
        try:
            found = ip_address(text)
        except ValueError:
            return False
        plain = getattr(found, "ipv4_mapped", None) or found
        return any(plain in network for network in self._networks)
