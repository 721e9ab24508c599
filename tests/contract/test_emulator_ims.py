"""The local IMS gives tokens as OAuth server-to-server does."""

from __future__ import annotations

import pytest
from emulator_kit import adobe

FORM = {"client_id": "c", "client_secret": "s", "grant_type": "client_credentials"}


async def test_any_client_gets_a_token():
    """Without a configured client any id and secret get a bearer token for a day."""
    async with adobe() as local:
        answer = await local.client.post("/ims/token/v3", data=FORM | {"scope": "openid"})
    assert answer.status_code == 200
    assert answer.json().keys() == {"access_token", "token_type", "expires_in"}
    assert answer.json()["token_type"] == "bearer"
    assert answer.json()["expires_in"] == 86_399


async def test_parameters_in_the_query():
    """Parameters may stand in the query, on the older path too."""
    async with adobe() as local:
        for path in ("/ims/token/v3", "/ims/token/v2"):
            assert (await local.client.post(path, params=FORM)).status_code == 200


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"client_id": "other"}, "invalid_client"),
        ({"client_secret": "other"}, "invalid_client"),
        ({"client_secret": ""}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
async def test_others_are_refused(change, error):
    """With a configured client every other one is refused, and the secret is not repeated."""
    async with adobe(client_id="c", client_secret="s3cret") as local:
        good = FORM | {"client_secret": "s3cret"}
        assert (await local.client.post("/ims/token/v3", data=good)).status_code == 200
        answer = await local.client.post("/ims/token/v3", data=good | change)
    assert answer.status_code == 400
    assert answer.json()["error"] == error
    assert "s3cret" not in answer.text


@pytest.mark.parametrize("body", [b"\xff", b"a=b&" * 100, b"x" * 100_000, b""])
async def test_nonsense(body):
    """A body that is no form is refused, not an exception."""
    async with adobe() as local:
        answer = await local.client.post("/ims/token/v3", content=body)
    assert answer.status_code == 400


async def test_revoked_tokens_are_unknown():
    """Revoking makes every token given out so far worthless."""
    async with adobe() as local:
        token = (await local.client.post("/ims/token/v3", data=FORM)).json()["access_token"]
        assert local.app.tokens.client_of(token) == "c"
        assert (await local.client.delete("/__emulator__/tokens")).status_code == 204
        assert local.app.tokens.client_of(token) == ""
