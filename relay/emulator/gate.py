"""
What a request must have before an inlet looks at its messages: content type, size, token.

Source:
    adobe.md §1.2, §1.5, §1.6. Assumed: which check comes first; an unknown inlet is answered
    404; a body that is not whole JSON is refused as such, whatever its encoding; see
    docs/assumptions.md, "the emulated inlet".
"""

from __future__ import annotations

import hashlib
import hmac
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from relay.clock import Clock
from relay.emulator import bodies
from relay.emulator.answer import Answer
from relay.emulator.inlets import Inlet
from relay.emulator.settings import EmulatorSettings
from relay.emulator.tokens import Tokens, TokenState, bearer

FLOW_HEADER = "x-adobe-flow-id"

_JSON = "application/json"
_SYNC_PER_MINUTE = 60  # adobe.md §0.6
_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Call:
    """
    One request, read whole; header names are lower case.

    *size_bytes* is what was sent; *body* is empty when that was over the limit.
    """

    inlet_id: str
    is_batch: bool
    headers: Mapping[str, str] = field(repr=False)
    query: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    size_bytes: int

    @classmethod
    def read(
        cls,
        address: tuple[str, bool],
        raw_headers: list[tuple[bytes, bytes]],
        query: bytes,
        body: bytes,
        size_bytes: int,
    ) -> Call:
        """Read it from the parts of an ASGI scope."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in raw_headers}
        found = dict(parse_qsl(query.decode("latin-1"))) if query else {}
        return cls(address[0], address[1], headers, found, body, size_bytes)

    @property
    def flow_id(self) -> str:
        """The flow id of the request; the header is the same as the query parameter."""
        return self.headers.get(FLOW_HEADER) or self.query.get(FLOW_HEADER, "")

    @property
    def wants_validation(self) -> bool:
        """Whether a single message asks to be validated before the answer."""
        return not self.is_batch and self.query.get("syncValidation", "").lower() == "true"


class Gate:
    """Refuses requests; remembers only when inlets were asked for ``syncValidation``."""

    def __init__(self, settings: EmulatorSettings, tokens: Tokens) -> None:
        self._settings = settings
        self._tokens = tokens
        self._validations = Validations(settings.clock)

    def refuse(self, call: Call, inlet: Inlet | None) -> Answer | None:
        """Answer a request that does not get past; ``None`` lets it."""
        if inlet is None:
            message = f"inletId: [{call.inlet_id}] does not exist"
            return Answer.of(404, bodies.of_status(404, call.inlet_id, message))
        if not self._has_content_type(call):
            return Answer.of(400, bodies.content_type_missing())
        if call.size_bytes > self._settings.max_request_bytes:
            message = (
                f"inletId: [{call.inlet_id}] the payload has {call.size_bytes} bytes, "
                f"at most {self._settings.max_request_bytes} are taken"
            )
            return Answer.of(413, bodies.of_status(413, call.inlet_id, message))
        refusal = self._unauthorized(call, inlet)
        if refusal is not None:
            return refusal
        return self._no_validation(call) if call.wants_validation else None

    def _has_content_type(self, call: Call) -> bool:
        """
        Whether the content type is JSON, with or without parameters.

        Adobe also names ``application/x-jackson-smile``, which the emulator does not read.
        """
        found = call.headers.get("content-type", "").partition(";")[0].strip().lower()
        return found == _JSON or not self._settings.strict

    def _unauthorized(self, call: Call, inlet: Inlet) -> Answer | None:
        """
        Check the token and the signature that the inlet asks for.

        Assumed: the words for a token that is there but not valid; a wrong ``x-hmac-sha256``, in
        lower-case hex over the exact body, is answered like a token that is missing.
        """
        if inlet.is_authenticated:
            header = call.headers.get("authorization", "")
            if not header:
                return Answer.of(401, bodies.unauthorized(inlet.inlet_id))
            if self._tokens.state(bearer(header)) is not TokenState.VALID:
                status = self._settings.bad_token_status
                why = "Ims service token is invalid or expired"
                return Answer.of(status, bodies.unauthorized(inlet.inlet_id, why, status))
        if inlet.hmac_secret:
            secret = inlet.hmac_secret.encode()
            expected = hmac.new(secret, call.body, hashlib.sha256).hexdigest()
            found = call.headers.get("x-hmac-sha256", "")
            if not hmac.compare_digest(expected.encode(), found.encode()):
                why = "HMAC signature is missing or invalid"
                return Answer.of(401, bodies.unauthorized(inlet.inlet_id, why))
        return None

    def _no_validation(self, call: Call) -> Answer | None:
        """Refuse ``syncValidation`` where it is not offered, or too often (60 a minute)."""
        if not self._settings.sync_validation:
            message = "syncValidation is not supported at this location"
            return Answer.of(501, bodies.of_status(501, call.inlet_id, message))
        if not self._validations.may_start(call.inlet_id):
            return Answer.of(429, bodies.too_many_requests())
        return None


class Validations:
    """Counts the requests of the last minute, inlet by inlet."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # inlet id -> monotonic times of its last sixty; changed by `may_start`.
        self._times: dict[str, deque[float]] = {}

    def may_start(self, inlet_id: str) -> bool:
        """Count one more, if it may be."""
        now_s = self._clock.monotonic_s()
        times = self._times.setdefault(inlet_id, deque(maxlen=_SYNC_PER_MINUTE))
        if len(times) == _SYNC_PER_MINUTE and now_s - times[0] < _MINUTE_S:
            return False
        times.append(now_s)
        return True
