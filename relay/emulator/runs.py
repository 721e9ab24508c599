"""
Flow runs and batches, told from the windows of what each flow took.

A window becomes one run; its records one batch, its failures another, with the status ``failed``.

Source:
    ``runs_get.json`` and ``catalog_batch_with_errors.json`` (both of batch ingestion); adobe.md
    §3.3, §5, §8.

Assumed:
    No document shows a run of a streaming flow. It has the shape of the other, its window in
    ``durationSummary``, the status ``inProgress`` while its hour goes on, then ``success`` or,
    when nothing of it was ingested, ``failed``; see docs/assumptions.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from relay.emulator.filters import read_listing
from relay.emulator.gateway import Call, routes
from relay.emulator.json_answer import json_answer
from relay.emulator.lake import Lake
from relay.emulator.problems import Service, flow_problem, not_found
from relay.emulator.store import Item, Sandbox, Store

ROOT = "/data/foundation/flowservice/runs"
_EXPORT = "https://platform.adobe.io/data/foundation/export/batches"


class Runs:
    """Tells runs and batches, and answers for the first."""

    def __init__(self, store: Store, lake: Lake) -> None:
        self._store = store
        self._lake = lake

    def routes(self) -> list[BaseRoute]:
        """Every path of the flow runs."""
        one = {"GET": self._read, "PATCH": _refuse}
        return [
            *routes(self._store, Service.FLOW, ROOT, {"GET": self._list, "POST": _refuse}),
            *routes(self._store, Service.FLOW, f"{ROOT}/{{id}}", one),
            *routes(self._store, Service.FLOW, f"{ROOT}/{{id}}/action", {"POST": self._action}),
        ]

    def runs(self, sandbox: Sandbox) -> list[Item]:
        """List the runs of a sandbox, oldest first."""
        self._lake.work()
        return [self._run(sandbox, window) for window in self._lake.windows.all(sandbox)]

    def batches(self, sandbox: Sandbox) -> list[Item]:
        """List the batches of a sandbox, oldest first."""
        self._lake.work()
        return [
            batch
            for window in self._lake.windows.all(sandbox)
            for batch in self._batches_of(sandbox, window)
        ]

    def _list(self, call: Call) -> Response:
        listing = read_listing("runs", call.request.query_params.multi_items())
        return json_answer(listing.answer(self.runs(call.sandbox)))

    def _read(self, call: Call) -> Response:
        return json_answer({"items": [self._found(call)]})

    def _action(self, call: Call) -> Response:
        run = self._found(call)
        if call.query("op").lower() != "re-trigger":
            raise flow_problem("1435-400", f"Unsupported action {call.query('op') or 'null'}")
        flow = call.sandbox.of("flows").get(run["flowId"], {})
        if flow.get("state") != "enabled":
            raise flow_problem("1388-400", "The flow must be enabled to re-trigger a run")
        return json_answer(run)

    def _found(self, call: Call) -> Item:
        for run in self.runs(call.sandbox):
            if run["id"] == call.id():
                return run
        raise not_found(Service.FLOW, "runs", call.id())

    def _run(self, sandbox: Sandbox, window: Item) -> Item:
        is_open = self._lake.windows.is_open(window)
        summaries = self._summaries(window, is_open=is_open)
        flow = sandbox.of("flows").get(window["flowId"], {})
        user = flow.get("createdBy", "")
        client = flow.get("createdClient", "")
        return {
            "createdAt": window["startMs"],
            "updatedAt": window["lastMs"],
            "createdBy": user,
            "updatedBy": user,
            "createdClient": client,
            "updatedClient": client,
            "sandboxId": sandbox.id,
            "sandboxName": sandbox.name,
            "imsOrgId": sandbox.org_id,
            "id": window["runId"],
            "flowId": window["flowId"],
            "state": "inProgress" if is_open else "completed",
            "etag": _etag(window),
            "metrics": summaries,
            "activities": [self._activity(sandbox, window, summaries)],
        }

    def _summaries(self, window: Item, *, is_open: bool) -> Item:
        duration: Item = {"startedAtUTC": window["startMs"]}
        if not is_open:
            duration["completedAtUTC"] = window["startMs"] + window["lengthMs"]
        return {
            "durationSummary": duration,
            "sizeSummary": {
                "inputBytes": window["inputBytes"],
                "outputBytes": window["outputBytes"],
            },
            "recordSummary": {
                "inputRecordCount": window["received"],
                "outputRecordCount": window["ingested"],
                "createdRecordCount": window["ingested"],
                "failedRecordCount": window["failed"],
                "skippedRecordCount": window["skipped"],
                "warningRecordCount": window["warnings"],
            },
            "fileSummary": {
                "inputFileCount": 1,
                "outputFileCount": 1 if window["ingested"] else 0,
                "activityRefs": ["promotionActivity"],
            },
            "statusSummary": {
                "status": _status(window, is_open=is_open),
                "errors": _errors(window),
                "activityRefs": ["promotionActivity"],
            },
        }

    def _activity(self, sandbox: Sandbox, window: Item, summaries: Item) -> Item:
        failed = f"{_EXPORT}/{window['failedBatchId']}/meta"
        status: Item = dict(summaries["statusSummary"])
        del status["activityRefs"]
        extensions: Item = {"errors": _diagnostics(window)}
        if window["failed"]:
            extensions["manifest"] = {
                "failedRecords": f"{failed}?path=row_errors",
                "sampleErrors": f"{failed}?path=row_error_samples.json",
            }
        flow = sandbox.of("flows").get(window["flowId"], {})
        manifest = {"fileInfo": f"{_EXPORT}/{window['batchId']}/meta?path=input_files"}
        return {
            "id": "promotionActivity",
            "updatedAtUTC": window["lastMs"],
            "durationSummary": summaries["durationSummary"],
            "sizeSummary": summaries["sizeSummary"],
            "recordSummary": summaries["recordSummary"],
            "fileSummary": {
                "inputFileCount": 1,
                "outputFileCount": 1 if window["ingested"] else 0,
                "extensions": {"manifest": manifest},
            },
            "statusSummary": status | {"extensions": extensions},
            "targetInfo": [
                {
                    "id": id_,
                    "type": "TargetConnection",
                    "reference": {"type": "Batch", "ids": _batch_ids(window)},
                }
                for id_ in flow.get("targetConnectionIds", [])
            ],
        }

    def _batches_of(self, sandbox: Sandbox, window: Item) -> Iterator[Item]:
        if window["ingested"]:
            status = "active" if self._lake.windows.is_open(window) else "success"
            yield _batch(sandbox, window, window["batchId"], status)
        if window["failed"]:
            yield _batch(sandbox, window, window["failedBatchId"], "failed")


def _etag(window: Item) -> str:
    """A run changes with its window, and only then."""
    return (
        f'"{window["runId"][:8]}-0000-0200-0000-{window["lastMs"] // 1000 & 0xFFFFFFFF:08x}0000"'
    )


def _batch_ids(window: Item) -> list[str]:
    return [
        window[name]
        for name, count in (("batchId", "ingested"), ("failedBatchId", "failed"))
        if window[count]
    ]


def _status(window: Item, *, is_open: bool) -> str:
    if is_open:
        return "inProgress"
    return "failed" if window["failed"] and not window["ingested"] else "success"


def _errors(window: Item) -> list[Item]:
    if not window["failed"]:
        return []
    return [{"code": "CONNECTOR-2001-500", "message": "Error occurred at promotion activity."}]


def _diagnostics(window: Item) -> list[Item]:
    """The activity's errors, as ``runs_get.json`` spells them."""
    if not window["failed"]:
        return []
    return [
        {"code": "INGEST-1212-400", "message": _summary(window)},
        *(
            {"code": code, "recordCount": entry["count"], "message": entry["message"]}
            for code, entry in window["errors"].items()
        ),
    ]


def _summary(window: Item) -> str:
    return (
        f"Encountered {window['failed']} errors in the data. Successfully ingested "
        f"{window['ingested']} rows. Please review the associated diagnostic files for more "
        "details."
    )


def _batch(sandbox: Sandbox, window: Item, id_: str, status: str) -> Item:
    is_failed = status == "failed"
    records = window["failed"] if is_failed else window["ingested"]
    size = window["inputBytes"] - window["outputBytes"] if is_failed else window["outputBytes"]
    batch: Item = {
        "status": status,
        "tags": {
            "acp_enableErrorDiagnostics": True,
            "acp_partialIngestionPercent": 5,
            "flowId": [window["flowId"]],
        },
        "relatedObjects": [{"type": "dataSet", "id": window["datasetId"]}],
        "id": id_,
        "externalId": id_,
        "inputFormat": {"format": "json"},
        "imsOrg": sandbox.org_id,
        "sandboxId": sandbox.id,
        "started": window["firstMs"],
        "metrics": _batch_metrics(window, records, size, is_failed=is_failed),
        "completed": window["lastMs"],
        "created": window["firstMs"],
        "createdClient": "acp_core_streaming",
        "createdUser": "acp_core_streaming@AdobeID",
        "updatedUser": "acp_core_streaming@AdobeID",
        "updated": window["lastMs"],
        "version": "1.0.1",
    }
    if is_failed:
        batch["errors"] = [
            {"code": "INGEST-1212-400", "description": _summary(window)},
            *(
                {"code": code, "description": entry["message"], "recordCount": entry["count"]}
                for code, entry in window["errors"].items()
            ),
        ]
    return batch


def _batch_metrics(window: Item, records: int, size: int, *, is_failed: bool) -> Item:
    metrics: Item = {
        "inputByteSize": size,
        "recordsSize": size,
        "inputFileCount": 1,
        "inputRecordCount": records,
        "outputRecordCount": 0 if is_failed else records,
        "failedRecordCount": records if is_failed else 0,
    }
    if is_failed:
        metrics |= {
            "invalidRecordCount": records,
            "invalidRecordsStreamingValidation": window["failedByValidation"],
            "invalidRecordsMapper": window["failedByMapping"],
            "invalidRecordsProfile": 0,
            "invalidRecordsIdentity": 0,
            "invalidRecordsUnknown": 0,
        }
    return metrics


def _refuse(_call: Call) -> Any:
    raise flow_problem("1427-400", "A user token cannot create or update a flow run")
