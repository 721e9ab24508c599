"""The access tokens that the local IMS gave out, and until when they hold."""

from __future__ import annotations

import base64
import secrets
from enum import Enum

import orjson

from relay.clock import Clock

_SWEEP_EVERY = 1000


class TokenState(Enum):
    """What a token is worth."""

    VALID = "valid"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


class Tokens:
    """Every token given out, for its lifetime; they do not survive a restart."""

    def __init__(self, clock: Clock, *, lifetime_s: int) -> None:
        self.lifetime_s = lifetime_s
        self._clock = clock
        # token -> (expiry by the monotonic clock, client id); changed by `issue` and `revoke_all`.
        self._issued: dict[str, tuple[float, str]] = {}

    def issue(self, client_id: str) -> str:
        """
        Give *client_id* a new token.

        It has a JWT's three parts, because clients look into them; its signature is random.
        """
        now_s = self._clock.monotonic_s()
        if len(self._issued) % _SWEEP_EVERY == _SWEEP_EVERY - 1:
            self._sweep(now_s)
        claims = {
            "client_id": client_id,
            "type": "access_token",
            "created_at": str(int(self._clock.wall_s() * 1000)),
            "expires_in": str(self.lifetime_s * 1000),
        }
        head = _part(orjson.dumps({"alg": "RS256", "typ": "JWT"}))
        token = f"{head}.{_part(orjson.dumps(claims))}.{secrets.token_urlsafe(48)}"
        self._issued[token] = (now_s + self.lifetime_s, client_id)
        return token

    def state(self, token: str) -> TokenState:
        """Say what *token* is worth now."""
        issued = self._issued.get(token)
        if issued is None:
            return TokenState.UNKNOWN
        if issued[0] <= self._clock.monotonic_s():
            return TokenState.EXPIRED
        return TokenState.VALID

    def client_of(self, token: str) -> str:
        """Name the client that *token* was given to; empty when it is unknown."""
        return self._issued.get(token, (0.0, ""))[1]

    def revoke_all(self) -> None:
        """Make every token given out so far unknown, as a rotated secret does."""
        self._issued.clear()

    def _sweep(self, now_s: float) -> None:
        """Forget tokens that expired more than a lifetime ago; until then they are *expired*."""
        oldest_s = now_s - self.lifetime_s
        self._issued = {
            token: issued for token, issued in self._issued.items() if issued[0] > oldest_s
        }


def bearer(header: str) -> str:
    """
    Take the token out of an ``Authorization`` header: with ``Bearer`` in front of it, or bare.

    Source:
        Inlets take both (Adobe's reference of the streaming data inlet, "Authorization").
    """
    scheme, _, rest = header.strip().partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else header.strip()


def _part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
