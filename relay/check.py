"""
Everything that would go wrong later, found now: settings, mapping sets, schemas, the disk.

Nothing is sent anywhere. Every problem is listed, not only the first.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from stat import S_ISREG
from urllib.parse import parse_qsl, urlsplit

from relay.config import Config, InletConfig, RouteConfig, SpoolConfig, Survey
from relay.errors import ConfigError, MappingError, SchemaError, SpoolVersion
from relay.forward.transform import Transform, mapping_path, read_json, schema_path
from relay.mapping.lint import lint
from relay.mapping.mapping_set import MappingSet, read_rows
from relay.schema import compile_schema
from relay.spool.version import refuse_newer

# What config/relay.example.toml and deploy/kubernetes.yaml have in their place.
_PLACEHOLDERS = frozenset(("INLET_ID", "FLOW_ID", "REPLACE-ME"))


class Severity(StrEnum):
    """Whether the relay would refuse to start, or only do something unwanted."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend; *where* names the setting, the row or the folder."""

    severity: Severity
    where: str
    message: str


def check(survey: Survey) -> list[Finding]:
    """Look at the settings that were read and, as far as they can be used, at what they name."""
    findings = [_of_problem(problem) for problem in survey.problems]
    if survey.config is not None:
        findings += _routes(survey.config)
        findings += _flows(survey.config)
        # Not where the path is wrong: what stands in for it is a folder nobody asked for.
        if not any(found.where in {"spool", "spool.path"} for found in findings):
            findings += _disk(survey.config.spool)
    return findings


def _of_problem(problem: str) -> Finding:
    where, _, message = problem.partition(": ")
    return Finding(Severity.ERROR, where, message or problem)


def _routes(config: Config) -> Iterator[Finding]:
    for name, route in config.routes.items():
        try:
            transform = Transform(name, route, Path(config.spool.path) / "large")
        except ConfigError as error:
            yield from (_of_problem(problem) for problem in error.problems or (error.message,))
            yield from _readable_rows(name, route)
            continue
        for found in lint(transform.mapping, transform.schema):
            yield Finding(Severity(found.severity), f"routes.{name}.mapping", str(found))


def _flows(config: Config) -> Iterator[Finding]:
    """
    Look for what the example leaves to be filled in, and for raw events without their flow's id.

    Without it the inlet takes them for badly made XDM.
    """
    for name, route in config.routes.items():
        for key in ("url", "flow_id"):
            value = getattr(route.inlet, key)
            if value.rpartition("/")[2] in _PLACEHOLDERS:
                message = f"still the example's {value}; expected what Adobe made"
                yield Finding(Severity.WARNING, f"routes.{name}.inlet.{key}", message)
        inlet = route.inlet
        if inlet.url and inlet.format == "raw" and not _names_flow(inlet):
            yield Finding(
                Severity.WARNING,
                f"routes.{name}.inlet.flow_id",
                "not set, nor x-adobe-flow-id in the url's query; expected the flow's id, without "
                "which Adobe refuses raw events: see `relay provision status`",
            )


def _names_flow(inlet: InletConfig) -> bool:
    query = parse_qsl(urlsplit(inlet.url).query)
    return bool(inlet.flow_id) or any(key.lower() == "x-adobe-flow-id" for key, _ in query)


def _readable_rows(name: str, route: RouteConfig) -> Iterator[Finding]:
    """Look at the rows that can be read beside others that cannot."""
    try:
        rows, _ = read_rows(read_json(mapping_path(route)))
        schema = compile_schema(read_json(schema_path(route)))
    except (OSError, ValueError, MappingError, SchemaError):
        return
    for found in lint(MappingSet(rows), schema):
        # What no row is to blame for may be the work of a row that cannot be read.
        if found.row is not None:
            yield Finding(Severity(found.severity), f"routes.{name}.mapping", str(found))


def _disk(spool: SpoolConfig) -> Iterator[Finding]:
    folder = Path(spool.path)
    try:
        with _made(folder):
            yield from _room(folder, spool.max_bytes)
    except OSError as error:
        yield Finding(
            Severity.ERROR,
            "spool.path",
            f"{folder}: {error.strerror}; expected a folder that can be written and synced",
        )
    except SpoolVersion as error:
        yield Finding(Severity.ERROR, "spool.path", f"{error.message}; {error.hint}")


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """
    Have *folder*; what had to be made for it is gone afterwards.

    Left behind it would be this person's, and the relay of another user could not write to it.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        yield
    finally:
        for path in missing:
            with suppress(OSError):
                path.rmdir()


def _room(folder: Path, max_bytes: int) -> Iterator[Finding]:
    _try_write(folder)
    refuse_newer(folder)
    has_bytes = shutil.disk_usage(folder).free + sum(map(_size_bytes, folder.rglob("*")))
    if has_bytes < max_bytes:
        yield Finding(
            Severity.WARNING,
            "spool.max_bytes",
            f"{max_bytes} bytes are allowed, but the disk has room for "
            f"{has_bytes}; expected a larger disk or a smaller limit",
        )


def _size_bytes(path: Path) -> int:
    try:
        status = path.stat()
    except FileNotFoundError:
        # A relay that runs here has just deleted it.
        return 0
    return status.st_size if S_ISREG(status.st_mode) else 0


def _try_write(folder: Path) -> None:
    """
    Write, sync and remove a file in *folder*.

    Raises:
        OSError: one of them does not work.
    """
    path = folder / f"check.{secrets.token_hex(4)}"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, b"check")
        os.fdatasync(fd)
    finally:
        os.close(fd)
        with suppress(OSError):
            path.unlink()
