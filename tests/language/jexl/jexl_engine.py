"""The real engine in a process of its own: expressions in, typed answers out."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from relay.mapping.numbers import float_text
from relay.mapping.values import JavaArray, JavaSet, Key, Range, java_type
from relay.schema.doubles import double_text

JARS = [
    Path("/usr/share/java/commons-jexl3.jar"),
    Path("/usr/share/java/commons-logging.jar"),
]
_HARNESS = Path(__file__).with_name("Engine.java")


def is_available() -> bool:
    """Whether Java, its compiler and the engine are installed."""
    return all(jar.exists() for jar in JARS) and None not in (
        shutil.which("java"),
        shutil.which("javac"),
    )


def compile_harness(folder: Path) -> str:
    """Compile the harness into *folder*; give the class path to run it with."""
    class_path = ":".join(map(str, [folder, *JARS]))
    subprocess.run(
        ["javac", "-cp", class_path, "-d", str(folder), str(_HARNESS)], check=True, timeout=120
    )
    return class_path


def answers(class_path: str, record: Mapping[str, Any], sources: Sequence[str]) -> list[Any]:
    """Ask the engine for each of *sources*."""
    asked = "\n".join([json.dumps(record), *map(json.dumps, sources)])
    # With hashCode=2 every object's address is 1, so that the text of an array is always the same.
    flags = ["-Xss8m", "-XX:+UnlockExperimentalVMOptions", "-XX:hashCode=2"]
    ran = subprocess.run(
        ["java", *flags, "-cp", class_path, "Engine"],
        input=f"{asked}\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(found) == len(sources), ran.stderr[-2000:]
    return found


def typed(value: Any) -> Any:
    """Write one of our values as the harness writes the engine's."""
    match value:
        case JavaArray():
            return ["Array", [typed(item) for item in value]]
        case JavaSet():
            return ["Set", [typed(item) for item in value]]
        case list():
            return ["List", [typed(item) for item in value]]
        case dict():
            return ["Map", [[typed(_bare(key)), typed(held)] for key, held in value.items()]]
        case Range():
            return ["List", [typed(number) for number in value]]
        case None:
            return ["null", None]
        case bool():
            return ["Boolean", "true" if value else "false"]
        case float():
            written = float_text(value) if java_type(value) == "Float" else double_text(value)
            return [java_type(value), written]
        case int() | Decimal():
            return [java_type(value), str(value)]
    return [java_type(value), str(value)]


def _bare(key: Any) -> Any:
    return key.value if isinstance(key, Key) else key
