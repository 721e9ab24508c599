"""Each answer of the emulated inlet equals its cited fixture, key by key."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest
from emulator_kit import (
    FLOW,
    INLET,
    ORG,
    SCHEMA,
    SINGLE,
    adobe,
    envelope,
    event,
    fixture_of,
    shape,
)

SINGLES = fixture_of("single_200_variants.json")
ERRORS = fixture_of("single_errors.json")


@pytest.mark.parametrize("variant", ["async", "raw_http_api_doc", "raw_2023_lab"])
async def test_single_200(variant):
    """An accepted message is answered 200 in the variant that is chosen."""
    async with adobe(single_shape=variant) as local:
        answer = await local.single(event())
    assert answer.status_code == 200
    assert shape(answer.json()) == shape(SINGLES[variant])
    assert answer.json()["inletId"] == INLET
    assert answer.json().get("flowId", FLOW) == FLOW
    assert re.fullmatch(r"\d{13}:\d+:\d+", answer.json()["xactionId"])


async def test_sync_validation_passes():
    """A message that asks to be validated and is valid is answered as ``sync_pass``."""
    async with adobe() as local:
        answer = await local.single(event(), params={"syncValidation": "true"})
    assert answer.status_code == 200
    assert shape(answer.json()) == shape(SINGLES["sync_pass"])
    assert answer.json()["syncValidation"] == SINGLES["sync_pass"]["syncValidation"]


@pytest.mark.parametrize(
    ("variant", "name"),
    [
        ("docs", "batch_207_docs.json"),
        ("live_2024", "batch_207_live_2024.json"),
        ("kafka_connect", "batch_207_kafka_connect_fixture.json"),
    ],
)
async def test_batch_207(variant, name):
    """A batch is answered 207 with one item a message, refused items in the variant chosen."""
    documented = fixture_of(name)
    refused = [item for item in documented["responses"] if "message" in item][-1]
    is_header = "'header'" in refused["message"]
    bad = {"no": "flow"} if is_header else envelope(imsOrgId="wrong@AdobeOrg")
    good = envelope()
    async with adobe(batch_shape=variant) as local:
        if not is_header:
            await local.inlet(ims_org_id=ORG)
        answer = await local.batch([good, bad], headers={})
    assert answer.status_code == 207
    body = answer.json()
    assert body.keys() == documented.keys()
    assert shape({**body, "responses": 0}) == shape({**documented, "responses": 0})
    taken, refusal = body["responses"]
    assert taken.keys() == {"xactionId"}
    assert shape(refusal) == shape(refused)
    status_key = "statusCode" if variant == "docs" else "status"
    assert refusal[status_key] == refused[status_key]
    assert refusal["message"] == refused["message"].replace("<inlet>", INLET).replace(
        "{ORG_ID}", ORG
    )


async def test_item_ids_end_with_the_place():
    """The transaction id of an item is that of its batch with the place of the message."""
    async with adobe() as local:
        body = (await local.batch([event("a"), event("b"), event("c")])).json()
    assert [item["xactionId"] for item in body["responses"]] == [
        f"{body['batchId']}:{place}" for place in range(3)
    ]


@pytest.mark.parametrize(
    ("name", "message", "words"),
    [
        ("400_wrong_org", envelope(imsOrgId="wrong@AdobeOrg"), "400_wrong_org"),
        ("400_missing_schemaRef", envelope(schemaRef=None), "400_missing_schemaRef"),
        (
            "400_missing_schemaRef",
            envelope(body={"xdmMeta": {}, "xdmEntity": {}}),
            "400_missing_schemaRef",
        ),
        (
            "400_missing_schemaRef",
            envelope(body={"xdmMeta": {"schemaRef": {**SCHEMA, "id": "other"}}}),
            "400_missing_schemaRef",
        ),
    ],
)
async def test_single_400(name, message, words):
    """A refused message is answered 400, in the documented words."""
    async with adobe() as local:
        await local.inlet(ims_org_id=ORG)
        answer = await local.single(message, headers={})
    documented = json.loads(
        json.dumps(ERRORS[words]).replace("{INLET_ID}", INLET).replace("{ORG_ID}@AdobeOrg", ORG)
    )
    assert answer.status_code == 400
    assert answer.json() == documented


async def test_single_400_sync_validation():
    """A message that fails its synchronous validation is answered with why, and dropped."""
    documented = ERRORS["400_sync_validation"]
    causing = documented["report"]["cause"]["_streamingValidation"][0]["causingExceptions"]
    async with adobe() as local:
        inlet = local.app.inlets.new(INLET)
        local.app.inlets.put(dataclasses.replace(inlet, validator=lambda *_: causing))
        answer = await local.single(event(), params={"syncValidation": "true"})
        received = await local.received()
    assert answer.status_code == 400
    assert shape(answer.json()) == shape(documented)
    found = answer.json()["report"]["cause"]["_streamingValidation"][0]
    assert found["causingExceptions"] == causing
    assert found["message"] == "2 schema violations found"
    assert received["events"] == 0


async def test_single_401():
    """An authenticated inlet without a token answers the documented 401, its status a string."""
    async with adobe(authenticated_inlets=True) as local:
        answer = await local.single(event())
    documented = ERRORS["401_auth_inlet"]
    documented["report"]["message"] = documented["report"]["message"].replace("[id]", f"[{INLET}]")
    assert answer.status_code == 401
    assert answer.json() == documented


async def test_content_type_400():
    """A request without a JSON content type is answered as the gateway documents."""
    documented = next(
        case["body"] for case in fixture_of("gateway_errors.json") if "detail" in case["body"]
    )
    async with adobe() as local:
        answers = [
            await local.client.post(SINGLE, content=b"{}", headers={"x-adobe-flow-id": FLOW}),
            await local.client.post(SINGLE, data={"a": "b"}),
            await local.client.post(
                SINGLE, content=b"{}", headers={"content-type": "application/x-jackson-smile"}
            ),
        ]
    assert [answer.status_code for answer in answers] == [400, 400, 400]
    assert all(answer.json() == documented for answer in answers)


async def test_429():
    """A rate refusal has the gateway's body and ``Retry-After``."""
    documented = next(
        case
        for case in fixture_of("gateway_errors.json")
        if case["body"].get("error_code") == "429050"
    )
    async with adobe() as local:
        await local.fault("status", status=429, retry_after=38)
        answer = await local.single(event())
    assert answer.status_code == 429
    assert answer.json() == documented["body"]
    assert answer.headers["retry-after"] == documented["headers"]["Retry-After"]
