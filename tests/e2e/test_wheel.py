"""The installed wheel works in an empty directory: every command, config/ included."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
EVENT = (ROOT / "tests/data/payloads/adobe_docs-customer-subscribed.json").read_text()


def build(folder: Path) -> Path:
    """Build the wheel of this checkout into *folder*."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    )
    return next(folder.glob("*.whl"))


def pip(python: str, *words: object) -> None:
    """Run pip of *python*."""
    words = ("-m", "pip", "--disable-pip-version-check", "install", "--quiet", *words)
    subprocess.run([python, *map(str, words)], check=True, timeout=300)


def commands_work(python: str, env: dict[str, str], empty: Path) -> None:
    """Run what a newcomer runs first, in *empty*."""

    def relay(*words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python, "-m", "relay", *words],
            cwd=empty,
            env=env,
            input=given,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    assert "provision" in relay("--help").stdout
    settings = empty / "relay.toml"
    settings.write_text(
        '[routes.a]\nsigning_keys = ["env:KEY"]\n'
        '[routes.a.inlet]\nurl = "https://dcs.adobedc.net/collection/x"\n'
    )
    env["KEY"] = "k"
    checked = relay("check", "--config", "relay.toml", "--json")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    mapped = relay("map", "--json", given=EVENT)
    assert mapped.returncode == 0, mapped.stdout + mapped.stderr
    assert "_extconndev" in mapped.stdout
    demo = relay("demo", "--events", "200", "--json")
    assert demo.returncode == 0, demo.stderr
    account = json.loads(demo.stdout)
    assert account["accepted"] >= 200
    assert account["pending"] == 0


def test_wheel_works_in_an_empty_directory(tmp_path):
    """With this environment's libraries, but nothing of the checkout."""
    target, empty = tmp_path / "target", tmp_path / "empty"
    empty.mkdir()
    pip(sys.executable, "--no-deps", "--target", target, build(tmp_path))
    libraries = sysconfig.get_path("purelib")
    env = {**os.environ, "PYTHONPATH": f"{target}:{libraries}"}
    # The base interpreter: this environment's own would find the checkout.
    commands_work(sys._base_executable, env, empty)


@pytest.mark.prove
@pytest.mark.timeout(600)
def test_wheel_with_the_locked_libraries_only(tmp_path):
    """In a fresh environment with requirements.txt and nothing else."""
    empty, fresh = tmp_path / "empty", tmp_path / "venv"
    empty.mkdir()
    venv.create(fresh, with_pip=True)
    python = str(fresh / "bin" / "python")
    pip(python, "--require-hashes", "-r", ROOT / "requirements.txt")
    pip(python, "--no-deps", build(tmp_path))
    commands_work(python, dict(os.environ), empty)
