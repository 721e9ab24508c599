"""
Data Access: the files of batches, above all of failed ones.

Source:
    AdobeDocs/experience-platform.en, help/ingestion/quality/error-diagnostics.md and
    retrieve-failed-batches.md; adobe.md §5; ``failed_batch_records.json``,
    ``dcs_internal_envelope_for_raw.json``.

Assumed:
    A failed batch has one part; the files of good batches are JSON lines, where Adobe has Parquet.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import BaseRoute

from relay.emulator.gateway import Call, routes
from relay.emulator.json_answer import JSON, encoded, json_answer
from relay.emulator.problems import Service, not_found
from relay.emulator.runs import Runs
from relay.emulator.store import Item, Store

ROOT = "/data/foundation/export"
_MARKER = "_SUCCESS"
_SAMPLES = frozenset({"row_errors_sample.json", "row_error_samples.json"})


class DataAccessApi:
    """The handlers of batch files and previews."""

    def __init__(self, store: Store, runs: Runs) -> None:
        self._store = store
        self._runs = runs

    def routes(self) -> list[BaseRoute]:
        """Every path of Data Access."""
        served: list[BaseRoute] = []
        for path, handler in (
            ("batches/{id}/failed", self._failed),
            ("batches/{id}/meta", self._meta),
            ("batches/{id}/files", self._files),
            ("files/{id}", self._file),
            ("datasets/{id}/preview", self._preview),
        ):
            served += routes(self._store, Service.EXPORT, f"{ROOT}/{path}", {"GET": handler})
        return served

    def _batch(self, call: Call) -> Item:
        for batch in self._runs.batches(call.sandbox):
            if batch["id"] == call.id():
                return batch
        raise not_found(Service.EXPORT, "batch", call.id())

    def _failed(self, call: Call) -> Response:
        batch = self._batch(call)
        lines = _lines(_kept(call, "failures", batch["id"]))
        part = f"part-00000-{_dashed(batch['id'])}-c000.json"
        files = {_MARKER: b"", part: lines} if batch["status"] == "failed" else {}
        path = f"{ROOT}/batches/{batch['id']}/failed"
        return _file_or_list(call, files, path)

    def _meta(self, call: Call) -> Response:
        batch = self._batch(call)
        failures = _kept(call, "failures", batch["id"])
        rows = [{"_errors": line["_errors"]} for line in failures]
        path = f"{ROOT}/batches/{batch['id']}/meta"
        wanted = call.query("path")
        if wanted in _SAMPLES:
            return json_answer(rows[:100])
        files = {"row_errors/part-00000.json": _lines(rows)} if failures else {}
        if wanted == "input_files":
            files = {"input_files/fileInfo.json": _lines([{"recordCount": len(failures)}])}
        if wanted in {"row_errors", "input_files"}:
            return json_answer(_listed(call, files, path))
        if not wanted:
            samples = {name: _lines(rows[:100]) for name in sorted(_SAMPLES)[:1] if failures}
            return json_answer(_listed(call, {**files, **samples}, path))
        return _file_or_list(call, files, path)

    def _files(self, call: Call) -> Response:
        batch = self._batch(call)
        id_ = f"{batch['id']}-1"
        entry = {
            "dataSetFileId": id_,
            "dataSetViewId": batch["id"],
            "version": "1.0.0",
            "created": batch["created"],
            "updated": batch["updated"],
            "isValid": batch["status"] != "failed",
            "_links": {"self": {"href": f"{call.base_url}{ROOT}/files/{id_}"}},
        }
        return json_answer({"data": [entry], "_page": {"limit": 100, "count": 1}})

    def _file(self, call: Call) -> Response:
        batch_id = call.id().removesuffix("-1")
        for batch in self._runs.batches(call.sandbox):
            if batch["id"] == batch_id and batch["status"] != "failed":
                records = _kept(call, "records", batch["relatedObjects"][0]["id"])
                return _file_or_list(
                    call, {"part-00000.json": _lines(records)}, f"{ROOT}/files/{call.id()}"
                )
        raise not_found(Service.EXPORT, "file", call.id())

    def _preview(self, call: Call) -> Response:
        if call.id() not in call.sandbox.of("dataSets"):
            raise not_found(Service.EXPORT, "dataset", call.id())
        self._runs.batches(call.sandbox)
        return json_answer({"data": _kept(call, "records", call.id())[-100:]})


def _kept(call: Call, kind: str, id_: str) -> list[Item]:
    found: list[Item] = call.sandbox.of(kind).get(id_, {"items": []})["items"]
    return found


def _lines(items: list[Item]) -> bytes:
    return b"".join(encoded(item) + b"\n" for item in items)


def _dashed(id_: str) -> str:
    return "-".join((id_[:8], id_[8:12], id_[12:16], id_[16:20], id_[20:])).lower()


def _file_or_list(call: Call, files: Mapping[str, bytes], path: str) -> Response:
    wanted = call.query("path")
    if not wanted:
        return json_answer(_listed(call, files, path))
    if wanted not in files:
        raise not_found(Service.EXPORT, "file", wanted)
    content = files[wanted]
    return Response(
        content,
        media_type=JSON if content else "application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{wanted.rsplit("/", 1)[-1]}"'},
    )


def _listed(call: Call, files: Mapping[str, bytes], path: str) -> Item:
    """List files as ``failed_batch_records.json`` does, but here; lengths are text."""
    data = [
        {
            "name": name,
            "length": str(len(content)),
            "_links": {"self": {"href": f"{call.base_url}{path}?path={quote(name)}"}},
        }
        for name, content in files.items()
    ]
    return {"data": data, "_page": {"limit": 100, "count": len(data)}}
