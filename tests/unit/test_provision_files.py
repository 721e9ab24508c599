"""The files of the set-up: the settings file, the remembered ids, the exported script."""

from __future__ import annotations

import asyncio
import json
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from provision_kit import desired

from relay.errors import ProvisionError
from relay.provision.curl import export
from relay.provision.look import Ids
from relay.provision.remember import Memory
from relay.provision.settings_file import Inlet, rfc_3339, write_inlet

_INLET = Inlet(
    "https://dcs.adobedc.net/collection/1",
    "flow-1",
    1_700_000_000.25,
    'https://ns.adobe.com/acme/schemas/"x',
    "dataset-1",
    "1@AdobeOrg",
)
_WANTED = {
    "url": "https://dcs.adobedc.net/collection/1",
    "flow_id": "flow-1",
    "not_before": "2023-11-14T22:13:21Z",
    "schema_id": 'https://ns.adobe.com/acme/schemas/"x',
    "dataset_id": "dataset-1",
    "ims_org_id": "1@AdobeOrg",
}


@pytest.mark.parametrize(
    "text",
    [
        '[routes.a]\nsigning_keys = ["env:K"]\n',
        "[routes.a.inlet]\nmode = 'batch' # ours\n[routes.a]\n",
        "[routes]\na = {path = '/x', inlet = {mode = 'batch'}}\n",
        "[routes]\na = {path = '/x'}\n",
        "routes = {a = {path = '/x'}}\n",
        "routes.a.path = '/x'\n",
        "[routes.a.provision]\nname = 'x'\n[routes.b]\npath = '/y'\n",
    ],
)
def test_however_the_table_is_written(tmp_path: Path, text: str):
    """The inlet is put into the route's table in any of TOML's forms, and nothing else changes."""
    path = tmp_path / "relay.toml"
    path.write_text(text)
    before = tomllib.loads(text)
    write_inlet(path, "a", _INLET)
    after = tomllib.loads(path.read_text())
    inlet = after["routes"]["a"].pop("inlet")
    kept = before["routes"]["a"].pop("inlet", {})
    assert inlet == {**kept, **_WANTED}
    assert after == before


def test_comments_mode_and_link_stay(tmp_path: Path):
    """Comments, the file's mode and a link to it survive."""
    real, link = tmp_path / "real.toml", tmp_path / "relay.toml"
    real.write_text("# first\n[routes.a] # the route\nmapping = 'm' # its rows\n# last\n")
    real.chmod(0o640)
    link.symlink_to(real)
    write_inlet(link, "a", _INLET)
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    text = real.read_text()
    for comment in ("# first\n", "# the route\n", "# its rows\n", "# last\n"):
        assert comment in text
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".new"] == []


def test_line_ends_stay(tmp_path: Path):
    """A file with the line ends of Windows keeps them, and so has what is added."""
    path = tmp_path / "relay.toml"
    path.write_bytes(b"# first\r\n[routes.a]\r\nmapping = 'm'\r\n")
    write_inlet(path, "a", _INLET)
    text = path.read_bytes()
    assert text.startswith(b"# first\r\n[routes.a]\r\nmapping = 'm'\r\n")
    assert text.count(b"\n") == text.count(b"\r\n")
    assert tomllib.loads(text.decode())["routes"]["a"]["inlet"] == _WANTED


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[routes.b]\n", "no [routes.a] to write into"),
        ("routes = 3\n", "no [routes.a] to write into"),
        ("", "no [routes.a] to write into"),
        (None, "No such file or directory"),
    ],
)
def test_cannot_be_written(tmp_path: Path, text: str | None, why: str):
    """What cannot be written is told with the section to put in by hand."""
    path = tmp_path / "relay.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ProvisionError) as caught:
        write_inlet(path, "a", _INLET)
    assert caught.value.message == f"the inlet is made, but could not be written to {path}: {why}"
    section = caught.value.hint.removeprefix("put it in by hand:\n")
    assert tomllib.loads(section) == {"routes": {"a": {"inlet": _WANTED}}}


def test_moments():
    """A moment is rounded up to the second: never too early."""
    assert rfc_3339(0) == ""
    assert rfc_3339(1_700_000_000.0) == "2023-11-14T22:13:20Z"
    assert rfc_3339(1_700_000_000.001) == "2023-11-14T22:13:21Z"


def test_remembered(tmp_path: Path):
    """Ids are read as they were written; without a file none are known."""
    memory = Memory(tmp_path / "state", "a")
    assert memory.read() == Ids()
    memory.write(Ids(flow="f", schema="s"))
    assert memory.read() == Ids(flow="f", schema="s")
    memory.forget()
    memory.forget()
    assert memory.read() == Ids()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"flaw": "x"}', "3"])
def test_a_memory_that_cannot_be_read(tmp_path: Path, text: str):
    """A file that is not ours is not guessed at; it says what to do."""
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ProvisionError) as caught:
        Memory(tmp_path, "a").read()
    assert caught.value.hint == "delete it; everything is found again by name"


async def test_no_place_to_remember(tmp_path: Path):
    """A folder that cannot be made is an error that names the setting."""
    (tmp_path / "file").write_text("")
    memory = Memory(tmp_path / "file" / "state", "a")
    with pytest.raises(ProvisionError) as caught:
        async with memory.turn(print):
            pass
    assert "adobe.state_path" in caught.value.hint


async def test_turns(tmp_path: Path):
    """A second run says that it waits, and goes on when the first has ended."""
    told: list[str] = []
    order: list[int] = []
    inside, waits = asyncio.Event(), asyncio.Event()

    def tell(text: str) -> None:
        told.append(text)
        waits.set()

    async def run(number: int) -> None:
        async with Memory(tmp_path, "a").turn(tell):
            inside.set()
            await waits.wait()
            order.append(number)

    async with asyncio.TaskGroup() as group:
        group.create_task(run(1))
        await inside.wait()
        group.create_task(run(2))
    assert order == [1, 2]
    assert told == ["another run is at work on this route; waiting for it"]


_ODD = [
    {"sourceType": "EXPRESSION", "source": '`touch hacked` + "$(touch hacked)"',
     "destination": "_a.x"},
    {"sourceType": "EXPRESSION", "source": "data.a\\.b + '${SCHEMA_IDS}' + '\\n' + \"\\\\\"",
     "destination": "_a.y"},
]  # fmt: skip
_CURL = """#!/bin/sh
for last; do :; done
case "$2$3$4$*" in *" -d "*) printf '%s\\n---\\n' "$last" >> bodies;; esac
echo '{}'
"""


def test_exported_bodies(tmp_path: Path):
    """The script sends exactly our bodies: nothing in a mapping is run or changed by the shell."""
    wishes = desired("a", rows=_ODD, local_schema={}, schema_id="https://ns.adobe.com/x")
    for name, text in (("curl", _CURL), ("jq", "#!/bin/sh\ncat > /dev/null\necho filled\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    script = export(wishes, platform_url="https://platform.adobe.io", sandbox="a'b")
    script = script.replace("sleep 10", ":")
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "ACCESS_TOKEN": "t", "API_KEY": "k",
             "ORG_ID": "o"},
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "hacked").exists()
    sent = [json.loads(text) for text in (tmp_path / "bodies").read_text().split("\n---\n")[:-1]]
    assert sent == _bodies(wishes)


def _bodies(wishes: Any) -> list[Any]:
    schema = "https://ns.adobe.com/x"
    return [
        wishes.dataset(schema),
        wishes.mapping_set("filled", schema),
        wishes.source_connection(),
        wishes.target_connection(schema, "filled"),
        wishes.flow(
            source_id="filled", target_id="filled", mapping_id="filled", mapping_version=0
        ),
    ]
