"""What changes an existing set-up: rows, names, schemas, drafts, other people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from provision_kit import ONE_OF_EACH, ORG, ROWS, Handle, World, desired

from relay.errors import AdobeError, ProvisionError
from relay.provision.adopt import adopt
from relay.provision.destroy import destroy
from relay.provision.plan import Action, make_plan
from relay.provision.status import status
from relay.provision.switch import switch

_DEEPER = {
    "sourceType": "ATTRIBUTE",
    "source": "data.campaign_id",
    "destination": "_acme.campaign.id",
}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def _sandbox(world: World) -> Any:
    return world.app.store.sandbox(ORG, "prod")


async def _actions(world: World) -> dict[str, Action]:
    async with world.session() as (session, _):
        return {
            step.resource: step.action
            for step in make_plan(session.desired, await session.look())
            if step.action is not Action.LEAVE
        }


async def test_a_row_more(world: World):
    """A new row makes a new version, a field more, and the flow uses both at the same inlet."""
    world.desired = desired("marketing", rows=ROWS)
    before = await world.apply()
    world.clock.advance(1000)
    world.desired = desired("marketing", rows=[*ROWS, _DEEPER])
    assert await _actions(world) == {
        "field_group": Action.UPDATE,
        "mapping": Action.UPDATE,
        "flow": Action.UPDATE,
    }
    after = await world.apply()
    assert (after.ids, after.inlet_url) == (before.ids, before.inlet_url)
    assert after.not_before_s == pytest.approx(world.clock.wall_s() + 300, abs=5)
    flow = _sandbox(world).of("flows")[after.ids.flow]
    assert flow["transformations"][0]["params"]["mappingVersion"] == 1
    assert world.made() == ONE_OF_EACH
    assert await _actions(world) == {}


async def test_a_field_below_a_field(world: World):
    """A field inside an object that is there already is added to it, the others stay."""
    world.desired = desired("marketing", rows=[*ROWS, _DEEPER])
    await world.apply()
    name = {**_DEEPER, "source": "data.campaign_name", "destination": "_acme.campaign.name"}
    world.desired = desired("marketing", rows=[*ROWS, _DEEPER, name])
    async with world.session() as (session, _):
        steps = make_plan(session.desired, await session.look())
    assert steps[0].why == "the mapping feeds fields it lacks: campaign.name"
    await world.apply()
    (group,) = _sandbox(world).of("fieldgroups").values()
    root = group["definitions"]["customFields"]["properties"]["_extconndev"]["properties"]
    assert set(root["campaign"]["properties"]) == {"id", "name"}


async def test_another_description(world: World):
    """A new name or description is patched into the flow and its connections, nothing is made."""
    first = await world.apply()
    world.desired = replace(world.desired, name="Reports", description="For the team")
    assert set(await _actions(world)) == {"source", "target", "flow"}
    second = await world.apply()
    assert second.ids == first.ids
    flow = _sandbox(world).of("flows")[first.ids.flow]
    assert (flow["name"], flow["description"]) == (
        "Reports",
        "For the team (relay route marketing)",
    )


async def test_a_renamed_set_up_is_found_again_without_the_file(world: World):
    """After a new name and a lost file everything is found from the flow, whatever its title."""
    first = await world.apply()
    world.desired = replace(world.desired, name="Reports")
    await world.apply()
    world.forget()
    assert await _actions(world) == {}
    assert (await world.apply()).ids == first.ids
    assert world.made() == ONE_OF_EACH


@pytest.mark.parametrize("name", ["Reports, daily", "a==b & c", 'Günther\'s "100 %" $(x)`y`'])
async def test_any_name_is_found_again(world: World, name: str):
    """A name may hold what means something in filters, addresses and shells."""
    world.desired = replace(world.desired, name=name)
    first = await world.apply()
    world.forget()
    assert (await world.apply()).ids == first.ids
    assert world.made() == ONE_OF_EACH


async def test_a_new_name_and_no_file(world: World):
    """The flow that the settings name leads to the set-up, though nothing there has its name."""
    first = await world.apply()
    world.forget()
    renamed = replace(world.desired, name="Reports")
    world.desired = replace(renamed, flow_id=first.ids.flow)
    assert set(await _actions(world)) == {"source", "target", "flow"}
    assert (await world.apply()).ids == first.ids
    assert world.made() == ONE_OF_EACH


@pytest.mark.parametrize("flow_id", ["FLOW_ID", "another's"])
async def test_the_flow_of_the_settings_may_be_none_of_ours(world: World, flow_id: str):
    """A flow that is not there, or was made for another route, is not taken over."""
    if flow_id == "another's":
        own, world.desired = world.desired, replace(desired("other"), name="Other")
        flow_id = (await world.apply(memory="other")).ids.flow
        world.desired = own
    world.desired = replace(world.desired, flow_id=flow_id)
    assert set((await _actions(world)).values()) == {Action.CREATE}
    assert (await world.apply()).ids.flow != flow_id


async def test_one_step_is_told_for_each_resource(world: World):
    """What was done to a resource is told once, and beside it what was left as it is."""
    world.desired = desired("marketing", rows=ROWS)
    await world.apply()
    world.desired = desired("marketing", rows=[*ROWS, _DEEPER])
    steps = (await world.apply()).steps
    assert [(step.resource, step.action) for step in steps] == [
        ("field_group", Action.UPDATE),
        ("schema", Action.LEAVE),
        ("dataset", Action.LEAVE),
        ("mapping", Action.UPDATE),
        ("source", Action.LEAVE),
        ("target", Action.LEAVE),
        ("flow", Action.UPDATE),
    ]
    assert all(step.id for step in steps)


async def test_a_schema_given_instead(world: World):
    """Another schema needs a new pair and a new flow; the old data is kept under another name."""
    first = await world.apply()
    own = replace(desired("other"), name="Given")
    world.desired, route = own, world.desired
    given = await world.apply(memory="other")
    world.desired = replace(route, schema_id=given.ids.schema)
    assert await _actions(world) == {
        "dataset": Action.REPLACE,
        "mapping": Action.UPDATE,
        "source": Action.REPLACE,
        "target": Action.REPLACE,
        "flow": Action.REPLACE,
    }
    second = await world.apply()
    assert second.inlet_url != first.inlet_url
    kept = _sandbox(world).of("dataSets")[first.ids.dataset]
    assert kept["name"] == "Customer.io (replaced)"
    async with world.session() as (session, _):
        current = await session.look()
        deleted = await destroy(
            session.adobe, session.desired, current, progress=world.progress.append
        )
    assert deleted == ["flow", "source", "target", "mapping", "dataset"]
    assert given.ids.schema in _sandbox(world).of("schemas")


async def test_a_draft_is_published(world: World):
    """A flow that somebody left as a draft is published, not made anew."""
    first = await world.apply()
    flow = _sandbox(world).of("flows")[first.ids.flow]
    flow["state"] = "draft"
    async with world.session() as (session, _):
        steps = make_plan(session.desired, await session.look())
    assert steps[-1].why == "it is a draft: publish it"
    assert (await world.apply()).ids == first.ids
    assert flow["state"] == "enabled"


def _meddling(world: World, times: int):
    """Somebody changes the flow right before each of the first patches of it."""
    met = 0

    async def hook(_number: int, request: httpx.Request, handle: Handle) -> httpx.Response:
        nonlocal met
        if request.method == "PATCH" and "/flows/" in request.url.path and met < times:
            met += 1
            for flow in _sandbox(world).of("flows").values():
                flow["etag"] = f'"{met}"'
        return await handle(request)

    return hook


async def test_somebody_else_was_faster(world: World):
    """A change by another is read and planned again once; against a second one it gives up."""
    await world.apply()
    world.desired = replace(world.desired, description="Mine")
    await world.apply(hook=_meddling(world, 1))
    assert await _actions(world) == {}
    world.desired = replace(world.desired, description="Mine, again")
    with pytest.raises(AdobeError) as caught:
        await world.apply(hook=_meddling(world, 2))
    assert caught.value.code == "FLOW-1404-412"
    assert caught.value.hint == "somebody changed it meanwhile: run plan again"


async def test_switched(world: World):
    """Disabling and enabling are waited for; what is so already is left alone."""
    await world.apply()
    async with world.session() as (session, wire):
        off = await switch(session.adobe, await session.look(), "disable", session.pace)
        assert (off.was, off.state) == ("enabled", "disabled")
        on = await switch(session.adobe, await session.look(), "enable", session.pace)
        assert (on.was, on.state) == ("disabled", "enabled")
        assert on.not_before_s == pytest.approx(world.clock.wall_s() + 300, abs=5)
        wire.calls.clear()
        again = await switch(session.adobe, await session.look(), "enable", session.pace)
        assert not again.has_changed
        assert not any(call.startswith("POST") for call in wire.calls)


async def test_disabled_stays_disabled(world: World):
    """Applying does not enable what a person disabled."""
    await world.apply()
    async with world.session() as (session, _):
        await switch(session.adobe, await session.look(), "disable", session.pace)
    assert (await world.apply()).state == "disabled"


async def test_status_shows_drift(world: World):
    """Status names each resource, its state, and what differs from the settings."""
    world.desired = desired("marketing", rows=ROWS)
    await world.apply()
    world.desired = desired("marketing", rows=ROWS[:1])
    async with world.session() as (session, _):
        lines = {line.resource: line for line in status(session.desired, await session.look())}
    assert lines["flow"].state == "enabled"
    assert lines["mapping set"].state == "version 0"
    assert lines["mapping set"].drift == "update: 0 rows to add, 1 to remove: a new version"
    assert lines["dataset"].drift == ""


async def test_adopted_by_its_flow(world: World):
    """A set-up of other names is taken over by its flow alone, and then given ours."""
    world.desired = replace(desired("older"), name="Made by hand")
    old = await world.apply(memory="older")
    world.desired = desired("marketing")
    async with world.session() as (session, _):
        ids = await adopt(session.adobe, session.desired, old.ids.flow)
        session.memory.write(ids)
    assert ids == old.ids
    after = await world.apply()
    assert after.ids == old.ids
    assert after.inlet_url == old.inlet_url
    assert world.made() == ONE_OF_EACH


async def test_an_adopted_set_up_is_found_again_without_the_file(world: World):
    """The flow that the settings name leads to what it was adopted with; its schema stays."""
    world.desired = replace(desired("older"), name="Made by hand")
    old = await world.apply(memory="older")
    world.desired = replace(desired("marketing"), flow_id=old.ids.flow)
    async with world.session() as (session, _):
        session.memory.write(await adopt(session.adobe, session.desired, old.ids.flow))
    await world.apply()
    world.forget()
    assert await _actions(world) == {}
    assert (await world.apply()).ids == old.ids
    async with world.session() as (session, _):
        deleted = await world.take_down(session)
    assert deleted == ["flow", "source", "target", "mapping"]


async def test_a_group_that_a_person_added_is_not_taken_for_ours(world: World):
    """Our schema may be given other field groups; without the file ours is still the one."""
    first = await world.apply()
    (group,) = _sandbox(world).of("fieldgroups").values()
    async with world.session() as (session, _):
        for number in range(3):
            body = {**session.desired.field_group("extconndev"), "description": "Theirs"}
            theirs = await session.adobe.schemas.create(
                "fieldgroups", {**body, "title": f"Theirs {number}"}
            )
            change = {"op": "add", "path": "/allOf/-", "value": {"$ref": theirs["$id"]}}
            await session.adobe.schemas.patch("schemas", first.ids.schema, [change])
    world.forget()
    assert (await world.apply()).ids.field_group == group["$id"]


async def test_a_schema_without_our_fields(world: World):
    """A schema that lacks the field group gets it; a person took it out, or made it without."""
    await world.apply()
    (schema,) = _sandbox(world).of("schemas").values()
    schema["allOf"] = [part for part in schema["allOf"] if "/mixins/" not in part["$ref"]]
    schema["meta:extends"] = [part for part in schema["meta:extends"] if "/mixins/" not in part]
    assert (await _actions(world))["schema"] is Action.UPDATE
    await world.apply()
    assert await _actions(world) == {}


async def test_nothing_to_adopt(world: World):
    """A flow that is not there is an error that says so."""
    async with world.session() as (session, _):
        with pytest.raises(AdobeError) as caught:
            await adopt(session.adobe, session.desired, "00000000-0000-4000-8000-000000000000")
    assert caught.value.status == 404
    assert caught.value.hint == "it was deleted, or it belongs to another sandbox or organisation"


async def test_a_flow_that_never_starts(tmp_path: Path):
    """A flow that is not enabled in time is an error that says its state and what to do."""
    world = World(tmp_path, enable_delay_s=1e6)
    with pytest.raises(ProvisionError) as caught:
        await world.apply()
    (flow_id,) = _sandbox(world).of("flows")
    assert caught.value.message == f"flow {flow_id} is still 'initializing' after 60 s"
    assert "run the same command again" in caught.value.hint
