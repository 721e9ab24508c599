"""The recorded answers of Java are what Java 17 answers, where it is installed."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parents[2] / "data"
SOURCE = Path(__file__).with_name("JavaAnswers.java")


def is_java_17() -> bool:
    """Whether Java 17 is installed, with its compiler; others differ in some answers."""
    java = shutil.which("java")
    if java is None or shutil.which("javac") is None:
        return False
    version = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    return 'version "17' in version.stderr


def recorded(name: str) -> list[dict[str, Any]]:
    """Read one of the recordings."""
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def ask(questions: list[tuple[str, ...]]) -> list[Any]:
    """Ask Java, in one process."""
    lines = [
        " ".join([kind, *(field.encode().hex() for field in fields)])
        for kind, *fields in questions
    ]
    java = shutil.which("java") or "java"
    answered = subprocess.run(
        [java, str(SOURCE)],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    return [json.loads(line) for line in answered.stdout.splitlines()]


@pytest.mark.needs_java
@pytest.mark.skipif(not is_java_17(), reason="Java 17 is not installed")
def test_recorded_answers_are_javas():
    """Java gives the recorded answer to every recorded regular expression and date pattern."""
    expressions, dates = recorded("java-regex.jsonl"), recorded("java-dates.jsonl")
    questions: list[tuple[str, ...]] = [("regex", c["pattern"], c["text"]) for c in expressions]
    answers: list[Any] = [case["result"] for case in expressions]
    for case in dates:
        if "read" in case:
            questions.append(("read", case["pattern"], case["read"]))
            answers.append(case["result"])
        else:
            questions.append(("write", case["pattern"], case["write"], case["zone"]))
            answers.append([case["iso"], case["result"]])
    assert ask(questions) == answers
