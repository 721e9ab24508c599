"""Writing the inlet that was made into the settings file, without touching its comments."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import tomlkit

from relay.provision.apply import Applied


def inlet_section(route: str, applied: Applied) -> str:
    """The ready section for *route*, as it would stand in the settings file."""
    lines = [f"[routes.{route}.inlet]"]
    lines += [f'{key} = "{value}"' for key, value in _values(applied).items()]
    return "\n".join(lines) + "\n"


def write_inlet(path: Path, route: str, applied: Applied) -> None:
    """
    Put url, flow id and earliest time into *path*; everything else stays as it is.

    The file is replaced in one step and keeps its mode.
    """
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    inlet = document["routes"][route].setdefault("inlet", tomlkit.table())
    for key, value in _values(applied).items():
        inlet[key] = value
    draft = path.with_name(path.name + ".new")
    draft.write_text(tomlkit.dumps(document), encoding="utf-8")
    draft.chmod(path.stat().st_mode & 0o777)
    draft.replace(path)


def _values(applied: Applied) -> dict[str, str]:
    values = {"url": applied.inlet_url, "flow_id": applied.ids.flow}
    if applied.not_before_s:
        when = datetime.fromtimestamp(applied.not_before_s, UTC).replace(microsecond=0)
        values["not_before"] = when.isoformat().replace("+00:00", "Z")
    return values
