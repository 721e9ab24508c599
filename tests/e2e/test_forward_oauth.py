"""An authenticated inlet: a token for every request, renewed when it is refused."""

from __future__ import annotations

import httpx
import pytest
from forward_kit import Rig, event, reply, rig_in, taken

from relay.adobe.auth import OAuth
from relay.clock import SystemClock
from relay.config import AdobeConfig

pytestmark = pytest.mark.sockets


@pytest.fixture
async def rig(tmp_path):
    async with rig_in(tmp_path) as made:
        yield made


class Ims:
    """Gives t1, t2, …; refuses everything once *status* is set."""

    def __init__(self) -> None:
        self.given = 0
        self.status = 200

    def handle(self, _: httpx.Request) -> httpx.Response:
        if self.status != 200:
            return httpx.Response(self.status, json={"error": "invalid_client"})
        self.given += 1
        token = {"access_token": f"t{self.given}", "expires_in": 3600}
        return httpx.Response(200, json=token)


@pytest.fixture
async def ims(rig):
    made = Ims()
    config = AdobeConfig(client_id="id", client_secret="secret")
    async with httpx.AsyncClient(transport=httpx.MockTransport(made.handle)) as client:
        rig.tokens = OAuth(config, client, SystemClock())
        yield made


async def test_one_token_serves_many_requests(rig: Rig, ims: Ims):
    """Fifty requests at once carry the same token."""
    await rig.append(*[event(f"e{number}") for number in range(50)])
    rig.start(auth="oauth", mode="single")
    await rig.settled()
    assert {request.headers["authorization"] for request in rig.inlet.requests} == {"Bearer t1"}
    assert ims.given == 1


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_token_is_renewed_and_the_request_repeated(rig, ims, status):
    """A token that was withdrawn costs one more request, and no pause."""

    def script(request):
        return reply(status) if request.headers["authorization"] == "Bearer t1" else taken(request)

    rig.inlet.script = script
    await rig.append(event("e"))
    forward = rig.start(auth="oauth")
    await rig.settled()
    assert rig.outcomes == {"delivered": 1}
    assert ims.given == 2
    assert len(rig.inlet.requests) == 2
    assert forward.stats().pause is None


async def test_refused_after_renewal_pauses(rig: Rig, ims: Ims):
    """When no token is taken the route pauses, and IMS is not asked with every probe."""
    rig.inlet.script = lambda request: reply(401)
    await rig.append(*[event(f"e{number}") for number in range(5)])
    forward = rig.start(auth="oauth")
    await rig.until(lambda: len(rig.inlet.requests) >= 8)
    pause = forward.stats().pause
    assert pause is not None
    assert pause.reason == "credentials"
    assert ims.given <= 2
    assert rig.outcomes == {}
    rig.inlet.script = taken
    await rig.settled()
    assert rig.outcomes == {"delivered": 5}


async def test_a_credential_that_ims_refuses_pauses(rig: Rig, ims: Ims):
    """Nothing is sent without a token; the pause says so without the secret."""
    ims.status = 400
    await rig.append(event("e"))
    forward = rig.start(auth="oauth")
    await rig.until(lambda: forward.stats().pause is not None)
    pause = forward.stats().pause
    assert pause is not None
    assert pause.reason == "credentials"
    assert "invalid_client" in pause.detail
    assert "secret" not in pause.detail
    assert not rig.inlet.requests


async def test_ims_being_away_is_waited_out(rig: Rig, ims: Ims):
    """A temporary failure of IMS is retried like one of the inlet."""
    ims.status = 503
    await rig.append(event("e"))
    forward = rig.start(auth="oauth")
    label = rig.metrics.inlet_requests.labels("marketing", "token")
    await rig.until(lambda: label._value.get() >= 2)
    assert forward.stats().pause is None
    ims.status = 200
    await rig.settled()
    assert rig.outcomes == {"delivered": 1}
