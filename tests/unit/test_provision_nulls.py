"""Adobe's answers with a null where the documents show a value, one at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx
from provision_kit import Handle, World

from relay.errors import AdobeError
from relay.provision.monitor import Monitor
from relay.provision.session import Session
from relay.provision.status import status

Place = tuple[str | int, ...]
_HOUR_S = 3600


def _places(value: Any, above: Place = ()) -> Iterator[Place]:
    """Every place in *value*; of a list, the first row."""
    if above:
        yield above
    inner = value.items() if isinstance(value, dict) else enumerate(value[:1])
    for step, item in inner:
        if isinstance(item, dict | list):
            yield from _places(item, (*above, step))
        else:
            yield (*above, step)


def _with_null(value: Any, place: Place) -> Any:
    changed = deepcopy(value)
    at = changed
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = None
    return changed


async def _look(session: Session) -> None:
    """Read all that `relay provision status` and `relay monitor` read."""
    current = await session.look()
    status(session.desired, current)
    monitor = Monitor(session, current, None)
    await monitor.look(since_s=session.pace.clock.wall_s() - 86_400)


async def _problem(session: Session) -> str:
    try:
        await _look(session)
    except AdobeError as error:
        return error.message
    return ""


async def test_a_null_is_as_good_as_nothing(tmp_path: Path):
    """Whatever is null in an answer, a command reads on without it, or says what is missing."""
    world = World(tmp_path)
    applied = await world.apply()
    world.clock.advance(_HOUR_S)
    event = {"event_id": "E1", "object_type": {"a": 1}, "metric": "sent", "timestamp": 1}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(world.app)) as client:
        inlet = f"{applied.inlet_url}?x-adobe-flow-id={applied.ids.flow}"
        assert (await client.post(inlet, json=event)).status_code == 200
    answers: dict[int, Any] = {}

    async def keep(number: int, request: httpx.Request, handle: Handle) -> httpx.Response:
        answer = await handle(request)
        answers[number] = json.loads(await answer.aread())
        return answer

    async with world.session(hook=keep) as (session, _):
        await _look(session)
    cases = [(number, place) for number, body in answers.items() for place in _places(body)]
    assert len(cases) > 100
    for changed, place in cases:

        async def change(
            number: int, request: httpx.Request, handle: Handle, at: Any = (changed, place)
        ) -> httpx.Response:
            answer = await handle(request)
            body = json.loads(await answer.aread())
            if number == at[0]:
                body = _with_null(body, at[1])
            return httpx.Response(answer.status_code, json=body, request=request)

        async with world.session(hook=change) as (session, _):
            problem = await _problem(session)
        assert not problem or ", without " in problem
