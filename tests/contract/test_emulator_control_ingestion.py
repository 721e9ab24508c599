"""What becomes of events after the inlet took them: records, runs, failed batches, metrics."""

from __future__ import annotations

import json
from typing import Any

import pytest
from control_kit import (
    CATALOG,
    CONTENT_TYPE,
    EXPORT,
    FLOW,
    METRICS,
    ORG,
    PREP,
    REGISTRY,
    XED_ID,
    control,
    dataset_of,
    fixture_of,
    keys_of,
    schema_path,
)

EVENT = fixture_of("customerio_sample_event.json")
BAD = {**EVENT, "event_id": "bad", "metric": {"no": "text"}}


async def _dataset(adobe, flow: dict[str, Any]) -> str:
    return dataset_of(await adobe.item("targetConnections", flow["targetConnectionIds"][0]))


async def _records(adobe, flow: dict[str, Any]) -> dict[str, Any]:
    path = f"/__emulator__/datasets/{await _dataset(adobe, flow)}/records"
    return dict(await adobe.ok("GET", path))


async def _counts(adobe, flow: dict[str, Any]) -> dict[str, int]:
    runs = (await adobe.ok("GET", f"{FLOW}/runs?property=flowId=={flow['id']}"))["items"]
    totals: dict[str, int] = {}
    for run in runs:
        for name, count in run["metrics"]["recordSummary"].items():
            totals[name] = totals.get(name, 0) + count
    return totals


async def test_a_run_counts_what_the_inlet_really_received():
    """Received, ingested and failed records add up in a run, which reads as documented."""
    async with control() as adobe:
        flow = await adobe.made_flow()
        await adobe.send(flow, EVENT, EVENT, BAD)
        counts = await _counts(adobe, flow)
        assert counts["inputRecordCount"] == 3
        assert counts["outputRecordCount"] == 2
        assert counts["failedRecordCount"] == 1
        run = (await adobe.ok("GET", f"{FLOW}/runs"))["items"][0]
        assert await adobe.ok("GET", f"{FLOW}/runs/{run['id']}") == {"items": [run]}
        adobe.clock.advance(3600)
        run = (await adobe.ok("GET", f"{FLOW}/runs"))["items"][0]
        expected = keys_of(fixture_of("runs_get.json")["items"][0])
        has = keys_of(run)
        for key in set(expected) - {"metrics", "activities"}:
            assert has[key] == expected[key]
        for part in expected["metrics"]:
            assert set(expected["metrics"][part]) <= set(has["metrics"][part]), part
        assert set(expected["activities"][0]) <= set(has["activities"][0])


async def test_each_hour_has_a_run_of_its_own():
    """Events of two hours are two runs; a run goes on until its hour is over."""
    async with control() as adobe:
        flow = await adobe.made_flow()
        await adobe.send(flow, EVENT)
        adobe.clock.advance(3600)
        await adobe.send(flow, EVENT, EVENT)
        runs = (await adobe.ok("GET", f"{FLOW}/runs?property=flowId=={flow['id']}"))["items"]
        assert [run["metrics"]["recordSummary"]["inputRecordCount"] for run in runs] == [1, 2]
        assert [run["metrics"]["statusSummary"]["status"] for run in runs] == [
            "success",
            "inProgress",
        ]
        starts = [run["metrics"]["durationSummary"]["startedAtUTC"] for run in runs]
        assert starts[1] - starts[0] == 3_600_000
        assert [start % 3_600_000 for start in starts] == [0, 0]
        failed = "property=metrics.statusSummary.status==failed"
        assert (await adobe.ok("GET", f"{FLOW}/runs?{failed}"))["items"] == []


async def test_speed_shortens_the_hour():
    """At speed 60 a run's window is a minute."""
    async with control(speed=60.0) as adobe:
        flow = await adobe.made_flow()
        await adobe.send(flow, EVENT)
        adobe.clock.advance(60)
        await adobe.send(flow, EVENT)
        assert len((await adobe.ok("GET", f"{FLOW}/runs"))["items"]) == 2


async def test_failed_records_are_a_failed_batch_with_a_file():
    """A failed batch links to its file here; each line unfolds to the event and its errors."""
    async with control() as adobe:
        flow = await adobe.made_flow()
        await adobe.send(flow, EVENT, BAD)
        dataset_id = await _dataset(adobe, flow)
        query = f"dataSet={dataset_id}&status=failed&orderBy=desc:created"
        batches = await adobe.ok("GET", f"{CATALOG}/batches?{query}")
        ((id_, batch),) = batches.items()
        documented = next(iter(fixture_of("catalog_batch_with_errors.json").values()))
        assert set(documented) <= set(batch)
        assert batch["metrics"]["invalidRecordCount"] == 1
        assert [error["code"] for error in batch["errors"]] == ["INGEST-1212-400", "DCVS-1104-400"]
        listed = await adobe.ok("GET", f"{EXPORT}/batches/{id_}/failed")
        expected = fixture_of("failed_batch_records.json")
        assert keys_of(listed) == keys_of(expected["list"])
        assert listed["data"][0]["name"] == "_SUCCESS"
        answer = await adobe.call("GET", listed["data"][1]["_links"]["self"]["href"])
        assert len(answer.content) == int(listed["data"][1]["length"])
        (line,) = answer.text.splitlines()
        record = {key: json.loads(part) for key, part in json.loads(line).items()}
        assert list(record) == ["body", "header", "_errors"]
        assert record["body"] == BAD
        envelope = fixture_of("dcs_internal_envelope_for_raw.json")
        assert keys_of(record["header"]) == keys_of(envelope["header"])
        error = record["_errors"]["_streamingValidation"][0]
        assert set(error) == set(expected["file_format_error"]["_validationErrors"][0])
        assert error["pointerToViolation"] == "#/_extconndev/metricx"
        for path in ("", "?path=row_errors", "?path=row_errors_sample.json"):
            assert await adobe.ok("GET", f"{EXPORT}/batches/{id_}/meta{path}")
        assert (
            await adobe.call("GET", f"{EXPORT}/batches/{id_}/failed?path=x")
        ).status_code == 404
        assert (await adobe.call("GET", f"{EXPORT}/batches/nothing/failed")).status_code == 404


async def test_a_good_batch_has_no_failed_files():
    """The batch of ingested records has the records and no failures."""
    async with control() as adobe:
        flow = await adobe.made_flow()
        await adobe.send(flow, EVENT)
        ((id_, batch),) = (await adobe.ok("GET", f"{CATALOG}/batches")).items()
        assert batch["metrics"]["outputRecordCount"] == 1
        assert (await adobe.ok("GET", f"{EXPORT}/batches/{id_}/failed"))["data"] == []
        file_id = (await adobe.ok("GET", f"{EXPORT}/batches/{id_}/files"))["data"][0][
            "dataSetFileId"
        ]
        name = (await adobe.ok("GET", f"{EXPORT}/files/{file_id}"))["data"][0]["name"]
        record = await adobe.ok("GET", f"{EXPORT}/files/{file_id}?path={name}")
        assert record["_extconndev"]["event_id0"] == EVENT["event_id"]


async def test_a_row_that_finds_nothing_is_a_warning():
    """An event without an attribute that a row names is ingested without it, and counted."""
    async with control() as adobe:
        flow = await adobe.made_flow()
        await adobe.send(flow, {"event_id": "1", "metric": "sent"})
        assert (await _records(adobe, flow))["records"] == [
            {"_extconndev": {"event_id0": "1", "metricx": "sent"}}
        ]
        counts = await _counts(adobe, flow)
        assert (counts["warningRecordCount"], counts["failedRecordCount"]) == (1, 0)


async def test_a_flow_keeps_its_mapping_version_until_it_is_patched():
    """A new version of the mapping set changes nothing for a flow that names the old one."""
    async with control() as adobe:
        flow = await adobe.made_flow()
        await adobe.send(flow, EVENT)
        id_ = flow["transformations"][0]["params"]["mappingId"]
        document = await adobe.ok("GET", f"{PREP}/mappingSets/{id_}")
        document["mappings"] = document["mappings"][:1]
        await adobe.ok("PUT", f"{PREP}/mappingSets/{id_}", document)
        await adobe.send(flow, EVENT)
        assert [len(each["_extconndev"]) for each in (await _records(adobe, flow))["records"]] == [
            6,
            6,
        ]
        step = {"name": "Mapping", "params": {"mappingId": id_, "mappingVersion": 1}}
        change = {"op": "replace", "path": "/transformations/0", "value": step}
        await adobe.patch("flows", await adobe.item("flows", flow["id"]), change)
        adobe.clock.advance(10)
        await adobe.item("flows", flow["id"])
        await adobe.send(flow, EVENT)
        assert len((await _records(adobe, flow))["records"][-1]["_extconndev"]) == 1


async def test_a_changed_schema_is_noticed_after_the_delay():
    """Validation follows a schema's change only when its cache is older than the delay."""
    async with control(schema_delay_s=900.0) as adobe:
        flow = await adobe.made_flow()
        await adobe.send(flow, EVENT)
        assert (await _counts(adobe, flow))["failedRecordCount"] == 0
        listed = {"headers": {"accept": XED_ID}}
        group = (await adobe.ok("GET", f"{REGISTRY}/tenant/fieldgroups", **listed))["results"][0]
        root = "/definitions/customFields/properties/_extconndev/properties"
        change = [{"op": "add", "path": f"{root}/metricx/enum", "value": ["sent"]}]
        await adobe.ok("PATCH", schema_path("fieldgroups", group["$id"]), change)
        await adobe.send(flow, EVENT)
        assert (await _counts(adobe, flow))["failedRecordCount"] == 0
        adobe.clock.advance(901)
        await adobe.send(flow, EVENT)
        assert (await _counts(adobe, flow))["failedRecordCount"] == 1


async def test_synchronous_validation_asks_the_same_schema():
    """A record that ingestion would refuse is refused at once when syncValidation is asked for."""
    async with control() as adobe:
        flow = await adobe.made_flow()
        url = f"{flow['options']['inletUrl']}?syncValidation=true&x-adobe-flow-id={flow['id']}"
        good = await adobe.client.post(url, json=EVENT)
        assert good.json()["syncValidation"] == {"status": "pass"}
        bad = await adobe.client.post(url, json=BAD)
        assert bad.status_code == 400
        expected = keys_of(fixture_of("single_errors.json")["400_sync_validation"])
        assert keys_of(bad.json()).keys() == expected.keys()
        (group,) = bad.json()["report"]["cause"]["_streamingValidation"]
        assert (
            group["causingExceptions"][0]["message"] == "expected type: String, found: JSONObject"
        )


async def test_an_xdm_envelope_is_checked_without_mapping():
    """A record in Adobe's envelope goes into the data set as it is, when the schema takes it."""
    async with control() as adobe:
        flow = await adobe.made_flow()
        dataset = await adobe.ok("GET", f"{CATALOG}/dataSets/{await _dataset(adobe, flow)}")
        schema_id = next(iter(dataset.values()))["schemaRef"]["id"]
        reference = {"id": schema_id, "contentType": CONTENT_TYPE}
        entity = {"_extconndev": {"email": "a@example.com"}}
        header = {
            "schemaRef": reference,
            "imsOrgId": ORG,
            "datasetId": await _dataset(adobe, flow),
            "flowId": flow["id"],
        }
        for record in (entity, {"_extconndev": {"unknown": 1}}):
            body = {"xdmMeta": {"schemaRef": reference}, "xdmEntity": record}
            await adobe.send(flow, {"header": header, "body": body})
        found = await _records(adobe, flow)
        assert (found["records"], found["failed"]) == ([entity], 1)


@pytest.mark.parametrize(
    "odd",
    [
        {"event_id": "1", "metric": 2**80},
        {"event_id": "1", "metric": None},
        {"event_id": "1", "data": {"identifiers": {"email": 1e308 * 10}}},
        {"event_id": "1", "metric": "\ud83d\ude00\u0000"},
        {},
    ],
)
async def test_odd_values_fail_or_pass_but_break_nothing(odd):
    """Whatever an event holds, it is counted once, and every report can still be read."""
    async with control() as adobe:
        flow = await adobe.made_flow()
        url = f"{flow['options']['inletUrl']}?x-adobe-flow-id={flow['id']}"
        content = json.dumps(odd)
        headers = {"content-type": "application/json"}
        answer = await adobe.client.post(url, content=content, headers=headers)
        accepted = answer.status_code == 200
        counts = await _counts(adobe, flow)
        assert counts.get("inputRecordCount", 0) == int(accepted)
        for id_ in await adobe.ok("GET", f"{CATALOG}/batches"):
            await adobe.ok("GET", f"{EXPORT}/batches/{id_}/failed")
        await _records(adobe, flow)


async def test_what_waits_and_what_is_kept_is_bounded():
    """Many events are counted in full while only the latest records are kept."""
    async with control() as adobe:
        flow = await adobe.made_flow()
        url = flow["options"]["inletUrl"].replace("/collection/", "/collection/batch/")
        url = f"{url}?x-adobe-flow-id={flow['id']}"
        total = 0
        for _ in range(25):
            messages = [{"event_id": f"{total + number}"} for number in range(1000)]
            assert (await adobe.client.post(url, json={"messages": messages})).status_code == 207
            total += len(messages)
        found = await _records(adobe, flow)
        assert (found["received"], found["ingested"], len(found["records"])) == (
            total,
            total,
            10_000,
        )
        assert found["records"][-1]["_extconndev"]["event_id0"] == str(total - 1)


async def test_metrics_tell_what_was_received_and_ingested():
    """Series of inlet and data set add up to what was sent, grouped as asked."""
    async with control() as adobe:
        flow = await adobe.made_flow()
        await adobe.send(flow, EVENT, BAD)
        dataset_id = await _dataset(adobe, flow)
        inlet_id = flow["options"]["inletUrl"].rsplit("/", 1)[1]
        filters = {"dataSetId": dataset_id, "inletId": inlet_id}
        wanted = {
            "timeseries.ingestion.dataset.recordsuccess.count": ("dataSetId", 1),
            "timeseries.ingestion.dataset.batchfailed.count": ("dataSetId", 1),
            "timeseries.data.collection.inlet.total.messages.received": ("inletId", 2),
            "timeseries.data.collection.validation.invalid.messages.rate": ("inletId", 1),
        }
        body = {
            "start": "2023-11-14T00:00:00.000Z",
            "end": "2023-11-16T00:00:00.000Z",
            "granularity": "hour",
            "metrics": [
                {
                    "name": name,
                    "filters": [{"name": key, "value": f"x|{filters[key]}", "groupBy": True}],
                    "aggregator": "sum",
                    "downsample": "sum",
                }
                for name, (key, _total) in wanted.items()
            ],
        }
        answer = await adobe.ok("POST", METRICS, body)
        for response, (key, total) in zip(answer["metricResponses"], wanted.values(), strict=True):
            assert set(response) == {"metric", "filters", "datapoints", "granularity"}
            (point,) = response["datapoints"]
            assert point["groupBy"] == {key: filters[key]}
            assert point["dps"] == {"2023-11-14T22:00:00Z": total}
        for wrong in ({"start": "x"}, {"granularity": "eon"}, {"metrics": []}, {"metrics": [{}]}):
            refused = await adobe.call("POST", METRICS, json={**body, **wrong})
            assert refused.json()["type"].endswith("INSGHT-1000-400")


async def test_only_providers_write_runs():
    """Runs cannot be made or changed by a user; one of an enabled flow can be asked for again."""
    async with control() as adobe:
        flow = await adobe.made_flow()
        await adobe.send(flow, EVENT)
        run = (await adobe.ok("GET", f"{FLOW}/runs"))["items"][0]
        await adobe.refused(400, "FLOW-1427-400", "POST", f"{FLOW}/runs", json={"flowId": "x"})
        path = f"{FLOW}/runs/{run['id']}"
        await adobe.refused(400, "FLOW-1427-400", "PATCH", path, json=[])
        assert (await adobe.ok("POST", f"{path}/action?op=re-trigger"))["id"] == run["id"]
        await adobe.ok("POST", f"{FLOW}/flows/{flow['id']}/action?op=disable")
        await adobe.refused(400, "FLOW-1388-400", "POST", f"{path}/action?op=re-trigger")


async def test_old_windows_and_their_failures_are_dropped():
    """Of very many hours the latest runs and failed files are kept."""
    async with control(speed=3600.0) as adobe:
        flow = await adobe.made_flow()
        for _ in range(120):
            await adobe.send(flow, BAD)
            adobe.clock.advance(1)
        counts = await adobe.ok("GET", f"{FLOW}/runs?count=true")
        assert counts == {"count": 120}
        batches = await adobe.ok("GET", f"{CATALOG}/batches?limit=100&orderBy=desc:created")
        newest, *_ = batches
        files = await adobe.ok("GET", f"{EXPORT}/batches/{newest}/failed")
        assert int(files["data"][1]["length"]) > 0
        oldest, *_ = await adobe.ok("GET", f"{CATALOG}/batches?limit=1&orderBy=asc:created")
        files = await adobe.ok("GET", f"{EXPORT}/batches/{oldest}/failed")
        assert files["data"][1]["length"] == "0"


@pytest.mark.parametrize(
    "field",
    [
        {"type": "string", "enum": 5},
        {"type": "object", "required": 5},
        {"type": "string", "meta:xdmType": {}},
        {"type": "string", "pattern": "("},
        {"type": "integer", "minimum": "low"},
        {"type": []},
        {"$ref": "https://ns.adobe.com/nothing"},
        {"type": "array", "items": "all"},
        {"type": "string", "maxLength": -1},
    ],
)
async def test_a_schema_that_makes_no_sense_breaks_nothing(field):
    """Whatever the registry took, events are counted and every answer stays below 500."""
    async with control() as adobe:
        flow = await adobe.made_flow()
        listed = {"headers": {"accept": XED_ID}}
        group = (await adobe.ok("GET", f"{REGISTRY}/tenant/fieldgroups", **listed))["results"][0]
        root = "/definitions/customFields/properties/_extconndev/properties"
        change = [{"op": "add", "path": f"{root}/metricx", "value": field}]
        await adobe.call("PATCH", schema_path("fieldgroups", group["$id"]), json=change)
        await adobe.send(flow, EVENT)
        counts = await _counts(adobe, flow)
        assert counts["inputRecordCount"] == 1
        assert counts["outputRecordCount"] + counts["failedRecordCount"] == 1
        id_ = flow["transformations"][0]["params"]["mappingId"]
        document = await adobe.ok("GET", f"{PREP}/mappingSets/{id_}?expandSchema=true")
        body = {"data": EVENT, "mappingSet": document}
        answer = await adobe.call("POST", f"{PREP}/mappingSets/preview", json=body)
        assert answer.status_code in {200, 400}
