"""
The image builds from the Dockerfile, and the relay in it answers as nobody on a read-only root.

No engine is needed: buildah builds in a chroot, on a base that debootstrap makes; the relay then
runs in the image's file system, bound read-only, in a mount namespace of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from debian import need
from stack import KEY, free_port

from relay.customerio.signature import sign

pytestmark = [pytest.mark.prove, pytest.mark.sockets, pytest.mark.timeout(1500)]

ROOT = Path(__file__).parent.parent.parent
BASE, IMAGE = "localhost/relay-test-base", "localhost/relay-test"
# What pip needs of this machine to reach its index; mounted while building, in no layer.
HOST_FILES = ("/etc/pip.conf", "/etc/ssl/certs")
NOBODY = 10001
# What the Dockerfile sets; no engine is there to do it.
ENVIRONMENT = (
    ("PYTHONUNBUFFERED", "1"),
    ("PYTHONDONTWRITEBYTECODE", "1"),
    ("RELAY_CONFIG", "/etc/relay/relay.toml"),
    ("RELAY_SPOOL__PATH", "/var/lib/relay/spool"),
    ("RELAY_ADOBE__STATE_PATH", "/var/lib/relay/provision"),
    ("RELAY_SERVER__ADMIN_LISTEN", "0.0.0.0:9090"),
)
# The admin port that the image's HEALTHCHECK asks.
HEALTH_PORT = 9090


class Buildah:
    """buildah with a store of its own."""

    def __init__(self, folder: Path) -> None:
        self._store = ("--storage-driver", "vfs", "--root", f"{folder}/store")
        self._store += ("--runroot", f"{folder}/run")

    def __call__(self, *words: str) -> str:
        done = subprocess.run(
            ["buildah", *self._store, *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout.strip()


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> Iterator[Path]:
    """The file system of the built image."""
    if os.geteuid() != 0:
        pytest.skip("building in a chroot needs root")
    need("buildah", "buildah")
    folder = tmp_path_factory.mktemp("image")
    buildah = Buildah(folder)
    base = os.environ.get("RELAY_TEST_BASE_ROOTFS") or make_base(folder)
    container = buildah("from", "scratch")
    buildah("add", container, base, "/")
    buildah("commit", container, BASE)
    mounts = [f"--volume={path}:{path}:ro" for path in HOST_FILES if Path(path).exists()]
    buildah(
        "bud",
        "--isolation=chroot",
        "--network=host",
        *mounts,
        f"--build-arg=BASE_IMAGE={BASE}",
        f"--tag={IMAGE}",
        str(ROOT),
    )
    for name in (BASE, IMAGE):
        for one in json.loads(buildah("images", "--json", name)):
            print(f"size of {name}: {one['size']}")
    built = buildah("from", IMAGE)
    yield Path(buildah("mount", built))
    buildah("umount", built)


def make_base(folder: Path) -> str:
    """Make a small Debian with Python in *folder*."""
    need("debootstrap", "debootstrap")
    base = folder / "base"
    done = subprocess.run(
        [
            "debootstrap",
            "--variant=minbase",
            "--include=python3,python3-venv,ca-certificates",
            "bookworm",
            str(base),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip(f"debootstrap cannot make a base here: {done.stdout[-300:]}")
    return str(base)


def inside(image: Path, data: Path, *words: str, **env: str) -> list[str]:
    """The command that runs *words* in the image: read-only, as nobody, *data* as its volume."""
    script = (
        f"mount --bind {image} {image} && mount -o remount,ro,bind {image} && "
        f"mount --bind {data} {image}/var/lib/relay && mount -t proc proc {image}/proc && "
        f"mount -t tmpfs -o size=64m,mode=1777 tmpfs {image}/tmp && "
        f'exec chroot --userspec={NOBODY}:{NOBODY} {image} /usr/bin/env -i "$@"'
    )
    pairs = {**dict(ENVIRONMENT), "PATH": "/opt/relay/bin:/usr/bin:/bin", **env}
    return [
        "unshare",
        "--mount",
        "sh",
        "-c",
        script,
        "sh",
        *(f"{name}={value}" for name, value in pairs.items()),
        *words,
    ]


def test_relay_answers_inside_the_image(image, tmp_path):
    """As nobody, with a read-only root, it stores a signed event and ends on SIGTERM."""
    data, port, admin = tmp_path / "data", free_port(), HEALTH_PORT
    data.mkdir()
    shutil.chown(data, NOBODY, NOBODY)
    settings = data / "relay.toml"
    settings.write_text(
        f"""
[server]
listen = "127.0.0.1:{port}"
admin_listen = "127.0.0.1:{admin}"
lame_duck = "0s"
drain_timeout = "1s"
[spool]
path = "/var/lib/relay/spool"
[routes.a]
signing_keys = ["env:KEY"]
[routes.a.inlet]
url = "http://127.0.0.1:9/collection/x"
"""
    )
    settings.chmod(0o644)
    command = inside(
        image, data, "relay", "serve", "--config", "/var/lib/relay/relay.toml", KEY=KEY
    )
    with (tmp_path / "relay.log").open("wb") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_ready(f"http://127.0.0.1:{admin}/readyz", child, tmp_path / "relay.log")
        body, stamp = b'{"event_id":"image-1"}', str(int(time.time()))
        answer = httpx.post(
            f"http://127.0.0.1:{port}/webhooks/customerio",
            content=body,
            headers={"x-cio-timestamp": stamp, "x-cio-signature": sign(KEY, stamp, body)},
        )
        assert answer.status_code == 200
        assert uid_of(child.pid) == NOBODY
        health = run_inside(image, data, *health_command())
        assert health.returncode == 0, health.stderr
    finally:
        child.terminate()
    # Every step of the command is an exec, so that the signal meets the relay itself.
    assert child.wait(30) == 0
    assert {path.stat().st_uid for path in (data / "spool").rglob("*")} == {NOBODY}
    assert b"relay_stopped" in (tmp_path / "relay.log").read_bytes()


def test_nothing_but_the_volume_can_be_written(image, tmp_path):
    """A file outside of /var/lib/relay cannot be made."""
    shutil.chown(tmp_path, NOBODY, NOBODY)
    program = "open('/opt/relay/x', 'w')"
    done = subprocess.run(
        inside(image, tmp_path, "python3", "-c", program), capture_output=True, check=False
    )
    assert b"Read-only file system" in done.stderr or b"Permission denied" in done.stderr


def run_inside(
    image: Path, data: Path, *words: str, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run *words* in the image to their end."""
    return subprocess.run(
        inside(image, data, *words, **env),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def health_command() -> list[str]:
    """The HEALTHCHECK of the Dockerfile, word for word."""
    lines = (ROOT / "Dockerfile").read_text().split("HEALTHCHECK", 1)[1]
    return list(json.loads(lines[lines.index("CMD") :].split("\n")[1]))


def test_help_is_answered_inside_the_image(image, tmp_path):
    """`relay --help` works as nobody on a read-only root."""
    shutil.chown(tmp_path, NOBODY, NOBODY)
    done = run_inside(image, tmp_path, "relay", "--help")
    assert done.returncode == 0, done.stderr
    assert "serve" in done.stdout


def test_check_finds_nothing_wrong_inside_the_image(image, tmp_path):
    """`relay check` reads the shipped mapping and schema and tries the volume."""
    shutil.chown(tmp_path, NOBODY, NOBODY)
    settings = tmp_path / "relay.toml"
    settings.write_text(
        """
[spool]
path = "/var/lib/relay/spool"
[routes.a]
signing_keys = ["env:KEY"]
[routes.a.inlet]
url = "http://127.0.0.1:9/collection/x"
"""
    )
    settings.chmod(0o644)
    words = ("relay", "check", "--config", "/var/lib/relay/relay.toml")
    done = run_inside(image, tmp_path, *words, KEY=KEY)
    assert done.returncode == 0, done.stdout + done.stderr


def test_demo_adds_up_inside_the_image(image, tmp_path):
    """`relay demo` needs no more than a writable /tmp, and its account adds up."""
    shutil.chown(tmp_path, NOBODY, NOBODY)
    done = run_inside(image, tmp_path, "relay", "demo", "--events", "200", "--json")
    assert done.returncode == 0, done.stderr
    account = json.loads(done.stdout)
    ends = ("delivered", "duplicate", "quarantined", "filtered", "discarded", "lost")
    assert account["accepted"] >= 200
    assert account["accepted"] == sum(account[name] for name in ends)
    assert account["pending"] == 0


def uid_of(pid: int) -> int:
    """Who a process runs as."""
    return Path(f"/proc/{pid}").stat().st_uid


def wait_ready(url: str, child: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until *url* answers 200."""
    deadline_s = time.monotonic() + 30
    while time.monotonic() < deadline_s:
        assert child.poll() is None, log.read_text()
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise AssertionError(log.read_text())
