"""Flow Service of the local Adobe: connections, flows, their life, their dependencies."""

from __future__ import annotations

import re

import pytest
from control_kit import (
    CATALOG,
    FLOW,
    HTTP_API,
    PREP,
    control,
    dataset_of,
    fixture_of,
    flow,
    keys_of,
    source,
    target,
)

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ETAG = re.compile(r'"[0-9a-f]{8}-0000-0200-0000-[0-9a-f]{12}"')
KINDS = ("sourceConnections", "targetConnections", "flows")
EVENT = fixture_of("customerio_sample_event.json")


async def test_a_flow_reads_as_the_documented_one():
    """An enabled flow has every key of the documented answer, with the same types."""
    async with control() as adobe:
        made = await adobe.made_flow()
        expected = fixture_of("flow_get.json")["items"][0]
        has = keys_of(made)
        assert {key: has.get(key) for key in expected} == keys_of(expected)


async def test_creation_gives_an_id_and_an_etag_with_its_quotes():
    """A creation answers 201 with a UUID and an etag whose quotes are part of it."""
    async with control() as adobe:
        answer = await adobe.call("POST", f"{FLOW}/sourceConnections", json=source())
        assert answer.status_code == 201
        assert set(answer.json()) == {"id", "etag"}
        assert UUID.fullmatch(answer.json()["id"])
        assert ETAG.fullmatch(answer.json()["etag"])


async def test_a_flow_is_enabled_some_seconds_after_it_was_made():
    """A new flow waits; then its state, etag and inlet URL appear together."""
    async with control(enable_delay_s=3.0) as adobe:
        made = await adobe.call("POST", f"{FLOW}/flows", json=await adobe.flow_body())
        assert made.headers["location"].endswith(made.json()["id"])
        before = await adobe.item("flows", made.json()["id"])
        assert (before["state"], "options" in before) == ("initializing", False)
        adobe.clock.advance(2.9)
        assert (await adobe.item("flows", before["id"]))["state"] == "initializing"
        adobe.clock.advance(0.2)
        after = await adobe.item("flows", before["id"])
        assert after["state"] == "enabled"
        assert after["etag"] != made.json()["etag"]
        assert after["updatedAt"] - after["createdAt"] == 3000
        assert re.fullmatch(
            r"http://adobe:8090/collection/[0-9a-f]{64}", after["options"]["inletUrl"]
        )


async def test_speed_divides_the_wait():
    """At speed 10 a flow is enabled after a tenth of the delay."""
    async with control(enable_delay_s=30.0, speed=10.0) as adobe:
        made = await adobe.ok("POST", f"{FLOW}/flows", await adobe.flow_body())
        adobe.clock.advance(3.1)
        assert (await adobe.item("flows", made["id"]))["state"] == "enabled"


async def test_a_patch_needs_the_etag_as_it_was_given():
    """Without If-Match a patch gets 400, with another etag 412; the right one changes the etag."""
    async with control() as adobe:
        item = await adobe.item("sourceConnections", await adobe.source())
        path = f"{FLOW}/sourceConnections/{item['id']}"
        change = [{"op": "replace", "path": "/name", "value": "renamed"}]
        await adobe.refused(400, "FLOW-1403-400", "PATCH", path, json=change)
        for wrong in ('"other"', item["etag"].strip('"')):
            headers = {"if-match": wrong}
            await adobe.refused(412, "FLOW-1404-412", "PATCH", path, json=change, headers=headers)
        answer = await adobe.patch("sourceConnections", item, *change)
        assert answer.status_code == 200
        changed = await adobe.item("sourceConnections", item["id"])
        assert changed["name"] == "renamed"
        assert changed["etag"] == answer.json()["etag"] != item["etag"]
        assert (await adobe.patch("sourceConnections", item, *change)).status_code == 412


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ({"op": "move", "from": "/name", "path": "/description"}, "FLOW-1434-400"),
        ({"op": "replace", "path": "/nothing", "value": 1}, "FLOW-1455-400"),
        ({"op": "replace", "path": "/name"}, "FLOW-1455-400"),
        ({"op": "replace", "path": "/id", "value": "x"}, "FLOW-1455-400"),
        ({"op": "replace", "path": "/connectionSpec/id", "value": "x"}, "FLOW-1414-400"),
        ({"op": "remove", "path": "/name"}, "FLOW-1455-400"),
        ({"op": "replace", "path": "/name", "value": 7}, "FLOW-1100-400"),
        ({"path": "/name", "value": "x"}, "FLOW-1434-400"),
    ],
)
async def test_a_patch_that_cannot_be_carried_out_changes_nothing(operation, code):
    """A refused patch has its code and leaves resource and etag as they were."""
    async with control() as adobe:
        item = await adobe.item("sourceConnections", await adobe.source())
        good = {"op": "replace", "path": "/name", "value": "half"}
        answer = await adobe.patch("sourceConnections", item, good, operation)
        assert answer.json()["type"].endswith(code), answer.text
        assert await adobe.item("sourceConnections", item["id"]) == item


async def test_operations_may_be_written_in_capitals():
    """The reference spells ADD, REPLACE and REMOVE; tutorials spell them small."""
    async with control() as adobe:
        item = await adobe.item("sourceConnections", await adobe.source())
        change = {"op": "ADD", "path": "/description", "value": "new"}
        assert (await adobe.patch("sourceConnections", item, change)).status_code == 200


async def test_a_new_mapping_version_takes_a_flow_through_updating():
    """A patched mapping leaves the flow updating, unchangeable, and then enabled with it."""
    async with control(enable_delay_s=3.0) as adobe:
        item = await adobe.made_flow()
        params = item["transformations"][0]["params"]
        mapping = await adobe.ok("GET", f"{PREP}/mappingSets/{params['mappingId']}")
        replaced = await adobe.ok("PUT", f"{PREP}/mappingSets/{mapping['id']}", mapping)
        assert (mapping["version"], replaced["version"]) == (0, 1)
        step = {"name": "Mapping", "params": {"mappingId": mapping["id"], "mappingVersion": 1}}
        change = {"op": "replace", "path": "/transformations/0", "value": step}
        answer = await adobe.patch("flows", item, change)
        assert answer.status_code == 200
        updating = await adobe.item("flows", item["id"])
        assert updating["state"] == "updating"
        again = await adobe.patch("flows", updating, change)
        assert again.json()["type"].endswith("FLOW-1421-400")
        adobe.clock.advance(4)
        enabled = await adobe.item("flows", item["id"])
        assert enabled["state"] == "enabled"
        assert enabled["transformations"][0]["params"]["mappingVersion"] == 1
        assert enabled["options"] == item["options"]


async def test_what_a_flow_uses_cannot_be_deleted_while_it_exists():
    """Connections, data set and mapping set are refused until the flow, even enabled, is gone."""
    async with control() as adobe:
        item = await adobe.made_flow()
        source_path = f"{FLOW}/sourceConnections/{item['sourceConnectionIds'][0]}"
        target_path = f"{FLOW}/targetConnections/{item['targetConnectionIds'][0]}"
        dataset = dataset_of(await adobe.item("targetConnections", item["targetConnectionIds"][0]))
        dataset_path = f"{CATALOG}/dataSets/{dataset}"
        mapping_path = f"{PREP}/mappingSets/{item['transformations'][0]['params']['mappingId']}"
        for path in (source_path, target_path):
            await adobe.refused(400, "FLOW-1447-400", "DELETE", path)
        for path in (dataset_path, mapping_path):
            assert (await adobe.call("DELETE", path)).status_code == 400
        assert (await adobe.call("DELETE", f"{FLOW}/flows/{item['id']}")).status_code == 204
        for path in (source_path, target_path, mapping_path, dataset_path):
            assert (await adobe.call("DELETE", path)).is_success
        await adobe.refused(404, "FLOW-1439-404", "GET", f"{FLOW}/flows/{item['id']}")


async def test_a_resource_that_is_not_there_gets_the_documented_404():
    """The 404 of a flow has the documented keys and names the id."""
    async with control() as adobe:
        body = await adobe.refused(404, "FLOW-1439-404", "GET", f"{FLOW}/flows/nothing")
        assert keys_of(body) == keys_of(fixture_of("flow_errors.json")["404"])
        assert body["report"]["id"] == "nothing"


async def test_a_disabled_flow_s_inlet_refuses_until_it_is_enabled_again():
    """Disable takes effect at once; the same inlet takes events again after enable."""
    async with control() as adobe:
        item = await adobe.made_flow()
        url = f"{item['options']['inletUrl']}?x-adobe-flow-id={item['id']}"
        answer = await adobe.call("POST", f"{FLOW}/flows/{item['id']}/action?op=disable")
        assert set(answer.json()) == {"id", "etag"}
        assert (await adobe.item("flows", item["id"]))["state"] == "disabled"
        assert (await adobe.client.post(url, json=EVENT)).status_code == 400
        await adobe.refused(
            400, "FLOW-1422-400", "POST", f"{FLOW}/flows/{item['id']}/action?op=disable"
        )
        await adobe.ok("POST", f"{FLOW}/flows/{item['id']}/action?op=ENABLE")
        adobe.clock.advance(10)
        enabled = await adobe.item("flows", item["id"])
        assert (enabled["state"], enabled["options"]) == ("enabled", item["options"])
        assert (await adobe.client.post(url, json=EVENT)).status_code == 200


async def test_a_draft_is_checked_only_when_it_is_published():
    """A draft may lack what a flow needs; published, it must have it and comes to life."""
    async with control() as adobe:
        body = await adobe.flow_body()
        partial = {"name": "draft"}
        made = await adobe.ok("POST", f"{FLOW}/flows?mode=draft", partial)
        path = f"{FLOW}/flows/{made['id']}"
        item = await adobe.item("flows", made["id"])
        assert item["state"] == "draft"
        await adobe.refused(400, "FLOW-1455-400", "POST", f"{path}/action?op=publish")
        changes = [{"op": "add", "path": f"/{key}", "value": value} for key, value in body.items()]
        assert (await adobe.patch("flows", item, *changes)).status_code == 200
        await adobe.ok("POST", f"{path}/action?op=publish")
        adobe.clock.advance(10)
        assert (await adobe.item("flows", made["id"]))["state"] == "enabled"
        await adobe.refused(400, "FLOW-1444-400", "POST", f"{path}/action?op=publish")


@pytest.mark.parametrize("operation", ["", "explode", "finalize"])
async def test_other_actions_are_refused(operation):
    """An action that is not documented for users is refused."""
    async with control() as adobe:
        item = await adobe.made_flow()
        answer = await adobe.call("POST", f"{FLOW}/flows/{item['id']}/action?op={operation}")
        assert answer.status_code == 400


SOURCES = {
    "FLOW-1405-400": {},
    "FLOW-1410-400": {**source(), "state": "enabled"},
    "FLOW-1455-400": {key: value for key, value in source().items() if key != "name"},
    "FLOW-1413-400": {**source(), "connectionSpec": {"id": "nothing", "version": "1.0"}},
    "FLOW-1332-400": {**source(), "baseConnectionId": "x"},
    "FLOW-1327-400": {**source(), "data": {"format": "xml"}},
}


@pytest.mark.parametrize("code", SOURCES)
async def test_a_source_connection_is_checked(code):
    """Each thing that a source connection must be has a code of its own."""
    async with control() as adobe:
        path = f"{FLOW}/sourceConnections"
        await adobe.refused(400, code, "POST", path, json=SOURCES[code])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"connectionSpec": {"id": HTTP_API}}, "FLOW-1306-400"),
        ({"params": {}}, "FLOW-1325-400"),
        ({"data": {"format": "smoke"}}, "FLOW-1327-400"),
    ],
)
async def test_a_target_connection_is_checked(change, code):
    """Each thing that a target connection must be has a code of its own."""
    async with control() as adobe:
        body = {**target("https://ns.adobe.com/x", "5c8c"), **change}
        await adobe.refused(400, code, "POST", f"{FLOW}/targetConnections", json=body)


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"flowSpec": {"id": "nothing"}}, 400, "FLOW-1413-400"),
        ({"flowSpec": {"id": "c1a19761-d2c7-4702-b9fa-fe91f0613e81"}}, 400, "FLOW-1413-400"),
        ({"sourceConnectionIds": None}, 400, "FLOW-1320-400"),
        ({"sourceConnectionIds": ["a", "b"]}, 400, "FLOW-1321-400"),
        ({"targetConnectionIds": ["nothing"]}, 404, "FLOW-1101-404"),
        ({"transformations": []}, 400, "FLOW-1328-400"),
        ({"transformations": [{"name": "Other", "params": {}}]}, 400, "FLOW-1328-400"),
        (
            {"transformations": [{"name": "Mapping", "params": {"mappingId": "nothing"}}]},
            400,
            "FLOW-1419-400",
        ),
    ],
)
async def test_a_flow_is_checked(change, status, code):
    """Each thing that a flow must be has a code of its own."""
    async with control() as adobe:
        body = {**await adobe.flow_body(), **change}
        await adobe.refused(status, code, "POST", f"{FLOW}/flows", json=body)


@pytest.mark.parametrize("version", [1, "7", "x", -1])
async def test_a_mapping_version_must_exist(version):
    """A flow names a version of its mapping set, as number or text, that exists."""
    async with control() as adobe:
        body = await adobe.flow_body()
        body["transformations"][0]["params"]["mappingVersion"] = version
        await adobe.refused(400, "FLOW-1412-400", "POST", f"{FLOW}/flows", json=body)
        body["transformations"][0]["params"]["mappingVersion"] = "0"
        await adobe.ok("POST", f"{FLOW}/flows", body)


async def test_mapping_and_data_set_must_have_the_same_schema():
    """Another schema, or version of it, in the mapping is refused; xed or xed-full is not."""
    async with control() as adobe:
        schema_id, other_id = await adobe.schema("one"), await adobe.schema("two")
        dataset_id = await adobe.dataset(schema_id)
        ids = {
            "source_id": await adobe.source(),
            "target_id": await adobe.target(schema_id, dataset_id),
        }
        other = flow(**ids, mapping_id=await adobe.mapping(other_id))
        await adobe.refused(400, "FLOW-1425-400", "POST", f"{FLOW}/flows", json=other)
        body = fixture_of("customerio_mapping_request.json")
        for content_type, is_refused in (
            ("application/vnd.adobe.xed-full+json;version=2", True),
            ("application/vnd.adobe.xed+json; version=1.0", False),
        ):
            reference = {"id": schema_id, "contentType": content_type}
            body["outputSchema"]["schemaRef"] = reference
            mapping = await adobe.ok("POST", f"{PREP}/mappingSets", body)
            made = await adobe.call(
                "POST", f"{FLOW}/flows", json=flow(**ids, mapping_id=mapping["id"])
            )
            assert made.status_code == (400 if is_refused else 201), made.text


async def test_the_http_api_source_has_its_inlet_in_the_base_connection():
    """A base connection of the HTTP API has the inlet; its flow has none of its own."""
    async with control() as adobe:
        params = {"sourceId": "x", "dataType": "raw", "name": "x", "authenticationRequired": False}
        body = {
            "name": "account",
            "connectionSpec": {"id": HTTP_API, "version": "1.0"},
            "auth": {"specName": "Streaming Connection", "params": params},
        }
        base = await adobe.ok("POST", f"{FLOW}/connections", body)
        shown = await adobe.item("connections", base["id"])
        tested = await adobe.ok("GET", f"{FLOW}/connections/{base['id']}/test")
        assert tested == {"result": True}
        inlet_url = shown["auth"]["params"]["inletUrl"]
        assert inlet_url.endswith(shown["auth"]["params"]["inletId"])
        of_source = {
            "name": "http",
            "baseConnectionId": base["id"],
            "connectionSpec": {"id": HTTP_API, "version": "1.0"},
            "data": {"format": "json"},
        }
        made_source = await adobe.ok("POST", f"{FLOW}/sourceConnections", of_source)
        flow_body = await adobe.flow_body()
        flow_body |= {
            "sourceConnectionIds": [made_source["id"]],
            "flowSpec": {"id": "c1a19761-d2c7-4702-b9fa-fe91f0613e81", "version": "1.0"},
        }
        made = await adobe.ok("POST", f"{FLOW}/flows", flow_body)
        adobe.clock.advance(10)
        item = await adobe.item("flows", made["id"])
        assert "inletUrl" not in item.get("options", {})
        connection = item["inheritedAttributes"]["sourceConnections"][0]
        assert connection["baseConnection"]["id"] == base["id"]
        await adobe.refused(400, "FLOW-1418-400", "DELETE", f"{FLOW}/connections/{base['id']}")
        url = f"{inlet_url}?x-adobe-flow-id={made['id']}"
        assert (await adobe.client.post(url, json=EVENT)).status_code == 200
        runs = await adobe.ok("GET", f"{FLOW}/runs?property=flowId=={made['id']}")
        assert runs["items"][0]["metrics"]["recordSummary"]["outputRecordCount"] == 1


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("connectionSpecs", "connectionspec_generic_streaming.json"),
        ("flowSpecs", "flowspec_generic_streaming.json"),
    ],
)
async def test_specs_read_as_documented(kind, name):
    """The generic streaming specs have every documented key, and nobody may change one."""
    async with control() as adobe:
        expected = fixture_of(name)["items"][0]
        shown = (await adobe.ok("GET", f"{FLOW}/{kind}/{expected['id']}"))["items"][0]
        has = keys_of(shown)
        assert {key: has.get(key) for key in expected} == keys_of(expected)
        await adobe.refused(400, "FLOW-1426-400", "POST", f"{FLOW}/{kind}", json={"name": "x"})
