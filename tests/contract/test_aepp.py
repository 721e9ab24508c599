"""
Adobe's own Python client against the local Adobe, over a socket: every resource, every verb.

``aepp`` is driven as its users drive it; only its hosts are pointed at the local Adobe.
"""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from control_kit import FIELDS, ORG, PROFILE, fixture_of, served

from relay.emulator import EmulatorSettings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what its dependencies say of each other
    import aepp
    from aepp import (
        catalog,
        dataaccess,
        dataprep,
        flowservice,
        ingestion,
        observability,
        sandboxes,
        schema,
    )

pytestmark = [
    pytest.mark.sockets,
    # A foreign client: its unclosed sessions and deprecated calls are not ours to judge.
    pytest.mark.filterwarnings("ignore"),
]

EVENT = fixture_of("customerio_sample_event.json")
MAPPINGS = fixture_of("customerio_mapping_request.json")["mappings"]
STREAMING_FLOW = "e77fde5a-22a8-11ed-861d-0242ac120002"
CUSTOMERIO = "96479064-7b8a-4d69-b9ed-21c5683837ea"


class Client:
    """Every service of aepp, logged in to one local Adobe."""

    def __init__(self, url: str) -> None:
        config = aepp.configure(
            org_id=ORG,
            secret="secret",
            client_id="key",
            scopes="openid",
            sandbox="prod",
            connectInstance=True,
        ).getConfigObject()
        config["oauthTokenEndpointV2"] = f"{url}/ims/token/v3"
        aepp.config.endpoints["global"] = url
        aepp.config.endpoints["streaming"]["collection"] = url
        how = {"config": config, "header": aepp.config.header}
        self.url = url
        self.registry = schema.Schema(**how)
        self.catalog = catalog.Catalog(**how)
        self.mappings = dataprep.DataPrep(**how)
        self.flows = flowservice.FlowService(**how)
        self.files = dataaccess.DataAccess(**how)
        self.metrics = observability.Observability(**how)
        self.sandboxes = sandboxes.Sandboxes(**how)
        self.inlets = ingestion.DataIngestion(**how)

    def field_group(self, title: str) -> Any:
        """Make a field group with the tutorial's six fields."""
        fields = {name: {"type": "string"} for name in FIELDS}
        tenant = f"_{self.registry.getTenantId()}"
        custom = {"properties": {tenant: {"type": "object", "properties": fields}}}
        return self.registry.createFieldGroup(
            {
                "type": "object",
                "title": title,
                "meta:intendedToExtend": [PROFILE],
                "definitions": {"customFields": custom},
                "allOf": [{"$ref": "#/definitions/customFields"}],
            }
        )

    def schema(self, title: str) -> str:
        """Make a schema with such a field group; its ``$id``."""
        group = self.field_group(f"{title} fields")
        made = self.registry.createProfileSchema(name=title, fieldGroupIds=[group["$id"]])
        return str(made["$id"])

    def dataset(self, title: str) -> tuple[str, str]:
        """Make a schema and a data set; the data set's id and the schema's."""
        schema_id = self.schema(title)
        made = self.catalog.createDataSet(name=title, schemaId=schema_id)
        return made[0].rsplit("/", 1)[1], schema_id

    def parts(self, title: str) -> dict[str, str]:
        """Make everything that a flow needs; the ids."""
        dataset_id, schema_id = self.dataset(title)
        mapping = self.mappings.createMappingSet(schemaId=schema_id, mappingList=MAPPINGS)
        source = self.flows.createSourceConnection(
            {
                "name": title,
                "connectionSpec": {"id": CUSTOMERIO, "version": "1.0"},
                "data": {"format": "json"},
            }
        )
        target = self.flows.createTargetConnectionDataLake(
            name=title, datasetId=dataset_id, schemaId=schema_id, format="json"
        )
        return {
            "dataset": dataset_id,
            "mapping": mapping["id"],
            "source": source["id"],
            "target": target["id"],
        }

    def flow(self, title: str) -> tuple[str, dict[str, str]]:
        """Make a flow; its id and the ids of its parts."""
        parts = self.parts(title)
        made = self.flows.createFlow(
            STREAMING_FLOW,
            name=title,
            source_connection_id=parts["source"],
            target_connection_id=parts["target"],
            transformation_mapping_id=parts["mapping"],
            transformation_name="Mapping",
        )
        return str(made["id"]), parts


@pytest.fixture(scope="module")
def client():
    with warnings.catch_warnings(), served(EmulatorSettings(enable_delay_s=0.0)) as url:
        warnings.simplefilter("ignore")
        yield Client(url)


def test_field_groups(client):
    """A field group is made, read, listed, patched, extended and deleted."""
    group = client.field_group("group")
    id_ = group["$id"]
    registry = client.registry
    assert registry.getFieldGroup(id_)["title"] == "group"
    assert id_ in {item["$id"] for item in registry.getFieldGroups()}
    root = "/definitions/customFields/properties/_extconndev/properties"
    change = [{"op": "add", "path": f"{root}/more", "value": {"type": "string"}}]
    assert registry.patchFieldGroup(id_, change)["version"] == "1.1"
    classes = ["https://ns.adobe.com/xdm/context/experienceevent", PROFILE]
    assert registry.extendFieldGroup(id_, classes)["meta:intendedToExtend"] == classes
    assert registry.putFieldGroup(id_, {**group, "title": "renamed"})["title"] == "renamed"
    assert registry.deleteFieldGroup(id_) == 204
    assert registry.getFieldGroup(id_)["status"] == 404


def test_schemas(client):
    """A schema is made, read in several forms, listed, patched, replaced and deleted."""
    registry = client.registry
    id_ = client.schema("schema")
    full = registry.getSchema(id_, full=True, desc=True)
    assert "_extconndev" in full["properties"]
    assert registry.getSchema(full["meta:altId"])["$id"] == id_
    assert id_ in {item["$id"] for item in registry.getSchemas()}
    change = [{"op": "add", "path": "/description", "value": "new"}]
    assert registry.patchSchema(id_, change)["description"] == "new"
    assert registry.enableSchemaForRealTime(id_)["meta:immutableTags"] == ["union"]
    brief = {"type": "object", "title": "brief", "allOf": [{"$ref": PROFILE}]}
    other = registry.createSchema(brief)
    assert registry.putSchema(other["$id"], {**brief, "title": "briefer"})["title"] == "briefer"
    assert registry.deleteSchema(other["$id"]) == 204
    assert registry.getStats()["tenantId"] == "extconndev"


def test_classes_data_types_and_adobe_s_own(client):
    """Classes and data types are made, listed and deleted; Adobe's own are listed."""
    registry = client.registry
    parent = [{"$ref": "https://ns.adobe.com/xdm/data/record"}]
    made_class = registry.createClass({"type": "object", "title": "class", "allOf": parent})
    kind = registry.createDataType(
        {"type": "object", "title": "kind", "properties": {"a": {"type": "string"}}}
    )
    assert "class" in {item["title"] for item in registry.getClasses()}
    assert "kind" in {item["title"] for item in registry.getDataTypes()}
    assert registry.getClass(made_class["$id"])["title"] == "class"
    assert registry.getDataType(kind["$id"])["title"] == "kind"
    assert registry.deleteClass(made_class["$id"]) == 204
    assert registry.deleteDataType(kind["$id"]) == 204
    assert PROFILE in {item["$id"] for item in registry.getClassesGlobal()}
    assert registry.getFieldGroupsGlobal()
    assert registry.getBehavior("https://ns.adobe.com/xdm/data/time-series")["properties"]


def test_descriptors(client):
    """A descriptor is made, read, listed, replaced and deleted."""
    registry = client.registry
    made = registry.createDescriptor(
        sourceSchema=client.schema("described"),
        sourceProperty="/_extconndev/email",
        namespace="Email",
        primary=False,
    )
    id_ = made["@id"]
    assert registry.getDescriptor(id_)["xdm:namespace"] == "Email"
    assert id_ in {item["@id"] for item in registry.getDescriptors()}
    body = {key: value for key, value in made.items() if key.startswith(("xdm:", "@type"))}
    changed = registry.putDescriptor(id_, {**body, "xdm:namespace": "Phone"})
    assert changed["xdm:namespace"] == "Phone"
    assert registry.deleteDescriptor(id_) == 204


def test_data_sets(client):
    """A data set is made, read, listed with its facts, changed in four ways and deleted."""
    data = client.catalog
    id_, schema_id = client.dataset("set")
    assert data.getDataSet(id_)[id_]["schemaRef"]["id"] == schema_id
    assert id_ in data.getDataSets()
    assert data.data.infos.set_index("id").loc[id_, "dataBehavior"] == "record"
    assert data.getDataSetObservableSchema(id_)
    for answer in (
        data.enableDatasetProfile(id_),
        data.enableDatasetIdentity(id_),
        data.patchDataset(id_, {"description": "patched"}),
        data.patchDatasetV2(id_, {"description": "patched again"}),
    ):
        assert answer == [f"@/dataSets/{id_}"]
    changed = data.getDataSet(id_)[id_]
    assert changed["tags"]["unifiedProfile"] == ["enabled:true"]
    assert changed["description"] == "patched again"
    assert data.putDataset(id_, {**changed, "name": "put"}) == [f"@/dataSets/{id_}"]
    assert data.deleteDataSet(id_) == 200
    assert data.getDataSet(id_)["status"] == 404


def test_mapping_sets(client):
    """A mapping set is made, read, listed, replaced, previewed and deleted; so are its rows."""
    prep, schema_id = client.mappings, client.schema("mapped")
    id_ = prep.createMappingSet(schemaId=schema_id, mappingList=MAPPINGS, validate=True)["id"]
    assert len(prep.getMappingSet(id_)["mappings"]) == 6
    assert id_ in {item["id"] for item in prep.getMappingSets()}
    assert prep.updateMappingSet(id_, MAPPINGS)["version"] == 1
    row = prep.getMappingSetMappings(id_)[0]
    assert prep.getMappingSetMapping(id_, row["id"]) == row
    more = {"sourceType": "ATTRIBUTE", "source": "x", "destination": "_extconndev.email"}
    added = prep.createMappingSetMapping(id_, more)
    assert prep.updateMappingSetMapping(id_, added["id"], {**more, "source": "y"})["source"] == "y"
    assert prep.deleteMappingSetMapping(id_, added["id"]) == 204
    document = prep.getMappingSet(id_)
    previewed = prep.previewDataOutput(data=EVENT, mappingSet=document)
    assert previewed["data"]["_extconndev"]["timestampx"] == "1613063089"
    assert prep.deleteMappingSet(id_) == 204
    assert prep.getMappingSet(id_)["status"] == 404


def test_the_language(client):
    """Functions and operators are listed, and an expression is judged."""
    prep = client.mappings
    assert {"category", "function", "syntax"} <= set(prep.getMappingSetFunctions()[0])
    assert "+" in {item["operatorSymbol"] for item in prep.getMappingSetOperators()}
    assert prep.validateExpression("concat(metric, '-')") is True
    assert prep.validateExpression("concat(") is False


def test_source_and_target_connections(client):
    """Both kinds of connection are made, read, listed, patched with their etag and deleted."""
    flows = client.flows
    parts = client.parts("connections")
    change = [{"op": "replace", "path": "/name", "value": "renamed"}]
    source = flows.getSourceConnection(parts["source"])
    assert flows.updateSourceConnection(source["id"], source["etag"], change)["id"] == source["id"]
    target = flows.getTargetConnection(parts["target"])
    assert flows.updateTargetConnection(target["id"], target["etag"], change)["id"] == target["id"]
    assert "renamed" in {item["name"] for item in flows.getSourceConnections()}
    assert "renamed" in {item["name"] for item in flows.getTargetConnections()}
    assert flows.updateSourceConnection(source["id"], source["etag"], change)["status"] == 412
    assert flows.deleteSourceConnection(source["id"]) == 204
    assert flows.deleteTargetConnection(target["id"]) == 204


def test_base_connections_and_the_http_api_source(client):
    """An account is made, read, listed, patched and deleted; a flow uses its inlet."""
    flows = client.flows
    made = flows.createConnectionStreaming(
        name="account", sourceId="account-1", dataType="raw", paramName="account"
    )
    id_ = made["id"]
    inlet_id = flows.getConnection(id_)["auth"]["params"]["inletId"]
    assert id_ in {item["id"] for item in flows.getConnections()}
    change = [{"op": "replace", "path": "/name", "value": "renamed"}]
    assert flows.patchConnection(id_, change)["id"] == id_
    parts = client.parts("http")
    source = flows.createSourceConnectionStreaming(id_, name="http", format="json")
    flow = flows.createFlowStreaming(
        name="http",
        source_connection_id=source["id"],
        target_connection_id=parts["target"],
        transformation=True,
        transformation_mapping_id=parts["mapping"],
        transformation_name="Mapping",
    )["flow"]
    flows.getFlow(flow["id"])
    assert client.inlets.streamMessage(inlet_id, EVENT, flowId=flow["id"])["xactionId"]
    assert flows.deleteConnection(id_)["status"] == 400
    assert flows.deleteFlow(flow["id"]) == 204
    assert flows.deleteSourceConnection(source["id"]) == 204
    assert flows.deleteConnection(id_) == 204


def test_flows(client):
    """A flow is made, read, listed page by page, patched, switched and deleted."""
    flows = client.flows
    id_, parts = client.flow("flow")
    others = [client.flow(f"flow {number}")[0] for number in range(2)]
    item = flows.getFlow(id_)
    assert (item["state"], item["options"]["inletUrl"][:7]) == ("enabled", "http://")
    listed = flows.getFlows(limit=1, onlySources=True)
    assert {id_, *others} <= {flow["id"] for flow in listed}
    change = [{"op": "replace", "path": "/name", "value": "renamed"}]
    assert flows.updateFlow(id_, item["etag"], change)["id"] == id_
    assert flows.postFlowAction(id_, "disable")["id"] == id_
    assert flows.getFlow(id_)["state"] == "disabled"
    assert flows.postFlowAction(id_, "enable")["id"] == id_
    assert flows.getFlow(id_)["state"] == "enabled"
    assert flows.deleteSourceConnection(parts["source"])["status"] == 400
    assert flows.deleteFlow(id_) == 204
    assert flows.getFlow(id_) == {}  # what the client makes of a 404


def test_specs(client):
    """Connection and flow specs are listed, and found by name and id."""
    flows = client.flows
    assert flows.getConnectionSpecsMap()["customerio"] == CUSTOMERIO
    assert flows.getConnectionSpec(CUSTOMERIO)["items"][0]["id"] == CUSTOMERIO
    assert flows.getFlowSpecIdFromNames("GenericStreamingAEP") == STREAMING_FLOW
    assert flows.getFlowSpec(STREAMING_FLOW)["name"] == "GenericStreamingAEP"


def test_streaming_runs_batches_files_and_metrics(client):
    """Streamed events show in runs, batches, failed files as they are unfolded, and metrics."""
    id_, parts = client.flow("streamed")
    inlet_id = client.flows.getFlow(id_)["options"]["inletUrl"].rsplit("/", 1)[1]
    bad = {**EVENT, "event_id": "bad", "metric": {"no": "text"}}
    answer = client.inlets.streamMessages(inlet_id, [EVENT, bad], flowId=id_)
    assert len(answer["responses"]) == 2
    run = client.flows.getRuns(prop=f"flowId=={id_}")[0]
    counts = run["metrics"]["recordSummary"]
    assert (counts["inputRecordCount"], counts["failedRecordCount"]) == (2, 1)
    assert client.flows.getRun(run["id"])[0]["id"] == run["id"]
    failed = client.catalog.getFailedBatchesDF(dataSet=parts["dataset"])
    assert failed["flowId"].tolist() == [id_]
    batch_id = failed.index[0]
    assert client.catalog.getBatch(batch_id)[batch_id]["status"] == "failed"
    name = client.files.getBatchFailed(batch_id)[1]["name"]
    export = f"{client.url}/data/foundation/export/batches/{batch_id}/failed"
    text = client.catalog.getResource(export, params={"path": name}, format="txt")
    line = client.catalog.jsonStreamMessages(client.catalog.decodeStreamBatch(text))[0]
    assert line["body"]["event_id"] == "bad"
    assert (
        line["_errors"]["_streamingValidation"][0]["pointerToViolation"] == "#/_extconndev/metricx"
    )
    assert client.files.getBatchMeta(batch_id)["data"]
    assert client.files.getPreview(parts["dataset"])[0]["_extconndev"]["cio_id"] == "d9c106000001"
    name = "timeseries.ingestion.dataset.recordsuccess.count"
    filters = [{"name": "dataSetId", "value": parts["dataset"], "groupBy": True}]
    report = client.metrics.createMetricsReport(
        {
            "start": "2020-01-01T00:00:00.000Z",
            "end": "2100-01-01T00:00:00.000Z",
            "granularity": "day",
            "metrics": [{"name": name, "filters": filters, "aggregator": "sum"}],
        }
    )
    points = report["metricResponses"][0]["datapoints"][0]
    assert points["groupBy"] == {"dataSetId": parts["dataset"]}
    assert sum(points["dps"].values()) == 1


def test_sandboxes(client):
    """A sandbox is made, read, listed, changed, reset and deleted."""
    boxes = client.sandboxes
    assert boxes.createSandbox(name="dev", title="Dev")["name"] == "dev"
    assert boxes.getSandbox("dev")["title"] == "Dev"
    assert {"prod", "dev"} <= {box["name"] for box in boxes.getSandboxes()}
    assert boxes.updateSandbox("dev", {"title": "Development"})["title"] == "Development"
    assert boxes.resetSandbox("dev")["name"] == "dev"
    assert boxes.deleteSandbox("dev") == 200
    assert boxes.getSandbox("dev")["status"] == 404
    assert boxes.getSandboxTypes() == ["development", "production"]
