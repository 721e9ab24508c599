"""The two planes are one Adobe: what an inlet accepts becomes runs, records and failures."""

from __future__ import annotations

import json

import pytest
from control_kit import EXPORT, FLOW, control

GOOD = {
    "event_id": "good",
    "object_type": "email",
    "metric": "opened",
    "timestamp": 1613063089,
    "data": {"identifiers": {"email": "test@example.com", "cio_id": "d9c1"}},
}
BAD = {**GOOD, "event_id": "bad", "metric": ["not", "text"]}


def batch_path(flow):
    """The batch path of a flow's inlet, with its flow id."""
    url = flow["options"]["inletUrl"].replace("/collection/", "/collection/batch/")
    return f"{url}?x-adobe-flow-id={flow['id']}"


async def run_of(caller, flow):
    """The only run of a flow."""
    answer = await caller.ok("GET", f"{FLOW}/runs?property=flowId=={flow['id']}")
    (run,) = answer["items"]
    return run


async def records_of(caller, flow):
    """What the data set of a flow holds."""
    target = await caller.item("targetConnections", flow["targetConnectionIds"][0])
    data_set = target["params"]["dataSetId"]
    return await caller.ok("GET", f"/__emulator__/datasets/{data_set}/records")


async def test_received_events_become_a_run():
    """A batch is answered 207 for all; its run says later how many were ingested and failed."""
    async with control(strict_inlets=True) as caller:
        flow = await caller.made_flow()
        answer = await caller.client.post(batch_path(flow), json={"messages": [GOOD, BAD, GOOD]})
        run = await run_of(caller, flow)
        received = await caller.ok("GET", "/__emulator__/received?ids=true")
        records = await records_of(caller, flow)
    assert answer.status_code == 207
    assert all("xactionId" in item for item in answer.json()["responses"])
    counts = run["metrics"]["recordSummary"]
    assert counts["inputRecordCount"] == received["events"] == 3
    assert counts["outputRecordCount"] == 2
    assert counts["failedRecordCount"] == 1
    assert received["ids"] == {"good": 2, "bad": 1}
    assert len(records["records"]) == 2
    assert records["records"][0]["_extconndev"]["event_id0"] == "good"


async def test_failed_events_can_be_downloaded():
    """The event that failed stands in the failed batch's file, with its transaction id and why."""
    async with control() as caller:
        flow = await caller.made_flow()
        answer = await caller.client.post(batch_path(flow), json={"messages": [GOOD, BAD]})
        run = await run_of(caller, flow)
        batch_id = run["activities"][0]["targetInfo"][0]["reference"]["ids"][-1]
        listed = await caller.ok("GET", f"{EXPORT}/batches/{batch_id}/failed")
        name = listed["data"][-1]["name"]
        text = (await caller.call("GET", f"{EXPORT}/batches/{batch_id}/failed?path={name}")).text
    (line,) = text.strip().splitlines()
    failed = {key: json.loads(part) for key, part in json.loads(line).items()}
    assert failed["body"] == BAD
    assert failed["header"]["xactionId"] == answer.json()["responses"][1]["xactionId"]
    assert "metricx" in json.dumps(failed["_errors"])


async def test_refused_messages_are_in_no_run():
    """What the inlet refuses, by its rules or a fault, is not in the run."""
    async with control() as caller:
        flow = await caller.made_flow()
        fault = {"kind": "partial", "fraction": 1, "status": 503, "requests": 1}
        await caller.ok("POST", "/__emulator__/faults", fault)
        await caller.client.post(batch_path(flow), json={"messages": [GOOD]})
        await caller.client.post(batch_path(flow), json={"messages": [GOOD, 5]})
        run = await run_of(caller, flow)
    assert run["metrics"]["recordSummary"]["inputRecordCount"] == 1


async def test_reset_after_storing_is_in_the_run_twice():
    """An answer that was lost makes the sender repeat itself, and the lake holds it twice."""
    async with control() as caller:
        flow = await caller.made_flow()
        await caller.ok("POST", "/__emulator__/faults", {"kind": "not_json", "stored": True})
        await caller.client.post(batch_path(flow), json={"messages": [GOOD]})
        await caller.ok("DELETE", "/__emulator__/faults")
        await caller.client.post(batch_path(flow), json={"messages": [GOOD]})
        records = await records_of(caller, flow)
    assert records["ingested"] == 2


async def test_disabled_flow_refuses_and_names_the_flow():
    """The inlet of a disabled flow refuses every message in words that name the flow."""
    async with control() as caller:
        flow = await caller.made_flow()
        await caller.ok("POST", f"{FLOW}/flows/{flow['id']}/action?op=disable")
        caller.clock.advance(10)
        await caller.item("flows", flow["id"])
        refused = await caller.client.post(batch_path(flow), json={"messages": [GOOD]})
        await caller.ok("POST", f"{FLOW}/flows/{flow['id']}/action?op=enable")
        caller.clock.advance(10)
        await caller.item("flows", flow["id"])
        taken = await caller.client.post(batch_path(flow), json={"messages": [GOOD]})
    (item,) = refused.json()["responses"]
    assert item["statusCode"] == 400
    assert "flow" in item["message"]
    assert "xactionId" in taken.json()["responses"][0]


@pytest.mark.parametrize("strict_inlets", [True, False])
async def test_inlet_goes_with_its_flow(*, strict_inlets: bool):
    """A deleted flow's inlet does not exist any more: who still sends to it must learn of it."""
    async with control(strict_inlets=strict_inlets) as caller:
        flow = await caller.made_flow()
        headers = {"if-match": flow["etag"]}
        deleted = await caller.call("DELETE", f"{FLOW}/flows/{flow['id']}", headers=headers)
        answer = await caller.client.post(batch_path(flow), json={"messages": [GOOD]})
    assert deleted.status_code == 204
    assert answer.status_code == 404


async def test_inlet_of_another_organisation():
    """An envelope of another organisation is refused by the inlet of a flow."""
    async with control() as caller:
        flow = await caller.made_flow()
        envelope = {
            "header": {"imsOrgId": "other@AdobeOrg", "flowId": flow["id"]},
            "body": {"xdmEntity": {}},
        }
        answer = await caller.client.post(batch_path(flow), json={"messages": [envelope]})
    (item,) = answer.json()["responses"]
    assert item["message"].endswith("Message has an absent or wrong ims org in the header")


async def test_everything_is_there_after_a_restart(tmp_path):
    """With a state file inlets, what was ingested and webhooks outlive the process."""
    state = tmp_path / "adobe.json"
    hook = {"name": "n", "endpoint": "http://127.0.0.1:9/x", "events": ["email_sent"]}
    async with control(state_file=state, strict_inlets=True) as caller:
        flow = await caller.made_flow()
        await caller.client.post(batch_path(flow), json={"messages": [GOOD]})
        assert (await caller.client.post("/v1/reporting_webhooks", json=hook)).status_code == 200
        await caller.app.close()
    async with control(state_file=state, strict_inlets=True) as caller:
        again = await caller.client.post(batch_path(flow), json={"messages": [GOOD]})
        records = await records_of(caller, flow)
        hooks = (await caller.client.get("/v1/reporting_webhooks")).json()
    assert again.status_code == 207
    assert records["ingested"] == 2
    assert [one["name"] for one in hooks["reporting_webhooks"]] == ["n"]
