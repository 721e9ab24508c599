"""Writing the inlet that was made into the settings file, without touching its comments."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import InlineTable

from relay.errors import ProvisionError
from relay.provision.look import Ids


@dataclass(frozen=True, slots=True)
class Inlet:
    """
    What a route's section says about its inlet; what is empty is not written.

    *not_before_s* is wall-clock seconds UTC, 0 for no such moment.
    """

    url: str
    flow_id: str
    not_before_s: float = 0.0
    schema_id: str = ""
    dataset_id: str = ""
    ims_org_id: str = ""

    @classmethod
    def of(cls, ids: Ids, *, url: str, not_before_s: float, org_id: str) -> Inlet:
        """Make it from the ids of a set-up."""
        return cls(url, ids.flow, not_before_s, ids.schema, ids.dataset, org_id)

    def values(self) -> dict[str, str]:
        """Give the settings by their keys, in the order in which they are written."""
        values = {
            "url": self.url,
            "flow_id": self.flow_id,
            "not_before": rfc_3339(self.not_before_s),
            "schema_id": self.schema_id,
            "dataset_id": self.dataset_id,
            "ims_org_id": self.ims_org_id,
        }
        return {key: value for key, value in values.items() if value}

    def section(self, route: str) -> str:
        """Write the ready section of *route* as it would stand in the settings file."""
        table = tomlkit.table()
        table.update(self.values())
        return f"[routes.{tomlkit.key(route).as_string()}.inlet]\n{tomlkit.dumps(table)}"


def write_inlet(path: Path, route: str, inlet: Inlet) -> None:
    """
    Put *inlet* into the section of *route* in the file *path*; all else stays as it is.

    The file is replaced in one step and keeps its mode; a link to it stays a link.

    Raises:
        ProvisionError: it cannot be read or written, or has no such section.
    """
    path = path.resolve()
    try:
        text = path.read_bytes().decode()
        document = tomlkit.parse(text)
        routes: Any = document["routes"]
        section = routes[route]
        # Within one line there is no place for a table with lines of its own.
        is_inline = isinstance(section, InlineTable)
        table = section.setdefault(
            "inlet", tomlkit.inline_table() if is_inline else tomlkit.table()
        )
        for key, value in inlet.values().items():
            table[key] = value
        written = tomlkit.dumps(document)
        if "\r\n" in text:
            written = written.replace("\r\n", "\n").replace("\n", "\r\n")
        _replace(path, written)
    except (OSError, TOMLKitError, KeyError, TypeError, AttributeError) as error:
        why = (
            error.strerror if isinstance(error, OSError) else f"no [routes.{route}] to write into"
        )
        raise ProvisionError(
            f"the inlet is made, but could not be written to {path}: {why}",
            hint="put it in by hand:\n" + inlet.section(route),
        ) from None


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(path.name + ".new")
    with draft.open("wb") as stream:
        draft.chmod(path.stat().st_mode & 0o777)
        stream.write(text.encode())
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)


def rfc_3339(wall_s: float) -> str:
    """Write a moment, rounded up to the second, in UTC; empty for 0."""
    if not wall_s:
        return ""
    when = datetime.fromtimestamp(int(wall_s) + (wall_s % 1 > 0), UTC)
    return when.isoformat().replace("+00:00", "Z")
