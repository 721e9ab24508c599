"""The gateway in front of the local Adobe's control APIs: headers, organisations, sandboxes."""

from __future__ import annotations

import pytest
from control_kit import CATALOG, FLOW, ORG, REGISTRY, control, fixture_of, keys_of, source

FLOWS = f"{FLOW}/flows"


@pytest.mark.parametrize(
    ("header", "value", "status", "code"),
    [
        ("authorization", "", 403, "403010"),
        ("authorization", "Bearer wrong", 401, "401013"),
        ("authorization", "Basic abc", 401, "401013"),
        ("x-api-key", "", 403, "403000"),
        ("x-gw-ims-org-id", "", 400, "400003"),
        ("x-gw-ims-org-id", "nobody", 403, "403025"),
        ("x-sandbox-name", "", 400, "FLOW-2105-400"),
        ("x-sandbox-name", "Prod", 404, "FLOW-2100-404"),
        ("x-sandbox-name", "*", 403, "FLOW-2111-403"),
    ],
)
async def test_a_header_that_is_missing_or_wrong_is_refused_with_its_code(
    header, value, status, code
):
    """Each of the tutorial's four headers is required, and its absence has a code of its own."""
    async with control() as adobe:
        body = await adobe.refused(status, code, "GET", FLOWS, headers={header: value})
        listed = {
            entry["body"].get("error_code"): entry for entry in fixture_of("gateway_errors.json")
        }
        if code in listed:
            assert body == listed[code]["body"]
            assert int(listed[code]["http"]) == status


async def test_a_lenient_adobe_does_without_token_and_key():
    """With strict off, a call without token, key and sandbox is served."""
    async with control(strict=False, logs_in=False) as adobe:
        assert await adobe.ok("GET", FLOWS, headers={"x-gw-ims-org-id": ORG}) == {
            "items": [],
            "_links": {},
        }


async def test_only_the_configured_client_may_call():
    """With a client id configured, another api key is refused, and so is a sandbox never made."""
    async with control(client_id="key", client_secret="secret") as adobe:
        await adobe.ok("GET", FLOWS)
        wrong = {"x-api-key": "other"}
        await adobe.refused(403, "403003", "GET", FLOWS, headers=wrong)
        missing = {"x-sandbox-name": "dev"}
        await adobe.refused(404, "FLOW-2100-404", "GET", FLOWS, headers=missing)
        made = {"name": "dev", "title": "Dev", "type": "development"}
        await adobe.ok("POST", "/data/foundation/sandbox-management/sandboxes", made)
        await adobe.ok("GET", FLOWS, headers=missing)


async def test_an_expired_token_is_refused():
    """A token is good for its lifetime and not a second longer."""
    async with control(token_lifetime_s=60) as adobe:
        await adobe.ok("GET", FLOWS)
        adobe.clock.advance(61)
        await adobe.refused(401, "401013", "GET", FLOWS)


async def test_sandboxes_and_organisations_do_not_see_each_other():
    """What is made in one sandbox of one organisation is in no other."""
    async with control() as adobe:
        await adobe.ok("POST", f"{FLOW}/sourceConnections", source())
        for headers in ({"x-sandbox-name": "dev"}, {"x-gw-ims-org-id": "other@AdobeOrg"}):
            listed = await adobe.ok("GET", f"{FLOW}/sourceConnections", headers=headers)
            assert listed["items"] == []
        assert len((await adobe.ok("GET", f"{FLOW}/sourceConnections"))["items"]) == 1


async def test_each_organisation_has_a_tenant_of_its_own():
    """The first organisation's tenant is the tutorial's; another organisation's is another."""
    async with control() as adobe:
        first = await adobe.ok("GET", f"{REGISTRY}/stats")
        other = await adobe.ok(
            "GET", f"{REGISTRY}/stats", headers={"x-gw-ims-org-id": "o@AdobeOrg"}
        )
        assert first["tenantId"] == "extconndev"
        assert other["tenantId"] not in {"", first["tenantId"]}
        assert set(first) == {
            "imsOrg", "tenantId", "counts", "recentlyCreatedResources",
            "recentlyUpdatedResources", "classUsage",
        }  # fmt: skip


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"x"', b"null", b"\xff\xfe"])
async def test_a_body_that_is_no_object_is_refused_in_the_service_s_own_form(body):
    """Bad JSON gets 400: a FLOW code from Flow Service, a plain problem from Catalog."""
    async with control() as adobe:
        how = {"content": body, "headers": {"content-type": "application/json"}}
        answer = await adobe.call("POST", FLOWS, **how)
        assert answer.status_code == 400
        assert keys_of(answer.json()["report"]).keys() >= {"detailed-message", "request-id"}
        plain = await adobe.call("POST", f"{CATALOG}/dataSets", **how)
        expected = fixture_of("gateway_errors.json")[6]["body"]
        assert keys_of(plain.json()) == keys_of(expected)


async def test_nesting_and_size_of_a_body_are_bounded():
    """A body nested deeper than anything meant gets 400, one over 4 MiB 413."""
    async with control() as adobe:
        headers = {"content-type": "application/json; charset=utf-8"}
        deep = b'{"name":' + b"[" * 500 + b"]" * 500 + b"}"
        assert (await adobe.call("POST", FLOWS, content=deep, headers=headers)).status_code == 400
        large = b'"' + b"x" * (4 * 1024 * 1024) + b'"'
        assert (await adobe.call("POST", FLOWS, content=large, headers=headers)).status_code == 413


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded"])
async def test_a_body_says_that_it_is_json(content_type):
    """A payload without a JSON content type is refused as documented, by a strict Adobe only."""
    how = {"content": b'{"name": "x"}', "headers": {"content-type": content_type}}
    async with control() as adobe:
        answer = await adobe.call("POST", FLOWS, **how)
        assert answer.status_code == 400
        assert answer.json() == fixture_of("gateway_errors.json")[6]["body"]
    async with control(strict=False) as adobe:
        body = (await adobe.call("POST", FLOWS, **how)).json()
        assert body["type"].endswith("FLOW-1455-400")


async def test_unknown_paths_and_methods_are_answered_in_json():
    """A path that no service has gets 404, a method that a path lacks 405."""
    async with control() as adobe:
        assert (await adobe.call("GET", "/data/foundation/nothing")).json()["error_code"]
        answer = await adobe.call("PUT", FLOWS, json={})
        assert (answer.status_code, answer.json()["title"]) == (405, "MethodNotAllowedError")


async def test_a_slash_at_the_end_changes_nothing():
    """Adobe's own client writes some paths with a slash at their end."""
    async with control() as adobe:
        one = await adobe.ok("GET", f"{REGISTRY}/stats")
        assert await adobe.ok("GET", f"{REGISTRY}/stats/") == one
