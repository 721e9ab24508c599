"""
What the local Adobe remembers: organisations, their sandboxes, and what was made in each.

Everything made is a JSON object, kept by kind and id, so that the state file is nothing but the
state::

    {"version": 1,
     "orgs": {"1234@AdobeOrg": {
        "tenant": "extconndev",
        "sandboxes": {"prod": {"id": "d537…", "title": "Prod", "type": "production",
                               "made": {"flows": {"4982…": {…}}, "schemas": {…}, …}}}}}}

Members whose name starts with ``_emulated`` are the emulator's own and are left out of answers
(`shown`). The file is written whole beside itself, synced and renamed, after every call that
changed something and, at most once a second, when received events were worked through: a kill
leaves the old state or the new one. What arrived after the last write is forgotten, as the
process was.

Only the event loop's thread touches a store.

Assumed:
    Tenant names: the first organisation has the tutorial's, ``extconndev``, so that its mapping
    set works as printed; every other gets one from its id.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from relay.emulator.ids import new_uuid
from relay.emulator.inlets import Inlets
from relay.emulator.json_answer import encoded
from relay.emulator.settings import EmulatorSettings
from relay.errors import ConfigError

Item = dict[str, Any]

_VERSION = 1
_FIRST_TENANT = "extconndev"
_SAVE_INTERVAL_S = 1.0
FIRST_SANDBOX = "prod"


@dataclass(slots=True)
class Sandbox:
    """One sandbox of one organisation; *made* is every object by kind and id."""

    org_id: str
    tenant: str
    name: str
    id: str
    title: str
    type: str
    made: dict[str, dict[str, Item]] = field(default_factory=dict)
    # Grows whenever something was changed here; what is compiled from the state names it.
    revision: int = 0

    def of(self, kind: str) -> dict[str, Item]:
        """Every object of *kind* by id; changing it changes the state."""
        return self.made.setdefault(kind, {})


@dataclass(slots=True)
class Organisation:
    """One organisation: its tenant's name and its sandboxes."""

    tenant: str
    sandboxes: dict[str, Sandbox] = field(default_factory=dict)


class Store:
    """
    The state, and its file when ``settings.state_file`` is given.

    *knows_token* says whether a bearer token was given out and is still good; by default every
    token is.

    Raises:
        ConfigError: the state file is there and cannot be used.
    """

    def __init__(
        self,
        settings: EmulatorSettings,
        inlets: Inlets,
        knows_token: Callable[[str], bool] = bool,
    ) -> None:
        self.settings = settings
        self.inlets = inlets
        self.knows_token = knows_token
        # What must be worked through before the state is written; set once, by the control plane.
        self.settle: Callable[[], None] = _nothing
        # Changed only through `sandbox`, `make_sandbox` and `drop_sandbox`.
        self._orgs: dict[str, Organisation] = {}
        self._saved_s = settings.clock.monotonic_s()
        if settings.state_file is not None:
            if settings.state_file.exists():
                self._orgs = _read(settings.state_file)
            _try_to_write(settings.state_file)

    @property
    def now_s(self) -> float:
        """Wall time, seconds UTC."""
        return self.settings.clock.wall_s()

    @property
    def now_ms(self) -> int:
        """Wall time, epoch milliseconds."""
        return int(self.now_s * 1000)

    def sandbox(self, org_id: str, name: str) -> Sandbox | None:
        """
        Find a sandbox.

        An organisation is made on first use, with ``prod``; other sandboxes too, unless
        ``settings.client_id`` is set: then they must have been made.
        """
        org = self._org(org_id)
        if name not in org.sandboxes and not self.settings.client_id:
            return self.make_sandbox(org_id, name, title=name, type_="development")
        return org.sandboxes.get(name)

    def sandboxes(self, org_id: str) -> list[Sandbox]:
        """List the sandboxes of an organisation."""
        return list(self._org(org_id).sandboxes.values())

    def make_sandbox(self, org_id: str, name: str, *, title: str, type_: str) -> Sandbox:
        """Make a sandbox; the one of that name if there is one."""
        org = self._org(org_id)
        if name not in org.sandboxes:
            org.sandboxes[name] = Sandbox(org_id, org.tenant, name, new_uuid(), title, type_)
        return org.sandboxes[name]

    def drop_sandbox(self, org_id: str, name: str) -> None:
        """Remove a sandbox with everything made in it."""
        self._org(org_id).sandboxes.pop(name, None)

    def everywhere(self) -> Iterator[Sandbox]:
        """Iterate over every sandbox of every organisation."""
        for org in self._orgs.values():
            yield from org.sandboxes.values()

    def save(self) -> None:
        """Write the state file, if there is one."""
        path = self.settings.state_file
        if path is None:
            return
        self._saved_s = self.settings.clock.monotonic_s()
        self.settle()
        document = {
            "version": _VERSION,
            "orgs": {id_: _org_out(o) for id_, o in self._orgs.items()},
        }
        _write(path, encoded(document))

    def save_soon(self) -> None:
        """Write the state file unless that was done within the last second."""
        if self.settings.clock.monotonic_s() - self._saved_s >= _SAVE_INTERVAL_S:
            self.save()

    def _org(self, org_id: str) -> Organisation:
        org = self._orgs.get(org_id)
        if org is None:
            org = self._orgs[org_id] = Organisation(self._tenant(org_id))
            self.make_sandbox(org_id, FIRST_SANDBOX, title="Prod", type_="production")
        return org

    def _tenant(self, org_id: str) -> str:
        if not self._orgs:
            return _FIRST_TENANT
        return "t" + hashlib.sha256(org_id.encode()).hexdigest()[:11]


def _nothing() -> None:
    """Leave the state as it is."""


def shown(item: Item) -> Item:
    """Copy *item* as an answer shows it: without the emulator's own members."""
    return {key: value for key, value in item.items() if not key.startswith("_emulated")}


def _org_out(org: Organisation) -> Item:
    return {
        "tenant": org.tenant,
        "sandboxes": {
            box.name: {"id": box.id, "title": box.title, "type": box.type, "made": box.made}
            for box in org.sandboxes.values()
        },
    }


def _read(path: Path) -> dict[str, Organisation]:
    hint = "give another file, or move this one away to start with an empty Adobe"
    try:
        document = json.loads(path.read_bytes())
        version = document["version"]
        orgs = {id_: _org_in(id_, item) for id_, item in document["orgs"].items()}
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", hint=hint) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigError(f"{path} is not an emulator's state file", hint=hint) from None
    if version != _VERSION:
        raise ConfigError(f"{path} has version {version}, expected {_VERSION}", hint=hint)
    return orgs


def _try_to_write(path: Path) -> None:
    """
    Make the file that a state is written through, so that a wrong place is told at the start.

    Raises:
        ConfigError: it cannot be made.
    """
    try:
        with open(_beside(path), "ab", opener=_private):
            pass
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}", hint="give another file with --state"
        ) from None


def _org_in(org_id: str, item: Item) -> Organisation:
    tenant = item["tenant"]
    boxes = {
        name: Sandbox(org_id, tenant, name, box["id"], box["title"], box["type"], box["made"])
        for name, box in item["sandboxes"].items()
    }
    return Organisation(tenant, boxes)


def _write(path: Path, content: bytes) -> None:
    """Replace *path* so that a crash leaves the old content or the new."""
    beside = _beside(path)
    with open(beside, "wb", opener=_private) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")


def _private(path: str, flags: int) -> int:
    """The state holds received events: personal data."""
    return os.open(path, flags, 0o600)
