"""What came back for one request to the inlet: an HTTP answer, or why there was none (pure)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Failure(StrEnum):
    """Why there was no whole answer; each is a label of ``relay_inlet_requests_total``."""

    TIMEOUT = "timeout"
    RESET = "reset"  # the connection ended before the answer did
    TLS = "tls"
    CONNECT = "connect"
    DNS = "dns"
    PROTOCOL = "protocol"  # what came back is not HTTP
    TOO_LONG = "too_long"  # the answer passed the bound that is read
    TOKEN = "token"  # noqa: S105 - a label: the identity service gave no token, nothing was sent
    NO_TOKEN = "no_token"  # noqa: S105 - a label: and it will not with this credential


@dataclass(frozen=True, slots=True)
class Answer:
    """
    One request's end.

    *status* is 0 when *failure* says why there was none. *document* is the parsed JSON body,
    ``None`` when it was not JSON; *retry_after_s* what the inlet asked to wait; *seconds* how
    long the request took; *detail* one sentence about a failure.
    """

    status: int = 0
    failure: Failure | None = None
    document: Any = field(default=None, repr=False)
    retry_after_s: float | None = None
    seconds: float = 0.0
    detail: str = ""

    @property
    def label(self) -> str:
        """The status, or the failure, as metrics and logs name it."""
        return str(self.status) if self.failure is None else self.failure.value
