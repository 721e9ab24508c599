"""What the user does not want sent on: allow and deny lists by object type and metric (pure)."""

from __future__ import annotations

from relay.config import FilterConfig
from relay.forward.decode import Decoded, Rejected
from relay.outcome import Reason


class Filters:
    """
    One route's ``[filter]`` section.

    An empty list does not restrict; deny wins over allow. An event without an object type (or
    metric) is on no list: an allow list keeps it out, a deny list lets it pass.
    """

    def __init__(self, config: FilterConfig) -> None:
        self._object_types = (
            frozenset(config.object_type_allow),
            frozenset(config.object_type_deny),
        )
        self._metrics = (frozenset(config.metric_allow), frozenset(config.metric_deny))
        self.restricts = any(self._object_types) or any(self._metrics)

    def rejected(self, decoded: Decoded) -> Rejected | None:
        """Say why *decoded* is not sent on; ``None`` when it is."""
        if not self.restricts:
            return None
        if not _passes(decoded.object_type, *self._object_types):
            return _filtered(decoded, Reason.OBJECT_TYPE_FILTERED, "object_type")
        if not _passes(decoded.metric, *self._metrics):
            return _filtered(decoded, Reason.METRIC_FILTERED, "metric")
        return None


def _passes(value: str, allow: frozenset[str], deny: frozenset[str]) -> bool:
    return value not in deny and (not allow or value in allow)


def _filtered(decoded: Decoded, reason: Reason, path: str) -> Rejected:
    detail = f"routes.{decoded.entry.envelope.route}.filter does not let this {path} pass"
    return Rejected(
        decoded.entry, reason, "filter", path, detail, decoded.event_id, decoded.digest
    )
