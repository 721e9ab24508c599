"""``relay map``: what a mapping set makes of events, tried here instead of at Adobe."""

from __future__ import annotations

import json as standard_json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from relay.cli.columns import print_columns
from relay.cli.options import ConfigPath, Json, Route, print_json
from relay.config import load_config, shipped
from relay.errors import ConfigError, EvaluationError, MappingError, RelayError, SchemaError
from relay.mapping import MappingSet, compile_expression, java_type
from relay.mapping.cases import run_case
from relay.mapping.explain import RowStory, explain
from relay.mapping.values import plain
from relay.schema import CompiledSchema, compile_schema

_SHOWN_CHARS = 60
# Four bodies of the largest size that is ever taken; all of it is held at once.
_MAX_STDIN_BYTES = 256 * 2**20
_COLUMNS = ("row", "source", "seen", "type", "destination", "result", "why not")


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("map")(map_events)


def map_events(
    config: ConfigPath = None,
    route: Route = "",
    mapping: Annotated[
        Path | None, typer.Option("--mapping", help="The mapping set; else the route's.")
    ] = None,
    schema: Annotated[
        Path | None, typer.Option("--schema", help="The XDM schema; else the route's.")
    ] = None,
    explained: Annotated[
        bool, typer.Option("--explain", help="One line a row: what it saw, gave, and why not.")
    ] = False,
    expression: Annotated[
        str, typer.Option("--expression", help="Try this expression instead of a mapping set.")
    ] = "",
    test: Annotated[
        Path | None,
        typer.Option("--test", help='A folder of cases {"event": …, "record": …}, *.json.'),
    ] = None,
    json: Json = False,
) -> None:
    """
    Read one event, or one a line, from stdin; print record, warnings and violations.

    Exit 1 when an event cannot be read, a record breaks the schema, or a case differs.
    """
    if expression:
        is_well = _try_expression(expression, json=json)
    else:
        rows, checked = _documents(config, route, mapping, schema)
        if test is not None:
            is_well = _run_cases(test, rows, checked, json=json)
        else:
            # Every event is shown, also after one that is not well.
            shown = [
                _show(event, rows, checked, explained=explained, json=json) for event in _events()
            ]
            is_well = all(shown)
    if not is_well:
        raise typer.Exit(1)


def _documents(
    config: str | None, route: str, mapping: Path | None, schema: Path | None
) -> tuple[MappingSet, CompiledSchema]:
    """Read the mapping set and the schema: as named, else the route's, else the shipped ones."""
    if config is not None and (mapping is None or schema is None):
        loaded = load_config(config, os.environ, needs=())
        name = route or next(iter(loaded.routes), "")
        if name not in loaded.routes:
            raise ConfigError(f"there is no route {name!r}", hint="name one with --route")
        section = loaded.routes[name]
        mapping = mapping or (Path(section.mapping) if section.mapping else None)
        schema = schema or (Path(section.schema_file) if section.schema_file else None)
    mapping = mapping or shipped("mapping.json")
    schema = schema or shipped("schema.json")
    try:
        rows = MappingSet.from_json(_read(mapping))
    except MappingError as error:
        raise ConfigError(f"{mapping}: {error}") from None
    try:
        return rows, compile_schema(_read(schema))
    except SchemaError as error:
        raise ConfigError(f"{schema}: {error}") from None


def _read(path: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except orjson.JSONDecodeError as error:
        raise ConfigError(
            f"{path} is not JSON: line {error.lineno}, column {error.colno}: {error.msg}"
        ) from None


def _events() -> Iterator[dict[str, Any] | MappingError]:
    """
    Read stdin: one JSON document over any number of lines, or one a line.

    A line that is no JSON object gives its error, so that the others still have their answers.
    """
    raw = sys.stdin.buffer.read(_MAX_STDIN_BYTES + 1)
    if len(raw) > _MAX_STDIN_BYTES:
        raise ConfigError(
            f"stdin has more than {_MAX_STDIN_BYTES // 2**20} MiB, expected at most that much",
            hint="give the events in several parts",
        )
    try:
        documents = [(1, orjson.loads(raw))] if raw.strip() else []
    except orjson.JSONDecodeError as whole:
        documents = list(_lines(raw))
        if all(isinstance(document, MappingError) for _, document in documents):
            # One broken event over several lines, not several events.
            documents = [(whole.lineno, _no_json(whole.lineno, whole))]
    for number, document in documents:
        if isinstance(document, (dict, MappingError)):
            yield document
        else:
            yield MappingError(
                f"line {number} of stdin: expected a JSON object, found {java_type(document)}"
            )


def _lines(raw: bytes) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(raw.splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield number, orjson.loads(line)
        except orjson.JSONDecodeError as error:
            yield number, _no_json(number, error)


def _no_json(line: int, error: orjson.JSONDecodeError) -> MappingError:
    return MappingError(
        f"line {line} of stdin is not JSON: column {error.colno}: {error.msg}",
        hint="give one event, or one a line",
    )


def _unread(error: MappingError, *, json: bool) -> bool:
    """Print why an event could not be read, in its place; that is never well."""
    if json:
        print_json({"error": error.message, "hint": error.hint})
    else:
        typer.echo(f"error: {error}", err=True)
    return False


def _show(
    event: dict[str, Any] | MappingError,
    mapping: MappingSet,
    schema: CompiledSchema,
    *,
    explained: bool,
    json: bool,
) -> bool:
    """Print what becomes of *event*; say whether the inlet would take it."""
    if isinstance(event, MappingError):
        return _unread(event, json=json)
    mapped = mapping.apply(event, schema)
    violations = schema.check(mapped.record, limit=None)
    if json:
        value: dict[str, Any] = {
            "record": mapped.record,
            "warnings": [str(warning) for warning in mapped.warnings],
            "violations": [asdict(violation) for violation in violations],
        }
        if explained:
            value["rows"] = [_plain_story(story) for story in explain(mapping, event, schema)]
        typer.echo(_encoded(value))
        return not violations
    if explained:
        rows = [_cells(story) for story in explain(mapping, event, schema)]
        print_columns(_COLUMNS, rows)
    else:
        typer.echo(_encoded(mapped.record, indent=True))
    for warning in mapped.warnings:
        typer.echo(f"warning: {warning}", err=True)
    for violation in violations:
        typer.echo(f"violation: {violation.path}: {violation.message}", err=True)
    return not violations


def _plain_story(story: RowStory) -> dict[str, Any]:
    return {
        "row": story.number,
        "source": story.source,
        "seen": _text(story.seen),
        "type": story.seen_type,
        "destination": story.destination,
        "result": story.result,
        "why": story.why,
    }


def _cells(story: RowStory) -> tuple[str, ...]:
    shown = _text(story.seen) if story.seen_type else ""
    result = "" if story.result is None else _text(story.result)
    return (
        str(story.number),
        _cut(story.source),
        shown,
        story.seen_type,
        story.destination,
        result,
        story.why,
    )


def _text(value: Any) -> str:
    return _cut(_encoded(plain(value)))


def _encoded(value: Any, *, indent: bool = False) -> str:
    """Write *value* as JSON, a date as its text, a whole number past 64 bits with its digits."""
    option = orjson.OPT_PASSTHROUGH_DATACLASS | (orjson.OPT_INDENT_2 if indent else 0)
    try:
        return orjson.dumps(value, default=str, option=option).decode()
    except TypeError:
        # What the check names: such a number, half of a character, more levels than a body has.
        text = standard_json.dumps(value, default=str)
        # The other encoder writes null for what JSON has no number for.
        value = standard_json.loads(text, parse_constant=lambda _: None)
        return standard_json.dumps(value, indent=2 if indent else None)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"


def _try_expression(source: str, *, json: bool) -> bool:
    """Evaluate *source* on every event and print value and Java type."""
    compiled = compile_expression(source)
    is_well = True
    for event in _events():
        if isinstance(event, MappingError):
            is_well = _unread(event, json=json)
            continue
        try:
            value = compiled.evaluate(event)
        except EvaluationError as error:
            is_well = False
            if json:
                print_json(
                    {"error": error.message, "position": error.position, "hint": error.hint}
                )
            else:
                typer.echo(f"error: {error}", err=True)
            continue
        if json:
            typer.echo(_encoded({"value": plain(value), "type": java_type(value)}))
        else:
            typer.echo(f"{_text(value)}  {java_type(value)}")
    return is_well


def _run_cases(folder: Path, mapping: MappingSet, schema: CompiledSchema, *, json: bool) -> bool:
    """Run every case of *folder*; print a diff for each that differs."""
    if not folder.is_dir():
        raise ConfigError(f"{folder} is no folder", hint="--test takes a folder of *.json cases")
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise ConfigError(f"{folder} has no *.json cases")
    failures: list[dict[str, Any]] = []
    for path in paths:
        try:
            result = run_case(path.name, _read(path), mapping, schema)
        except RelayError as error:
            failures.append({"name": path.name, "error": str(error)})
            continue
        if result.diff:
            failures.append({"name": result.name, "diff": list(result.diff)})
    passed = len(paths) - len(failures)
    if json:
        print_json({"passed": passed, "failed": len(failures), "failures": failures})
        return not failures
    for failure in failures:
        if "error" in failure:
            typer.echo(f"error: {failure['error']}", err=True)
        else:
            typer.echo(f"{failure['name']} differs")
            typer.echo("\n".join(f"  {line}" for line in failure["diff"]))
    typer.echo(f"{passed} passed, {len(failures)} failed")
    return not failures
