"""The typed clients against a local Adobe: each endpoint, pages, versions, diagnostics."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from provision_kit import ORG, World

from relay.adobe.flow_service import next_token
from relay.adobe.observability import INGESTED, RECEIVED
from relay.adobe.schema_registry import XDM_DESCRIPTOR, XED
from relay.errors import AdobeError
from relay.provision.apply import Applied
from relay.provision.session import Session

_BROKEN = {"event_id": "E1", "object_type": {"a": 1}, "metric": "sent", "timestamp": 1, "data": {}}


class SetUp:
    """A set-up that was made, and the clients."""

    def __init__(self, world: World, session: Session, applied: Applied) -> None:
        self.world = world
        self.session = session
        self.adobe = session.adobe
        self.ids = applied.ids
        self.inlet_url = applied.inlet_url

    async def send(self, event: dict[str, Any]) -> None:
        """Post *event* to the inlet."""
        transport = httpx.ASGITransport(self.world.app)
        async with httpx.AsyncClient(transport=transport) as client:
            url = f"{self.inlet_url}?x-adobe-flow-id={self.ids.flow}"
            assert (await client.post(url, json=event)).status_code == 200


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[SetUp]:
    world = World(tmp_path)
    applied = await world.apply()
    async with world.session() as (session, _):
        yield SetUp(world, session, applied)


async def test_every_page(made: SetUp):
    """However many there are, all are listed, each once, in every service."""
    flows, catalog, mappings = made.adobe.flows, made.adobe.catalog, made.adobe.mappings
    source = made.session.desired.source_connection()
    ids = {(await flows.create("sourceConnections", source)).id for _ in range(7)}
    found = [item["id"] async for item in flows.find("sourceConnections", limit=3)]
    assert (len(found), set(found)) == (8, ids | {made.ids.source})
    dataset = made.session.desired.dataset(made.ids.schema)
    for _ in range(104):
        await catalog.create_dataset(dataset)
    found = [item["id"] async for item in catalog.datasets(name="Customer.io")]
    assert len(set(found)) == 105
    body = made.session.desired.mapping_set("extconndev", made.ids.schema)
    for _ in range(104):
        await mappings.create(body)
    assert len({item["id"] async for item in mappings.all()}) == 105


async def test_pages_of_the_registry(made: SetUp):
    """The registry's pages are followed by their own mark."""
    schemas = made.adobe.schemas
    for number in range(104):
        body = made.session.desired.schema("extconndev", made.ids.field_group)
        await schemas.create("schemas", {**body, "title": f"Schema {number:03}"})
    titles = [item["title"] async for item in schemas.find("schemas")]
    assert len(titles) == len(set(titles)) == 105
    (one,) = [item async for item in schemas.find("schemas", title="Schema 050")]
    assert one["title"] == "Schema 050"


@pytest.mark.parametrize(
    ("href", "token"),
    [
        ("/flows?continuationToken=abc", "abc"),
        ("/flows?limit=3&continuationToken=a%3D%3D", "a=="),
        ("/flows?continuationToken=a==&limit=3", "a=="),
        ("https://platform.adobe.io/x?a=1&continuationToken=%7B%22a%22%3A1%7D", '{"a":1}'),
        ("/flows?limit=3", None),
        ("", None),
    ],
)
def test_continuation_tokens(href: str, token: str | None):
    """A token is read whole, however it is padded or escaped."""
    assert next_token({"next": {"href": href}}) == token


@pytest.mark.parametrize("links", [None, {}, {"next": None}, {"next": {}}])
def test_no_further_page(links: Any):
    """Without a next link there is no further page."""
    assert next_token(links) is None


async def test_etags_keep_their_quotes(made: SetUp):
    """A patch works with the etag exactly as it was read; the answer's is the next one."""
    flows = made.adobe.flows
    flow = await flows.get("flows", made.ids.flow)
    assert flow["etag"].startswith('"')
    assert flow["etag"].endswith('"')
    change = [{"op": "replace", "path": "/description", "value": "a"}]
    after = await flows.patch("flows", made.ids.flow, change, etag=flow["etag"])
    assert after.etag != flow["etag"]
    assert (await flows.get("flows", made.ids.flow))["description"] == "a"
    with pytest.raises(AdobeError) as caught:
        await flows.patch("flows", made.ids.flow, change, etag=flow["etag"])
    assert (caught.value.status, caught.value.fault) == (412, "conflict")


async def test_specs(made: SetUp):
    """The specs of the tutorial are there to be read."""
    flows = made.adobe.flows
    spec = await flows.get("connectionSpecs", "96479064-7b8a-4d69-b9ed-21c5683837ea")
    assert spec["providerId"] == "521eee4d-8cbe-4906-bb48-fb6bd4450033"
    assert [item["name"] async for item in flows.find("flowSpecs")]


async def test_a_draft(made: SetUp):
    """A draft flow is made as such and published."""
    flows = made.adobe.flows
    body = made.session.desired.flow(
        source_id=made.ids.source,
        target_id=made.ids.target,
        mapping_id=made.ids.mapping,
        mapping_version=0,
    )
    draft = await flows.create("flows", body, draft=True)
    assert (await flows.get("flows", draft.id))["state"] == "draft"
    await flows.act(draft.id, "publish")
    made.world.clock.advance(10)
    assert (await flows.get("flows", draft.id))["state"] == "enabled"


async def test_descriptors(made: SetUp):
    """An identity descriptor is made, listed for its schema, read and deleted."""
    schemas = made.adobe.schemas
    body = {
        "@type": "xdm:descriptorIdentity",
        "xdm:sourceSchema": made.ids.schema,
        "xdm:sourceVersion": 1,
        "xdm:sourceProperty": "/_extconndev/email",
        "xdm:namespace": "Email",
        "xdm:property": "xdm:code",
        "xdm:isPrimary": True,
    }
    created = await schemas.create("descriptors", body)
    (listed,) = await schemas.descriptors(made.ids.schema)
    assert listed["@id"] == created["@id"]
    found = await schemas.get("descriptors", created["@id"], accept=XDM_DESCRIPTOR)
    assert found["xdm:namespace"] == "Email"
    await schemas.delete("descriptors", created["@id"])
    assert await schemas.descriptors(made.ids.schema) == []


async def test_a_schema_in_two_forms(made: SetUp):
    """The short form has references, the full one has the fields."""
    schemas = made.adobe.schemas
    short = await schemas.get("schemas", made.ids.schema, accept=XED)
    full = await schemas.get("schemas", made.ids.schema)
    assert any(part["$ref"] == made.ids.field_group for part in short["allOf"])
    assert "email" in full["properties"]["_extconndev"]["properties"]


async def test_mapping_sets(made: SetUp):
    """A set is replaced under its id with the next version; every version stays readable."""
    mappings = made.adobe.mappings
    body = made.session.desired.mapping_set("extconndev", made.ids.schema)
    fewer = {**body, "mappings": body["mappings"][:2]}
    assert await mappings.replace(made.ids.mapping, fewer) == 1
    assert len((await mappings.get(made.ids.mapping))["mappings"]) == 2
    assert len((await mappings.get(made.ids.mapping, version=0))["mappings"]) == 6
    assert {row["status"] for row in await mappings.validate(body)} == {"SUCCESS"}
    preview = await mappings.preview(body, {"event_id": "E1", "metric": "sent"})
    assert preview["data"]["_extconndev"]["metricx"] == "sent"


async def test_the_language(made: SetUp):
    """Functions, operators, and whether something is an expression."""
    mappings = made.adobe.mappings
    assert await mappings.functions()
    assert await mappings.operators()
    assert await mappings.is_expression("concat(a, 'b')")
    assert not await mappings.is_expression("concat(a,")


async def test_data_sets(made: SetUp):
    """A data set is changed and deleted; one that is gone is a 404."""
    catalog = made.adobe.catalog
    id_ = await catalog.create_dataset(made.session.desired.dataset(made.ids.schema))
    await catalog.patch_dataset(id_, {"name": "Other"})
    assert (await catalog.dataset(id_))["name"] == "Other"
    await catalog.delete_dataset(id_)
    with pytest.raises(AdobeError) as caught:
        await catalog.dataset(id_)
    assert caught.value.status == 404


async def test_a_failed_batch(made: SetUp):
    """A refused record leads to a run, a failed batch, its files and its diagnostics."""
    await made.send(_BROKEN)
    catalog, access = made.adobe.catalog, made.session.access
    (run,) = [item async for item in made.adobe.flows.runs(made.ids.flow)]
    assert run["metrics"]["recordSummary"]["failedRecordCount"] == 1
    (batch,) = [item async for item in catalog.batches(made.ids.dataset, status="failed")]
    assert (await catalog.batch(batch["id"]))["status"] == "failed"
    (name,) = await access.failed_files(batch["id"])
    (record,) = await access.failed_records(batch["id"], name)
    assert "body" in record
    (name,) = await access.diagnostics(batch["id"])
    assert len(await access.diagnostic(batch["id"], name)) == 1


async def test_since(made: SetUp):
    """Runs and batches from before a moment are not read."""
    await made.send(_BROKEN)
    now_s = made.world.clock.wall_s()
    flows, catalog = made.adobe.flows, made.adobe.catalog
    for since_s, count in ((now_s - 4000, 1), (now_s + 4000, 0)):
        assert len([run async for run in flows.runs(made.ids.flow, since_s=since_s)]) == count
        batches = catalog.batches(made.ids.dataset, since_s=since_s)
        assert len([batch async for batch in batches]) == count


async def test_series(made: SetUp):
    """Observability counts what the inlet received and the data set took, by the hour."""
    await made.send(_BROKEN)
    await made.send({**_BROKEN, "object_type": "email"})
    series = made.session.observability.series
    span = {"start": "2023-11-14T00:00:00Z", "end": "2023-11-15T00:00:00Z"}
    inlet_id = made.inlet_url.rsplit("/", 1)[-1]
    received = await series(RECEIVED, of="inletId", id_=inlet_id, **span)
    ingested = await series(INGESTED, of="dataSetId", id_=made.ids.dataset, **span)
    assert received == {"2023-11-14T22:00:00Z": 2.0}
    assert ingested == {"2023-11-14T22:00:00Z": 1.0}


async def test_another_sandbox_is_another_world(made: SetUp):
    """The sandbox's name goes with every call: in another one nothing of ours is there."""
    async with made.world.session(sandbox="stage") as (session, _):
        assert [item async for item in session.adobe.flows.find("flows")] == []
    assert made.world.app.store.sandbox(ORG, "prod").of("flows")
