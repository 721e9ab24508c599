"""What an inlet takes and refuses: flow id, envelope, size, method, token, signature."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from emulator_kit import (
    BATCH,
    FLOW,
    INLET,
    ORG,
    SCHEMA,
    SINGLE,
    WITH_FLOW,
    adobe,
    envelope,
    event,
)

from relay.emulator.bodies import HEADER_MANDATORY, UNKNOWN_FORMAT, WRONG_FLOW, WRONG_ORG

JSON = {"content-type": "application/json"}


def messages_of(answer):
    """The message of each item of a 207, ``None`` for accepted ones."""
    return [item.get("message") for item in answer.json()["responses"]]


@pytest.mark.parametrize("how", [{"headers": WITH_FLOW}, {"headers": {}, "params": WITH_FLOW}])
async def test_flow_id_in_header_or_query(how):
    """A raw message needs the flow id of the request, as header or as query parameter."""
    async with adobe() as local:
        assert (await local.single(event(), **how)).status_code == 200
        assert messages_of(await local.batch([event()], **how)) == [None]


async def test_raw_without_flow_id():
    """Without a flow id a raw message is read as an envelope that lacks its header."""
    async with adobe() as local:
        single = await local.single(event(), headers={})
        batch = await local.batch([event(), event()], headers={})
        received = await local.received()
    assert single.status_code == 400
    assert single.json()["report"]["message"] == HEADER_MANDATORY
    assert batch.status_code == 207
    assert messages_of(batch) == [HEADER_MANDATORY, HEADER_MANDATORY]
    assert received["events"] == 0
    assert received["refused"] == 3


async def test_raw_batch_may_be_refused():
    """Where raw batches are refused, items are refused for their header and single ones taken."""
    async with adobe(raw_batch="refuse") as local:
        assert messages_of(await local.batch([event()])) == [HEADER_MANDATORY]
        assert messages_of(await local.batch([envelope()])) == [None]
        assert (await local.single(event())).status_code == 200


async def test_not_strict_needs_no_flow_id_and_no_content_type():
    """A lenient emulator takes a raw message without flow id and without content type."""
    async with adobe(strict=False) as local:
        answer = await local.client.post(SINGLE, content=json.dumps(event()).encode())
    assert answer.status_code == 200


async def test_made_inlet_knows_its_flow():
    """An inlet that belongs to a flow refuses another flow's id, in request and envelope."""
    async with adobe() as local:
        await local.inlet(flow_id=FLOW)
        good = await local.batch([event(), envelope()])
        other = await local.batch([event()], headers={"x-adobe-flow-id": "other"})
        named = await local.batch([envelope(flowId="other")])
    assert messages_of(good) == [None, None]
    assert messages_of(other)[0].endswith(WRONG_FLOW)
    assert messages_of(named)[0].endswith(WRONG_FLOW)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (envelope(), None),
        (envelope(imsOrgId=None), None),
        (envelope(imsOrgId="other@AdobeOrg"), WRONG_ORG),
        (envelope(imsOrgId=7), WRONG_ORG),
        (envelope(flowId=None), WRONG_FLOW),
        (envelope(schemaRef=None), UNKNOWN_FORMAT),
        (envelope(schemaRef="text"), UNKNOWN_FORMAT),
        (envelope(body={"xdmEntity": {}}), UNKNOWN_FORMAT),
        (envelope(body={"xdmMeta": {"schemaRef": SCHEMA}}), None),
        ({"header": envelope()["header"]}, UNKNOWN_FORMAT),
        ({"header": envelope()["header"], "body": "text"}, UNKNOWN_FORMAT),
        (
            envelope(
                body={
                    "xdmMeta": {
                        "schemaRef": {
                            **SCHEMA,
                            "contentType": "application/vnd.adobe.xed-full+json; version=1",
                        }
                    }
                }
            ),
            None,
        ),
        ({"header": {"operations": {"data": "merge"}, "flowId": FLOW}, "body": event()}, None),
        (5, HEADER_MANDATORY),
        (None, HEADER_MANDATORY),
        ({"header": "text"}, HEADER_MANDATORY),
    ],
)
async def test_envelope_rules(message, words):
    """Each rule of the envelope, in a batch that has no flow id of its own."""
    async with adobe() as local:
        await local.inlet(ims_org_id=ORG, schema_id=SCHEMA["id"])
        found = messages_of(await local.batch([message], headers={}))[0]
    assert found == words if words is None else found.endswith(words)


async def test_schema_of_the_inlet():
    """An envelope whose schema is not that of the inlet is refused."""
    async with adobe() as local:
        await local.inlet(schema_id="https://ns.adobe.com/acme/schemas/other")
        assert messages_of(await local.batch([envelope()]))[0].endswith(UNKNOWN_FORMAT)


async def test_raw_event_with_a_header_of_its_own():
    """A raw event that happens to have a member ``header`` stays raw."""
    async with adobe() as local:
        assert messages_of(await local.batch([event(header={"subject": "x"})])) == [None]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[" * 100_000, b"\xff\xfe", b"NaN", b'{"messages":NaN}', b'{"a":1}trailing'],
)
@pytest.mark.parametrize("path", [SINGLE, BATCH])
async def test_not_json(path, body):
    """What is not JSON is refused with 400, never with an exception."""
    async with adobe() as local:
        answer = await local.client.post(path, content=body, headers=JSON | WITH_FLOW)
    assert answer.status_code == 400
    assert "not valid JSON" in answer.json()["report"]["message"]


@pytest.mark.parametrize("body", [b"[]", b"5", b"{}", b'{"messages":{}}', b'{"messages":[]}'])
async def test_batch_without_messages(body):
    """A batch that has no list of messages is refused as a whole."""
    async with adobe() as local:
        answer = await local.client.post(BATCH, content=body, headers=JSON | WITH_FLOW)
    assert answer.status_code == 400
    assert "'messages'" in answer.json()["report"]["message"]


@pytest.mark.parametrize(
    "body", [b'{"event_id":"\\ud800"}', b'{"event_id":"a","n":1e999}', b'{"n":' + b"9" * 99 + b"}"]
)
async def test_json_that_orjson_refuses(body):
    """Lone surrogates and huge numbers are JSON; they are taken and can be looked at."""
    async with adobe() as local:
        answer = await local.client.post(SINGLE, content=body, headers=JSON | WITH_FLOW)
        received = await local.received(ids="true", event_id="a")
    assert answer.status_code == 200
    assert received["events"] == 1


async def test_one_megabyte():
    """A million bytes are taken, one more is answered 413."""
    frame = len(json.dumps({"event_id": ""}, separators=(",", ":")))
    async with adobe() as local:
        answers = []
        for size_bytes in (1_000_000, 1_000_001):
            body = b'{"event_id":"' + b"x" * (size_bytes - frame) + b'"}'
            assert len(body) == size_bytes
            answers.append(await local.client.post(SINGLE, content=body, headers=JSON | WITH_FLOW))
        received = await local.received()
    assert [answer.status_code for answer in answers] == [200, 413]
    assert answers[1].json()["status"] == 413
    assert received["events"] == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_other_methods(method):
    """Only POST is taken."""
    async with adobe() as local:
        answer = await local.client.request(method, SINGLE)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("inlet_id", ["", "abc", INLET.upper(), INLET + "/x", "batch"])
async def test_no_such_inlet(inlet_id):
    """An id that no inlet can have does not exist."""
    async with adobe() as local:
        answer = await local.client.post(f"/collection/{inlet_id}", json=event())
    assert answer.status_code == 404


async def test_strict_inlets_must_be_made():
    """With strict inlets only those exist that were made, and none that was removed."""
    async with adobe(strict_inlets=True) as local:
        before = await local.single(event())
        await local.inlet()
        made = await local.single(event())
        await local.client.delete(f"/__emulator__/inlets/{INLET}")
        after = await local.single(event())
    assert [answer.status_code for answer in (before, made, after)] == [404, 200, 404]


async def test_inlet_of_a_disabled_flow():
    """An inlet that refuses everything says why, message by message."""
    async with adobe() as local:
        await local.inlet(refuses="the flow is disabled")
        single = await local.single(event())
        batch = await local.batch([event(), envelope()])
    assert single.status_code == 400
    assert single.json()["report"]["message"].endswith("the flow is disabled")
    assert all(words.endswith("the flow is disabled") for words in messages_of(batch))


async def test_token_lifecycle():
    """A token is taken until it expires, with or without ``Bearer``; another never is."""
    async with adobe(authenticated_inlets=True, token_lifetime_s=60) as local:
        form = {"client_id": "c", "client_secret": "s", "grant_type": "client_credentials"}
        token = (await local.client.post("/ims/token/v3", data=form)).json()["access_token"]

        async def status(header):
            headers = WITH_FLOW | {"authorization": header}
            return (await local.single(event(), headers=headers)).status_code

        assert await status(f"Bearer {token}") == 200
        assert await status(token) == 200
        assert await status("Bearer other") == 401
        local.clock.advance(59)
        assert await status(f"Bearer {token}") == 200
        local.clock.advance(1)
        assert await status(f"Bearer {token}") == 401


async def test_bad_token_may_be_403():
    """The other documented status for a token that is not valid, 403, can be chosen."""
    async with adobe(authenticated_inlets=True, bad_token_status=403) as local:
        answer = await local.single(event(), headers=WITH_FLOW | {"authorization": "Bearer x"})
    assert answer.status_code == 403
    assert answer.json()["status"] == "403"


async def test_hmac():
    """An inlet with a shared secret takes the HMAC of the exact body and nothing else."""
    body = json.dumps(event()).encode()
    good = hmac.new(b"shared", body, hashlib.sha256).hexdigest()
    async with adobe() as local:
        await local.inlet(hmac_secret="shared")
        statuses = [
            (
                await local.client.post(
                    SINGLE, content=body, headers=JSON | WITH_FLOW | {"x-hmac-sha256": signature}
                )
            ).status_code
            for signature in (good, good.upper(), "", b"\xe9")
        ]
        listed = (await local.client.get("/__emulator__/inlets")).text
    assert statuses == [200, 401, 401, 401]
    assert "shared" not in listed


async def test_sync_validation_limits():
    """Sixty synchronous validations a minute and inlet; 501 where they are not offered."""
    sync = {"params": {"syncValidation": "true"}}
    async with adobe() as local:
        statuses = [(await local.single(event(), **sync)).status_code for _ in range(61)]
        local.clock.advance(60)
        after = await local.single(event(), **sync)
    async with adobe(sync_validation=False) as local:
        elsewhere = await local.single(event(), **sync)
    assert statuses == [200] * 60 + [429]
    assert after.status_code == 200
    assert elsewhere.status_code == 501
