"""The one caller: headers, what is repeated and what is not, tokens, where it may be sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from relay.adobe import http
from relay.adobe.http import AdobeHttp, Answer, Tenancy
from relay.clock import ManualClock
from relay.errors import AdobeError, AuthError
from relay.retry import Schedule

_PATH = "/data/foundation/flowservice/flows"
_SECRET_BODY = {"auth": {"params": {"password": "nobody-may-see"}}}


class Tokens:
    """Gives ``one``, then, when that is refused and it can, ``two``."""

    def __init__(self, *, renews: bool = True) -> None:
        self._renews = renews
        self.renewed = 0

    async def token(self) -> str:
        """The first one."""
        return "one"

    async def renew(self, stale: str) -> str:
        """The second one, or the same."""
        self.renewed += 1
        return "two" if self._renews else stale


class Caller:
    """A caller whose requests *answer* answers, by their number from 1."""

    def __init__(
        self, answer: Callable[[int, httpx.Request], httpx.Response], tokens: Tokens | None = None
    ) -> None:
        self.requests: list[httpx.Request] = []
        self.tokens: list[str] = []
        self.slept_s: list[float] = []
        self.told: list[str] = []
        self._answer = answer
        self._tokens = tokens or Tokens()

    async def __call__(self, method: str = "GET", path: str = _PATH, **how: Any) -> Answer:
        """Make one call."""

        def handle(request: httpx.Request) -> httpx.Response:
            self.requests.append(request)
            self.tokens.append(request.headers["authorization"])
            return self._answer(len(self.requests), request)

        async def sleep(seconds: float) -> None:
            self.slept_s.append(seconds)

        async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as client:
            caller = AdobeHttp(
                client,
                base_url="https://adobe.example/",
                tokens=self._tokens,
                tenancy=Tenancy("key", "1@AdobeOrg", "stage"),
                clock=ManualClock(),
                schedule=Schedule(base_s=1.0, max_s=10.0),
                sleep=sleep,
                progress=self.told.append,
            )
            return await caller.call(method, path, doing="do it", **how)


def _after(failures: int, *, status: int = 503, **headers: str):
    def answer(number: int, _request: httpx.Request) -> httpx.Response:
        if number <= failures:
            return httpx.Response(status, headers=headers)
        return httpx.Response(200, json={"id": "x"})

    return answer


async def test_headers():
    """Every call carries the tutorial's four headers, a body its type, a patch its etag."""
    caller = Caller(_after(0))
    await caller("PATCH", json=[], if_match='"an-etag"', accept="application/x+json")
    (request,) = caller.requests
    assert str(request.url) == f"https://adobe.example{_PATH}"
    assert {name: request.headers[name] for name in (
        "authorization", "x-api-key", "x-gw-ims-org-id", "x-sandbox-name", "content-type",
        "if-match", "accept",
    )} == {
        "authorization": "Bearer one",
        "x-api-key": "key",
        "x-gw-ims-org-id": "1@AdobeOrg",
        "x-sandbox-name": "stage",
        "content-type": "application/json",
        "if-match": '"an-etag"',
        "accept": "application/x+json",
    }  # fmt: skip


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
async def test_repeated(method: str, status: int):
    """What may be carried out twice is repeated after what passes."""
    caller = Caller(_after(2, status=status))
    assert (await caller(method)).status == 200
    assert len(caller.requests) == 3
    assert 0 <= caller.slept_s[0] <= 1
    assert 0 <= caller.slept_s[1] <= 2


async def test_not_for_ever():
    """After five attempts the error is the last answer."""
    caller = Caller(_after(99))
    with pytest.raises(AdobeError) as caught:
        await caller()
    assert len(caller.requests) == 5
    assert (caught.value.status, caught.value.is_temporary) == (503, True)


async def test_retry_after():
    """The pause is what Adobe asks for, as seconds or as a date."""
    caller = Caller(_after(1, status=429, **{"retry-after": "17"}))
    await caller()
    assert caller.slept_s == [17.0]
    # The manual clock's wall time is 2023-11-14 22:13:20 UTC.
    date = "Tue, 14 Nov 2023 22:13:50 GMT"
    caller = Caller(_after(1, status=503, **{"retry-after": date}))
    await caller()
    assert caller.slept_s == [30.0]


async def test_who_waits_is_told():
    """A pause that a person notices is told with its reason; a short one is not."""
    caller = Caller(_after(1, status=429, **{"retry-after": "600"}))
    await caller()
    assert caller.told == ["Adobe refused to do it: 429; asking again in 600 s"]
    caller = Caller(_after(0), _Away(1, retry_after_s=60))
    await caller()
    assert caller.told == ["away; asking again in 60 s"]
    caller = Caller(_after(1, status=429, **{"retry-after": "1"}))
    await caller()
    assert caller.told == []


@pytest.mark.parametrize(("status", "requests"), [(429, 2), (500, 1), (503, 1), (504, 1)])
async def test_a_creation(status: int, requests: int):
    """A creation is repeated only when it was certainly not carried out."""
    caller = Caller(_after(1, status=status))
    if requests == 1:
        with pytest.raises(AdobeError) as caught:
            await caller("POST", json={})
        assert caught.value.is_ambiguous
    else:
        await caller("POST", json={})
    assert len(caller.requests) == requests


@pytest.mark.parametrize(
    ("error", "repeats"),
    [
        (httpx.ConnectError, True),
        (httpx.ConnectTimeout, True),
        (httpx.ReadTimeout, False),
        (httpx.RemoteProtocolError, False),
    ],
)
async def test_a_creation_without_an_answer(error: type[Exception], *, repeats: bool):
    """A creation that may have arrived is not repeated; one that cannot have is."""

    def answer(number: int, _request: httpx.Request) -> httpx.Response:
        if number == 1:
            raise error("")
        return httpx.Response(201, json={"id": "x"})

    caller = Caller(answer)
    if repeats:
        assert (await caller("POST", json={})).status == 201
        return
    with pytest.raises(AdobeError) as caught:
        await caller("POST", json={})
    assert (caught.value.status, caught.value.is_ambiguous) == (0, True)
    assert len(caller.requests) == 1


async def test_an_answer_that_cannot_be_read():
    """Rubbish in an answer's encoding is asked for again, then told in a sentence."""

    def answer(_number: int, _request: httpx.Request) -> httpx.Response:
        encoded = {"content-encoding": "gzip"}
        return httpx.Response(200, headers=encoded, stream=httpx.ByteStream(b"no gzip"))

    caller = Caller(answer)
    with pytest.raises(AdobeError) as caught:
        await caller()
    assert caught.value.message.startswith(
        "no readable answer from Adobe to do it: what came back"
    )
    assert len(caller.requests) == 5


async def test_an_answer_that_drips(monkeypatch: pytest.MonkeyPatch):
    """An answer has a limit in all, not only between two of its bytes."""
    monkeypatch.setattr(http, "_LONGEST_S", 0.1)

    async def drip() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.01)
            yield b" "

    def answer(_number: int, _request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=drip())

    caller = Caller(answer)
    with pytest.raises(AdobeError) as caught:
        await caller("POST", json={})
    assert "no whole answer in time" in caught.value.message
    assert caught.value.is_ambiguous


async def test_a_question_by_post():
    """A POST that changes nothing is repeated like a read."""
    caller = Caller(_after(1, status=500))
    assert (await caller("POST", json={}, may_repeat=True)).status == 200


@pytest.mark.parametrize("status", [400, 403, 404, 409, 412, 422])
async def test_refused(status: int):
    """What time does not mend is asked once."""
    caller = Caller(_after(9, status=status))
    with pytest.raises(AdobeError) as caught:
        await caller()
    assert len(caller.requests) == 1
    assert caught.value.status == status


async def test_a_token_that_ended():
    """A refused token is renewed once, and the call made again with the new one."""
    tokens = Tokens()
    caller = Caller(_after(1, status=401), tokens)
    assert (await caller("POST", json={})).status == 200
    assert caller.tokens == ["Bearer one", "Bearer two"]
    assert tokens.renewed == 1


@pytest.mark.parametrize(("renews", "requests"), [(True, 2), (False, 1)])
async def test_a_token_that_never_works(*, renews: bool, requests: int):
    """When a new token is refused, too, or there is none, the refusal is told."""
    tokens = Tokens(renews=renews)
    caller = Caller(_after(9, status=401), tokens)
    with pytest.raises(AdobeError) as caught:
        await caller()
    assert (len(caller.requests), tokens.renewed) == (requests, 1)
    assert caught.value.fault == "credentials"


class _Away(Tokens):
    """Gives a token after *failures* refusals."""

    def __init__(self, failures: int, **how: Any) -> None:
        super().__init__()
        self.asked = 0
        self._failures = failures
        self._how = how

    async def token(self) -> str:
        """Fail, or give the first one."""
        self.asked += 1
        if self.asked <= self._failures:
            raise AuthError("away", **self._how)
        return await super().token()


async def test_an_identity_service_that_is_away_is_asked_again():
    """A token that cannot be had now is asked for again, as late as the service wants it."""
    caller = Caller(_after(0), _Away(3, retry_after_s=2.5))
    assert (await caller()).status == 200
    assert len(caller.requests) == 1
    assert caller.slept_s[:2] == [2.5, 2.5]
    assert 2.5 <= caller.slept_s[2] <= 4


@pytest.mark.parametrize(("permanent", "asked"), [(True, 1), (False, 7)])
async def test_a_token_is_not_asked_for_for_ever(*, permanent: bool, asked: int):
    """A credential that is wrong is told at once, an outage after several attempts."""
    tokens = _Away(99, permanent=permanent)
    caller = Caller(_after(0), tokens)
    with pytest.raises(AuthError):
        await caller()
    assert (tokens.asked, len(caller.requests)) == (asked, 0)


async def test_links_lead_nowhere_else():
    """Of an absolute link only path and query are followed: no answer sends our token away."""
    caller = Caller(_after(0))
    await caller(path=f"https://elsewhere.example{_PATH}?continuationToken=a%3D%3D")
    assert str(caller.requests[0].url) == (
        f"https://adobe.example{_PATH}?continuationToken=a%3D%3D"
    )


async def test_redirects_are_not_followed():
    """A redirect is an error: a token goes nowhere that the settings do not name."""
    caller = Caller(
        lambda _n, _r: httpx.Response(307, headers={"location": "https://elsewhere.example/"})
    )
    with pytest.raises(AdobeError) as caught:
        await caller()
    assert (len(caller.requests), caught.value.status) == (1, 307)


async def test_nothing_of_ours_in_errors():
    """Neither our body nor the token stands in an error."""
    for answer in (_after(9, status=400), _after(9, status=401)):
        with pytest.raises(AdobeError) as caught:
            await Caller(answer)("POST", json=_SECRET_BODY)
        for text in (str(caught.value), repr(caught.value), repr(vars(caught.value))):
            assert "nobody-may-see" not in text
            assert "Bearer" not in text


@pytest.mark.parametrize(
    ("body", "path", "place"),
    [
        ({}, ("id",), "id"),
        ({"items": []}, ("items", 0, "id"), "items.0.id"),
        (None, ("items",), "items"),
        ("<html>", ("items",), "items"),
        ([], (0,), "0"),
    ],
)
def test_what_an_answer_lacks(body: Any, path: tuple[str | int, ...], place: str):
    """An answer without what it must have is an error that says what and where."""
    answer = Answer(200, body, "read the flow", "GET /flows/1")
    with pytest.raises(AdobeError) as caught:
        answer.at(*path)
    assert caught.value.message == (
        f"Adobe answered 200 to read the flow, without {place} (GET /flows/1)"
    )


@pytest.mark.parametrize("body", [None, [], "x", {"items": {}}, {"items": [1]}])
def test_lists_of_objects(body: Any):
    """What must be a list of objects, and is not, is an error."""
    with pytest.raises(AdobeError):
        Answer(200, body, "list", "GET /x").items("items")


@pytest.mark.parametrize("body", [None, [], "x", 1])
def test_objects(body: Any):
    """What must be an object, and is not, is an error."""
    with pytest.raises(AdobeError):
        Answer(200, body, "read", "GET /x").object()


async def test_no_proxy_leads_to_this_machine(monkeypatch):
    """A proxy of the environment gets what goes to Adobe, and nothing that stays here."""
    heard = []

    async def hear(reader, writer):
        heard.append((await reader.readline()).decode().rsplit(" ", 1)[0])
        writer.write(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(hear, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        async with http.new_client() as client:
            for host in ("127.0.0.1", "localhost", "platform.invalid"):
                await client.get(f"http://{host}:{port}/x")
    assert heard == ["GET /x", "GET /x", f"GET http://platform.invalid:{port}/x"]
