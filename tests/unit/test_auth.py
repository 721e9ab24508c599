"""Tokens: shared, renewed in time, renewed early once, and no secret in any error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import parse_qs

import httpx
import pytest

from relay.adobe.auth import OAuth
from relay.clock import ManualClock
from relay.config import AdobeConfig
from relay.errors import AuthError

SECRET = "p8e-s3cret"


class Ims:
    """The identity service: answers what the test says, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []
        self.answer = lambda number: httpx.Response(
            200,
            json={"access_token": f"t{number}", "token_type": "bearer", "expires_in": 86399},
        )

    async def handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        await asyncio.sleep(0)
        return self.answer(len(self.asked))


@pytest.fixture
def ims():
    return Ims()


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
async def tokens(ims, clock):
    config = AdobeConfig(
        ims_url="https://ims.example/", client_id="id-1", client_secret=SECRET, scopes="a,b"
    )
    async with httpx.AsyncClient(transport=httpx.MockTransport(ims.handle)) as client:
        yield OAuth(config, client, clock)


async def test_the_credential_is_posted_as_a_form(ims, tokens):
    """Grant, id, secret and scopes in the body, at IMS's path; nothing in the query."""
    assert await tokens.token() == "t1"
    request = ims.asked[0]
    assert str(request.url) == "https://ims.example/ims/token/v3"
    assert parse_qs(request.content.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["id-1"],
        "client_secret": [SECRET],
        "scope": ["a,b"],
    }


async def test_a_token_is_shared_until_shortly_before_its_end(ims, tokens, clock):
    """Twenty at once ask IMS once; five minutes before its end the next one is fetched."""
    given = await asyncio.gather(*(tokens.token() for _ in range(20)))
    assert set(given) == {"t1"}
    clock.advance(86399 - 301)
    assert await tokens.token() == "t1"
    clock.advance(2)
    assert set(await asyncio.gather(*(tokens.token() for _ in range(20)))) == {"t2"}
    assert len(ims.asked) == 2


async def test_an_old_token_serves_while_ims_is_away(ims, tokens, clock):
    """A renewal that fails costs nothing as long as the token is valid; then it is an error."""
    await tokens.token()
    ims.answer = lambda _: httpx.Response(503)
    clock.advance(86399 - 200)
    assert await tokens.token() == "t1"
    clock.advance(300)
    with pytest.raises(AuthError) as caught:
        await tokens.token()
    assert not caught.value.permanent


async def test_a_refused_token_is_renewed_once_for_all(ims, tokens, clock):
    """Ten requests whose token was refused share one renewal."""
    stale = await tokens.token()
    clock.advance(3600)
    assert set(await asyncio.gather(*(tokens.renew(stale) for _ in range(10)))) == {"t2"}
    assert await tokens.token() == "t2"
    assert len(ims.asked) == 2


async def test_a_token_that_is_just_made_is_renewed_once(ims, tokens, clock):
    """A refused token is renewed however young; refused again, IMS is left in peace a minute."""
    assert await tokens.renew(await tokens.token()) == "t2"
    clock.advance(30)
    assert await tokens.renew("t2") == "t2"
    assert len(ims.asked) == 2
    clock.advance(31)
    assert await tokens.renew("t2") == "t3"


@pytest.mark.parametrize(
    ("status", "permanent"), [(400, True), (401, True), (403, True), (429, False), (500, False)]
)
async def test_a_refusal_says_whether_asking_again_helps(ims, tokens, status, permanent):
    """A wrong credential is permanent; the error names IMS's code and holds no secret."""
    ims.answer = lambda _: httpx.Response(
        status, json={"error": "invalid_client", "error_description": f"wrong {SECRET}"}
    )
    with pytest.raises(AuthError) as caught:
        await tokens.token()
    assert caught.value.permanent is permanent
    assert "invalid_client" in str(caught.value)
    assert SECRET not in str(caught.value)


async def test_a_failure_is_remembered_for_a_while(ims, tokens, clock):
    """After a failure the next requests fail at once; Retry-After lengthens the silence."""
    ims.answer = lambda _: httpx.Response(429, headers={"retry-after": "60"})
    for _ in range(5):
        with pytest.raises(AuthError):
            await tokens.token()
    assert len(ims.asked) == 1
    clock.advance(59)
    with pytest.raises(AuthError):
        await tokens.token()
    clock.advance(2)
    ims.answer = lambda _: httpx.Response(200, json={"access_token": "t9", "expires_in": 60})
    assert await tokens.token() == "t9"
    assert len(ims.asked) == 2


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=["access_token"]),
        httpx.Response(200, json={"access_token": 7}),
        httpx.Response(200, json={"access_token": ""}),
        httpx.Response(200, json={"access_token": "a\r\nx: y"}),
        httpx.Response(200, content=b'{"access_token":"' + b"x" * 100_000 + b'"}'),
        httpx.Response(302, headers={"location": "https://elsewhere.example/"}),
        httpx.Response(
            200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"not gzip")
        ),
    ],
)
async def test_what_is_no_token_is_refused(ims, tokens, answer):
    """Rubbish, a token that no header may carry, an endless body, a redirect: an AuthError."""
    ims.answer = lambda _: answer
    with pytest.raises(AuthError):
        await tokens.token()
    assert len(ims.asked) == 1


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (httpx.ConnectError("no such name"), ": no connection: no such name\n"),
        # Once something was sent, an error may speak of it.
        (httpx.RemoteProtocolError("what is p8e-s3cret"), "or what came back is not HTTP\n"),
    ],
)
async def test_no_answer_is_temporary(ims, tokens, error, told):
    """Without IMS there is no token now, and perhaps later."""

    def no_answer(_):
        raise error

    ims.answer = no_answer
    with pytest.raises(AuthError) as caught:
        await tokens.token()
    assert not caught.value.permanent
    assert told in str(caught.value)
    assert SECRET not in str(caught.value)


class Drip(httpx.AsyncByteStream):
    """A body that goes on and on, a byte now and then."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.01)


async def test_an_answer_that_drips_is_given_up(ims, tokens, monkeypatch):
    """However often a byte comes, no route waits for longer than the limit."""
    monkeypatch.setattr("relay.adobe.auth._TIMEOUT_S", 0.1)
    ims.answer = lambda _: httpx.Response(200, stream=Drip())
    with pytest.raises(AuthError, match="no whole answer in time") as caught:
        await asyncio.wait_for(tokens.token(), 5)
    assert not caught.value.permanent


@pytest.mark.parametrize("expires_in", [None, "soon", -5, 0])
async def test_a_token_of_unknown_life_lives_an_hour(ims, tokens, clock, expires_in):
    """An expires_in that cannot be read does not make every request ask IMS."""
    ims.answer = lambda number: httpx.Response(
        200, json={"access_token": f"t{number}", "expires_in": expires_in}
    )
    assert await tokens.token() == "t1"
    clock.advance(3200)
    assert await tokens.token() == "t1"
    clock.advance(400)
    assert await tokens.token() == "t2"
