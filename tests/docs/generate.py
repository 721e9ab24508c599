"""
The pages and files that are made from tables in the code; ``make docs`` writes them.

``tests/docs/test_generated.py`` fails when one is out of step.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin

from generate_language import language_page
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from relay.config import Config, RouteConfig
from relay.metrics import Metrics
from relay.service.gauges import Gauges

ROOT = Path(__file__).parent.parent.parent
EXAMPLE_ROUTE = "marketing"
# What an example shows instead of a default that nobody can use.
EXAMPLES = {
    f"routes.{EXAMPLE_ROUTE}.signing_keys": ["env:CUSTOMERIO_SIGNING_KEY"],
    f"routes.{EXAMPLE_ROUTE}.inlet.url": "https://dcs.adobedc.net/collection/INLET_ID",
    f"routes.{EXAMPLE_ROUTE}.inlet.flow_id": "FLOW_ID",
}
SECRETS = {
    "server.admin_token": "env:RELAY_ADMIN_TOKEN",
    "adobe.client_id": "env:ADOBE_CLIENT_ID",
    "adobe.client_secret": "env:ADOBE_CLIENT_SECRET",
    "customerio.app_api_key": "env:CUSTOMERIO_APP_API_KEY",
    f"routes.{EXAMPLE_ROUTE}.inlet.hmac_secret": "env:INLET_HMAC_SECRET",
}


def sections() -> Iterator[tuple[str, type[BaseModel]]]:
    """Every table of the settings with its dotted name, outer ones first."""
    for name, field in Config.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield name, kind
    yield from nested(f"routes.{EXAMPLE_ROUTE}", RouteConfig)


def nested(name: str, model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """One table and the tables in it."""
    yield name, model
    for key, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from nested(f"{name}.{field.alias or key}", kind)


def settings(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """The settings of one table that are values, by the name that stands in the file."""
    for key, field in model.model_fields.items():
        kind = field.annotation
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            yield field.alias or key, field


def toml_value(value: Any) -> str:
    """Write *value* as TOML."""
    if isinstance(value, SecretStr):
        return '""'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, int):
        return f"{value:_}" if value >= 10_000 else str(value)
    return json.dumps(value, ensure_ascii=False)


def example_toml() -> str:
    """``config/relay.example.toml``: every setting with its default, and a sentence."""
    lines = [
        "# Every setting with its default. Uncomment what you change.",
        "#",
        "# A key may also come from the environment: RELAY_SPOOL__MAX_BYTES=20GiB. Secrets are",
        '# "env:NAME" or "file:PATH". Relative paths start at the working directory.',
        "# `relay check --config relay.toml` tells every mistake at once.",
    ]
    for name, model in sections():
        lines += ["", f"# {first_sentence(model)}", f"[{name}]"]
        for key, field in settings(model):
            path = f"{name}.{key}"
            value = EXAMPLES.get(path, field.default)
            mark = "" if path in EXAMPLES else "# "
            shown = json.dumps(SECRETS[path]) if path in SECRETS else toml_value(value)
            lines.append(f"{mark}{key} = {shown:<24}  # {field.description}")
    return "\n".join(lines) + "\n"


def first_sentence(model: type[BaseModel]) -> str:
    """What the table is for, in words."""
    text = " ".join((model.__doc__ or "").split())
    return text.partition(": ")[2].replace("`", "") or text


def unit(field: FieldInfo) -> str:
    """What kind of value a setting takes, in a word or its choices."""
    kind = field.annotation
    if kind is SecretStr:
        return "secret"
    if get_origin(kind) is Literal:
        return " or ".join(toml_value(choice) for choice in get_args(kind))
    if get_origin(kind) is tuple:
        return "list of secrets" if get_args(kind)[0] is SecretStr else "list"
    if isinstance(kind, UnionType):
        return "value"
    names = {bool: "true or false", str: "text"}
    if kind in names:
        return names[kind]
    default = field.default
    if kind is float:
        return "duration"
    is_size = isinstance(default, str) or any("bytes" in str(item) for item in field.metadata)
    return "size" if is_size else "number"


def configuration_page() -> str:
    """``docs/configuration.md``."""
    lines = [
        "# Configuration",
        "",
        "One TOML file, named with `--config` or `RELAY_CONFIG`. Any key may also come from the",
        "environment: `RELAY_SPOOL__MAX_BYTES=20GiB` sets `spool.max_bytes`; lists are",
        'comma-separated. Secrets are `"env:NAME"` or `"file:PATH"`. Durations are written',
        '`"250ms"`, `"5s"`, `"3d"`, sizes `"64MiB"` or a number of bytes. Unknown keys are',
        "errors.",
        "",
        "`relay check` tells every mistake at once, and what would go wrong later.",
        "",
        "SIGHUP reads the file again. Keys, filters, mapping sets, schemas, limits of the public",
        "listener and everything of an inlet change at once; a change of `server.listen`,",
        "`server.admin_listen`, `server.admin_token` or `[spool]` needs a restart and is refused",
        "with a sentence.",
        "",
        "This page is made from `relay/config/table.py` by `make docs`.",
    ]
    for name, model in sections():
        title = name.replace(f"routes.{EXAMPLE_ROUTE}", "routes.NAME")
        lines += [
            "",
            f"## `[{title}]`",
            "",
            f"{first_sentence(model)}",
            "",
            "| setting | takes | default | what it does |",
            "|---|---|---|---|",
        ]
        for key, field in settings(model):
            default = "needed" if field.is_required() else f"`{toml_value(field.default)}`"
            lines.append(f"| `{key}` | {unit(field)} | {default} | {field.description} |")
    return "\n".join(lines) + "\n"


def metrics_page() -> str:
    """``docs/metrics.md``."""
    lines = [
        "# Metrics",
        "",
        "`GET /metrics` on the admin listener. Labels are bounded: routes come from the",
        "configuration, statuses, outcomes and reasons from enums; nothing that a sender chooses",
        "becomes a label. Alerts stand in `deploy/prometheus-rules.yml`, what to do about them in",
        "[operations.md](operations.md).",
        "",
        "This page is made from the code by `make docs`.",
        "",
        "| metric | type | labels | what it says |",
        "|---|---|---|---|",
    ]
    rows = [
        (metric.name + ("_total" if metric.type == "counter" else ""), metric.type, labels, text)
        for metric, labels, text in described()
    ]
    for name, kind, labels, text in sorted(rows):
        shown = ", ".join(f"`{label}`" for label in labels)
        lines.append(f"| `{name}` | {kind} | {shown} | {text} |")
    return "\n".join(lines) + "\n"


def described() -> Iterator[tuple[Any, tuple[str, ...], str]]:
    """Every family with its labels and its sentence."""
    metrics = Metrics()
    for instrument in metrics.instruments:
        family = next(iter(instrument.collect()))
        yield family, metrics.labels_of(instrument), family.documentation
    for spec in Gauges.specs():
        yield spec, spec.labels, spec.help_text


PAGES = {
    "config/relay.example.toml": example_toml,
    "docs/configuration.md": configuration_page,
    "docs/metrics.md": metrics_page,
    "docs/mapping-language.md": language_page,
}


def main() -> None:
    """Write every page."""
    for name, make in PAGES.items():
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(make(), encoding="utf-8")
        sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    main()
