"""What a person reads when the set-up cannot be made: word for word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from provision_kit import ORG, SECRET, Handle, World, desired

from relay.config import shipped
from relay.errors import AdobeError, AuthError, ProvisionError, RelayError

_UNKNOWN_SCHEMA = "https://ns.adobe.com/extconndev/schemas/" + "0" * 48


async def _error(world: World, **how: Any) -> RelayError:
    with pytest.raises(RelayError) as caught:
        await world.apply(**how)
    assert SECRET not in str(caught.value)
    return caught.value


async def test_wrong_credentials(tmp_path: Path):
    """A secret that the identity service refuses is named as a setting, without its value."""
    world = World(tmp_path, client_id="client", client_secret="another")
    error = await _error(world)
    assert isinstance(error, AuthError)
    assert error.message == (
        "the identity service https://adobe:8090/ims/token/v3 refused a token: 400 invalid_client"
    )
    assert error.hint == "check adobe.client_id, adobe.client_secret and adobe.scopes"


async def test_wrong_sandbox(tmp_path: Path):
    """A sandbox that the organisation lacks is said at the first call, and asked for once."""
    world = World(tmp_path, client_id="client", client_secret=SECRET)
    async with world.session(sandbox="stage") as (session, wire):
        with pytest.raises(AdobeError) as caught:
            await session.apply(world.progress.append)
    error = caught.value
    assert len(wire.calls) == 1
    assert error.message == (
        "Adobe refused to read the tenant's name: 404 FLOW-2100-404, The sandbox stage was not "
        "found in the organisation (GET /data/foundation/schemaregistry/stats, request "
        f"{error.request_id})"
    )
    assert error.hint == "the sandbox does not exist in this organisation: check adobe.sandbox"


async def test_unknown_api_key(tmp_path: Path):
    """A token that the gateway refuses is renewed once, then told with what to check."""
    world = World(tmp_path)

    async def refuse(_n: int, _request: httpx.Request, _handle: Handle) -> httpx.Response:
        return httpx.Response(
            401, json={"error_code": "401013", "message": "Oauth token is not valid"}
        )

    error = await _error(world, hook=refuse)
    assert error.message == (
        "Adobe refused to read the tenant's name: 401 401013, Oauth token is not valid "
        "(GET /data/foundation/schemaregistry/stats)"
    )
    assert error.hint == ("the token was refused: check adobe.client_id and adobe.client_secret")


@pytest.mark.parametrize(
    ("kind", "what", "name"),
    [
        ("flows", "a flow", "Customer.io"),
        ("sourceConnections", "a source connection", "Customer.io"),
        ("targetConnections", "a target connection", "Customer.io"),
        ("dataSets", "a dataset", "Customer.io"),
        ("schemas", "a schema", "Customer.io"),
        ("fieldgroups", "a field group", "Customer.io fields"),
    ],
)
async def test_name_taken(tmp_path: Path, kind: str, what: str, name: str):
    """A resource of our name that another made is named, and nothing is written."""
    world = World(tmp_path)
    await world.apply()
    sandbox = world.app.store.sandbox(ORG, "prod")
    ((id_, item),) = sandbox.of(kind).items()
    item.pop("tags", None)
    item["description"] = "somebody else's"
    for other in ("flows", "sourceConnections", "targetConnections", "dataSets", "schemas",
                  "fieldgroups", "mappingSets"):  # fmt: skip
        if other != kind:
            sandbox.of(other).clear()
    world.forget()
    async with world.session() as (session, wire):
        with pytest.raises(ProvisionError) as caught:
            await session.apply(world.progress.append)
    assert {call.split()[0] for call in wire.calls} == {"GET"}
    shown = item.get("$id", id_)
    assert caught.value.message == (
        f"{what} named {name!r} exists ({shown}) and was not made for this route"
    )
    assert caught.value.hint == (
        "choose another provision.name, or adopt a whole set-up with "
        "`relay provision import --flow-id`"
    )


async def test_given_schema_is_missing(tmp_path: Path):
    """A schema given by an id that is not there is an error before anything is written."""
    world = World(tmp_path)
    world.desired = desired("marketing", schema_id=_UNKNOWN_SCHEMA)
    error = await _error(world)
    assert error.message == f"the schema {_UNKNOWN_SCHEMA} is not in this sandbox"
    assert error.hint == "mend provision.schema_id and adobe.sandbox"
    assert sum(world.made().values()) == 0


async def test_given_schema_does_not_fit(tmp_path: Path):
    """What the rows feed and the given schema lacks is told before anything is made of them."""
    world = World(tmp_path)
    row = {"sourceType": "ATTRIBUTE", "source": "event_id", "destination": "_a.event_id0"}
    world.desired = desired("given", rows=[row], name="Given")
    given = (await world.apply(memory="given")).ids.schema
    world.desired = desired(
        "marketing", rows=[row, {**row, "destination": "_a.id"}], schema_id=given
    )
    before = world.made()
    error = await _error(world)
    assert error.message == (
        f"the mapping set does not fit the schema {given}: "
        "row 2 (_extconndev.id): the schema has no _extconndev.id"
    )
    assert error.hint == "mend the rows, or give the schema what they feed"
    assert world.made() == before


@pytest.mark.parametrize("name", ["mapping.json", "mapping.experience-event.json"])
async def test_a_schema_that_was_made_here_fits(tmp_path: Path, name: str):
    """The schema that one route got can be given to another with the same rows."""
    rows = json.loads(shipped(name).read_bytes())["mappings"]
    world = World(tmp_path)
    world.desired = desired("given", rows=rows, name="Given")
    given = (await world.apply(memory="given")).ids.schema
    world.desired = desired("marketing", rows=rows, schema_id=given)
    assert (await world.apply()).state == "enabled"


async def test_not_adobe_at_all(tmp_path: Path):
    """An answer of another service is an error that names the setting, not a traceback."""
    world = World(tmp_path)

    async def page(_n: int, _request: httpx.Request, _handle: Handle) -> httpx.Response:
        return httpx.Response(200, text="<html>Log in</html>")

    error = await _error(world, hook=page)
    assert error.message == (
        "Adobe answered 200 to read the tenant's name, without tenantId "
        "(GET /data/foundation/schemaregistry/stats)"
    )
    assert error.hint == (
        "is adobe.platform_url Adobe's gateway, and no proxy answers in its place?"
    )


async def test_nobody_answers(tmp_path: Path):
    """No answer at all is told after the last attempt, with the host that was asked."""
    world = World(tmp_path)

    async def silent(_n: int, _request: httpx.Request, _handle: Handle) -> httpx.Response:
        raise httpx.ConnectError("[SSL] certificate verify failed")

    error = await _error(world, hook=silent)
    assert error.message == (
        "no readable answer from Adobe to read the tenant's name: no connection: "
        "[SSL] certificate verify failed (GET /data/foundation/schemaregistry/stats)"
    )
    assert error.hint == "is adobe:8090 reachable from here?"


async def test_refused_for_good(tmp_path: Path):
    """A refusal that time does not mend ends the run at once, with Adobe's words."""
    world = World(tmp_path)

    async def refuse(_n: int, request: httpx.Request, handle: Handle) -> httpx.Response:
        if request.method == "POST" and request.url.path.endswith("/mappingSets"):
            return httpx.Response(
                400, json={"type": "x/DYNAMO-1-400", "title": "t", "detail": "row 3 is wrong"}
            )
        return await handle(request)

    async with world.session(hook=refuse) as (session, wire):
        with pytest.raises(AdobeError) as caught:
            await session.apply(world.progress.append)
    assert caught.value.message == (
        "Adobe refused to create the mapping set: 400 DYNAMO-1-400, row 3 is wrong "
        "(POST /data/foundation/conversion/mappingSets)"
    )
    assert sum("mappingSets" in call and "POST" in call for call in wire.calls) == 1
