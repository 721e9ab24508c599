"""
What mapping costs: CPU time of one event beside ``orjson.loads`` of the same event, interleaved.

Every round measures all of it in turn, so that a slow moment of the machine meets everything
alike; a figure is the median over the rounds, with the quartiles around it. A figure covers the
mapping and the check of the record against the schema, not the reading of the body.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from relay.mapping.mapping_set import MappingSet
from relay.schema import CompiledSchema, compile_schema

ROOT = Path(__file__).parent.parent.parent
EVENT = ROOT / "tests" / "data" / "payloads" / "customerio_openapi-email-sent.json"
ROWS = 60
# Every shape of row that published mapping sets have, over one event.
EXPRESSIONS = (
    'concat(object_type, ".", metric)',
    'iif(data.identifiers.id != null, data.identifiers.id, "nobody")',
    'coalesce(data.identifiers.email, data.recipient, "none")',
    "lower(trim(data.recipient))",
    "dformat(timestamp * 1000, \"yyyy-MM-dd'T'HH:mm:ss.SSSX\")",
    'decode(metric, "opened", "o", "clicked", "c", "other")',
    'metric == "sent" && data.action_id > 0 ? "click" : "none"',
    'last(split(data.recipient, "@"))',
    'join("-", to_array(false, object_type, metric))',
    "sha256(lower(data.recipient))",
    'data.identifiers.id.equals("42")',
    "data.action_id * 2 + size(data.recipient)",
)
AIMS_US = {"tutorial, six rows": 10, "recommended set": 25, "60 rows with expressions": 150}


def read(name: str) -> Any:
    """A JSON file of ``config/``."""
    return json.loads((ROOT / "config" / name).read_text())


def cases() -> Iterator[tuple[str, MappingSet, CompiledSchema]]:
    """What is measured: a name, the rows and the schema they are for."""
    tutorial, recommended = "tutorial, six rows", "recommended set"
    yield (
        tutorial,
        MappingSet.from_json(read("mapping.json")),
        compile_schema(read("schema.json")),
    )
    yield (
        recommended,
        MappingSet.from_json(read("mapping.experience-event.json")),
        compile_schema(read("schema.experience-event.json")),
    )
    yield ("60 rows with expressions", *sixty_rows())


def sixty_rows() -> tuple[MappingSet, CompiledSchema]:
    """Sixty rows, each with an expression and a field of its own."""
    kinds = {10: "boolean", 11: "integer"}
    rows, fields = [], {}
    for number in range(ROWS):
        which = number % len(EXPRESSIONS)
        fields[f"f{number}"] = {"type": kinds.get(which, "string")}
        rows.append(
            {
                "sourceType": "EXPRESSION",
                "source": EXPRESSIONS[which],
                "destination": f"_tenant.f{number}",
            }
        )
    tenant = {"type": "object", "properties": fields}
    schema = compile_schema({"type": "object", "properties": {"_tenant": tenant}})
    return MappingSet.from_json(rows), schema


def mapped(mapping: MappingSet, schema: CompiledSchema, event: Any) -> Callable[[], object]:
    """The work of one event, after showing that it gives a valid record without a warning."""
    bound = mapping.bound(schema)
    result = bound.apply(event)
    if result.warnings or not schema.is_valid(result.record):
        raise SystemExit(
            f"not a fair measurement: {result.warnings} {schema.check(result.record)}"
        )

    def work() -> object:
        record = bound.apply(event).record
        return schema.is_valid(record)

    return work


def cpu_us(work: Callable[[], object], calls: int) -> float:
    """CPU time of one call, in microseconds, over *calls* of them."""
    start = time.process_time_ns()
    for _ in range(calls):
        work()
    return (time.process_time_ns() - start) / calls / 1000


def line(name: str, figures: list[float], loads: list[float]) -> str:
    """One row of the table."""
    low, middle, high = statistics.quantiles(figures, n=4)
    multiple = statistics.median(a / b for a, b in zip(figures, loads, strict=True))
    aim = f"{AIMS_US[name]:>6}" if name in AIMS_US else ""
    spread = f"({low:.1f}..{high:.1f})"
    return f"{name:<28}{middle:>8.1f}  {spread:<18}{multiple:>8.1f}{aim:>8}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=1000, help="calls a round")
    arguments = parser.parse_args()
    body = EVENT.read_bytes()
    event = orjson.loads(body)
    work: dict[str, Callable[[], object]] = {"orjson.loads": lambda: orjson.loads(body)}
    for name, mapping, schema in cases():
        work[name] = mapped(mapping, schema, event)
    figures: dict[str, list[float]] = {name: [] for name in work}
    gc.collect()
    for _ in range(max(2, arguments.rounds)):
        for name, one in work.items():
            figures[name].append(cpu_us(one, arguments.calls))
    sys.stdout.write(f"{'µs CPU an event':<28}{'median':>8}  {'quartiles':<18}{'x loads':>8}")
    sys.stdout.write(f"{'aim':>8}\n")
    for name, values in figures.items():
        sys.stdout.write(line(name, values, figures["orjson.loads"]) + "\n")


if __name__ == "__main__":
    main()
