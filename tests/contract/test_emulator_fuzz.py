"""Whatever is sent, the data plane answers as documented and counts what it accepted."""

from __future__ import annotations

import json

from emulator_kit import BATCH, FLOW, INLET, SCHEMA, SINGLE, adobe
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

WORDS = (
    "event_id header body xdmMeta xdmEntity schemaRef flowId imsOrgId operations id _id _t "
    "messages event_id0 kind seconds status requests path"
)
NAMES = st.sampled_from(WORDS.split()) | st.text(max_size=5)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.sampled_from(["\ud800", SCHEMA, FLOW]),
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=20,
)
HEADERS = st.sampled_from([{}, {"x-adobe-flow-id": FLOW}])
FAULTS = st.sampled_from(
    [
        None,
        {"kind": "partial", "fraction": 0.5, "sticky": True},
        {"kind": "wrong_count"},
        {"kind": "wrong_org"},
        {"kind": "missing_header"},
    ]
)
BOUNDED = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


@BOUNDED
@given(messages=st.lists(JSON, min_size=1, max_size=5), headers=HEADERS, fault=FAULTS)
async def test_any_batch(messages, headers, fault):
    """A batch of any JSON is answered 207; what has no refusal is exactly what was stored."""
    async with adobe() as local:
        await local.inlet(flow_id=FLOW, schema_id=SCHEMA["id"])
        if fault is not None:
            await local.fault(**fault)
        content = json.dumps({"messages": messages}).encode()
        answer = await local.client.post(
            BATCH, content=content, headers=headers | {"content-type": "application/json"}
        )
        received = await local.received(ids="true")
    assert answer.status_code == 207
    items = answer.json()["responses"]
    if fault != {"kind": "wrong_count"}:
        assert len(items) == len(messages)
        assert received["events"] == sum("xactionId" in item for item in items)
    assert received["events"] == sum(received["ids"].values()) + received["without_id"]


@BOUNDED
@given(message=JSON, headers=HEADERS)
async def test_any_single_message(message, headers):
    """Any JSON is taken with 200 or refused with 400, and stored accordingly."""
    async with adobe() as local:
        answer = await local.client.post(
            SINGLE,
            content=json.dumps(message).encode(),
            headers=headers | {"content-type": "application/json"},
        )
        received = await local.received()
    assert answer.status_code in (200, 400)
    assert received["events"] == (answer.status_code == 200)


@BOUNDED
@given(body=st.binary(max_size=200), inlet_id=st.sampled_from([INLET, "x", "batch/" + INLET]))
async def test_any_bytes(body, inlet_id):
    """Any bytes get an answer of the inlet's, never an exception."""
    async with adobe() as local:
        answer = await local.client.post(
            f"/collection/{inlet_id}", content=body, headers={"content-type": "application/json"}
        )
    assert answer.status_code in (200, 207, 400, 404)


@BOUNDED
@given(document=JSON | st.dictionaries(NAMES, JSON))
async def test_any_fault(document):
    """What is no fault is refused with 400 and leaves nothing behind."""
    async with adobe() as local:
        answer = await local.client.post(
            "/__emulator__/faults", content=json.dumps(document).encode()
        )
        left = (await local.client.get("/__emulator__/faults")).json()["faults"]
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert left == []
