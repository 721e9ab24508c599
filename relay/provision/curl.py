"""
The same set-up as requests that a person can read, review and run.

Tokens, keys and organisation stand as shell variables: an export holds no secret.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import orjson

from relay.adobe.flow_service import Kind
from relay.provision.desired import Desired

_FLOW = "/data/foundation/flowservice"
_STEPS: tuple[tuple[str, Kind], ...] = (
    ("SOURCE_ID", "sourceConnections"),
    ("TARGET_ID", "targetConnections"),
)


def export(desired: Desired, *, platform_url: str, sandbox: str) -> str:
    """Print the requests of *desired*, in order, as a shell script for ``curl`` and ``jq``."""
    lines = [
        "#!/bin/sh",
        f"# The set-up of route {desired.route}. Set ACCESS_TOKEN, API_KEY and ORG_ID first.",
        "set -eu",
        f"PLATFORM={shlex.quote(platform_url)}",
        f"SANDBOX={shlex.quote(sandbox)}",
        _CALL,
        "TENANT=$(call GET /data/foundation/schemaregistry/stats | jq -er .tenantId)",
    ]
    lines.extend(_requests(desired))
    return "\n".join(lines) + "\n"


_CALL = """call() {
  curl --fail-with-body -sS -X "$1" "$PLATFORM$2" \\
    -H "Authorization: Bearer $ACCESS_TOKEN" -H "x-api-key: $API_KEY" \\
    -H "x-gw-ims-org-id: $ORG_ID" -H "x-sandbox-name: $SANDBOX" \\
    -H 'Content-Type: application/json' ${3:+-d "$3"}
}"""


def _requests(desired: Desired) -> Iterator[str]:
    registry = "/data/foundation/schemaregistry/tenant"
    if desired.schema_id:
        yield f"SCHEMA_ID={shlex.quote(desired.schema_id)}"
    else:
        group = desired.field_group("${TENANT}")
        yield _post("GROUP_ID", f"{registry}/fieldgroups", group, '."$id"')
        schema = desired.schema("${TENANT}", "${GROUP_ID}")
        yield _post("SCHEMA_ID", f"{registry}/schemas", schema, '."$id"')
    dataset = "/data/foundation/catalog/dataSets?requestDataSource=true"
    yield _post("DATASET_ID", dataset, desired.dataset("${SCHEMA_ID}"), '.[0] | split("/") | last')
    mapping = desired.mapping_set("${TENANT}", "${SCHEMA_ID}")
    yield _post("MAPPING_ID", "/data/foundation/conversion/mappingSets", mapping, ".id")
    bodies = {
        "SOURCE_ID": desired.source_connection(),
        "TARGET_ID": desired.target_connection("${SCHEMA_ID}", "${DATASET_ID}"),
    }
    for variable, kind in _STEPS:
        yield _post(variable, f"{_FLOW}/{kind}", bodies[variable], ".id")
    flow = desired.flow(
        source_id="${SOURCE_ID}",
        target_id="${TARGET_ID}",
        mapping_id="${MAPPING_ID}",
        mapping_version=0,
    )
    yield _post("FLOW_ID", f"{_FLOW}/flows", flow, ".id")
    yield "sleep 10"
    yield f'call GET "{_FLOW}/flows/$FLOW_ID" | jq -er ".items[0].options.inletUrl"'


def _post(variable: str, path: str, body: dict[str, Any], query: str) -> str:
    """One creation; the body stands in a here document, where the shell fills in the ids."""
    text = orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()
    # Only ${NAME} is ours to be filled in; every other dollar, backslash and backtick is data.
    text = text.replace("\\", "\\\\").replace("`", "\\`").replace("$", "\\$")
    for name in ("TENANT", "GROUP_ID", "SCHEMA_ID", "DATASET_ID", "MAPPING_ID", "SOURCE_ID",
                 "TARGET_ID"):  # fmt: skip
        text = text.replace(f"\\${{{name}}}", f"${{{name}}}")
    return f"{variable}=$(call POST '{path}' \"$(cat <<EOF\n{text}\nEOF\n)\" | jq -er '{query}')"
