"""
Reading the settings: TOML, the environment over it, secrets from where they are kept.

``RELAY_SPOOL__MAX_BYTES`` sets ``spool.max_bytes``; a list is comma-separated. Variables without a
double underscore are not settings: an orchestrator adds some of its own that start alike. A secret
is ``env:NAME`` or ``file:PATH``; the environment is read once.

Every problem is collected: unknown keys first, then what does not fit its type, then the rules.
`survey_config` gives them with what can be used all the same, so that `relay check` looks further.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from relay.config.rules import (
    adobe_problems,
    customerio_problems,
    route_problems,
    server_problems,
    shared_problems,
    spool_problems,
)
from relay.config.table import (
    AdobeConfig,
    Config,
    CustomerioConfig,
    LogConfig,
    RouteConfig,
    ServerConfig,
    SpoolConfig,
)
from relay.errors import ConfigError

PREFIX = "RELAY_"
_LINE_ENDS = "\r\n"
ALL_SECTIONS = ("server", "spool", "adobe", "customerio", "log", "routes")
_SECTIONS: dict[str, type[BaseModel]] = {
    "server": ServerConfig,
    "spool": SpoolConfig,
    "adobe": AdobeConfig,
    "customerio": CustomerioConfig,
    "log": LogConfig,
}

# By the first word of pydantic's name for the mistake. Only durations are fractions.
_EXPECTED = {
    "string": "text",
    "tuple": 'a list such as ["one", "two"]',
    "int": "a whole number",
    "float": "a duration such as '5s'",
    "bool": "true or false",
}
_FOUND: tuple[tuple[type, str], ...] = (
    (str, "text"),
    (bool, "true or false"),
    (int, "a number"),
    (float, "a number"),
    (list, "a list"),
    (dict, "a table"),
    (object, "a date or a time"),
)

_M = TypeVar("_M", bound=BaseModel)


class _EnvText(str):
    """A value out of the environment, where everything is text."""

    __slots__ = ()


class _SecretProblem(Exception):
    """Where a secret should be, there is none."""


@dataclass(frozen=True, slots=True)
class Survey:
    """
    Settings as far as they can be used, and every problem: a sentence that begins with its place.

    *config* has the default where a problem stands; ``None`` when nothing could be read.
    """

    config: Config | None
    problems: tuple[str, ...]


def load_config(
    path: str | None, environ: Mapping[str, str], *, needs: Collection[str] = ALL_SECTIONS
) -> Config:
    """
    Read the file at *path*, if any, and *environ* over it.

    *needs* names the sections whose secrets and rules matter: a command that only looks into the
    spool runs in a shell that has no signing key.

    Raises:
        ConfigError: something is wrong; *problems* lists every sentence.
    """
    found = _survey(_read(path), environ, needs)
    if found.problems or found.config is None:
        where = path or "the environment"
        text = "\n".join(f"  {problem}" for problem in found.problems)
        raise ConfigError(
            f"{where} cannot be used:\n{text}",
            hint="" if path else "name the settings' file with --config or RELAY_CONFIG",
            problems=found.problems,
        )
    return found.config


def survey_config(path: str | None, environ: Mapping[str, str]) -> Survey:
    """Read as `load_config` does, and go on where something is wrong."""
    try:
        raw = _read(path)
    except ConfigError as error:
        return Survey(None, error.problems)
    return _survey(raw, environ, ALL_SECTIONS)


def _survey(raw: dict[str, Any], environ: Mapping[str, str], needs: Collection[str]) -> Survey:
    problems: list[str] = []
    _overlay(raw, environ, problems)
    plain = _Reader(environ, needs, problems).table(Config, raw, "")
    sections = {
        name: _validated(model, plain.get(name, {}), name, problems)
        for name, model in _SECTIONS.items()
    }
    routes = {
        name: _validated(RouteConfig, value, f"routes.{name}", problems)
        for name, value in plain.get("routes", {}).items()
    }
    # What stands in for a setting that is wrong, or for a list with an item that is, is not wrong
    # too.
    told = {_place_of(problem) for problem in problems}
    told |= {place.partition("[")[0] for place in told}
    problems += [one for one in _rules(sections, routes, needs) if _place_of(one) not in told]
    return Survey(Config.model_validate({**sections, "routes": routes}), tuple(problems))


def _place_of(problem: str) -> str:
    return problem.partition(": ")[0]


def read_secret(option: str, text: str, environ: Mapping[str, str]) -> str:
    """
    Give the secret that *text* names, ``env:NAME`` or ``file:PATH``, for a command's *option*.

    Raises:
        ConfigError: it names none, or the secret stands there itself, where others can read it.
    """
    if not text.startswith(("env:", "file:")):
        problem = f"{option}: expected env:NAME or file:PATH, not the secret itself"
        raise ConfigError(problem, problems=(problem,))
    try:
        return _resolved(text, environ)
    except _SecretProblem as reason:
        problem = f"{option}: {reason}"
        raise ConfigError(problem, problems=(problem,)) from None


def _read(path: str | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        problem = f"{path}: {error.strerror}"
        raise ConfigError(
            problem, hint="name a file with --config or RELAY_CONFIG", problems=(problem,)
        ) from None
    except tomllib.TOMLDecodeError as error:
        problem = f"{path}: not TOML: {error}"
        raise ConfigError(problem, problems=(problem,)) from None
    except UnicodeDecodeError as error:
        problem = f"{path}: not TOML: byte {error.start} is not UTF-8"
        raise ConfigError(problem, problems=(problem,)) from None


def _overlay(raw: dict[str, Any], environ: Mapping[str, str], problems: list[str]) -> None:
    """Put the variables of *environ* where they belong in *raw*."""
    for name in sorted(environ):
        if not name.startswith(PREFIX) or "__" not in name:
            continue
        *tables, key = name.removeprefix(PREFIX).lower().split("__")
        table = raw
        for step in tables:
            inner = table.setdefault(_spelling(table, step), {})
            if not isinstance(inner, dict):
                problems.append(f"{name}: {step} is a value in the file, expected a table")
                break
            table = inner
        else:
            table[_spelling(table, key)] = _EnvText(environ[name])


def _spelling(table: Mapping[str, Any], key: str) -> str:
    """The key of *table* that *key* means: variables have neither lower case nor dashes."""
    for known in table:
        if known.lower().replace("-", "_") == key:
            return known
    return key


class _Reader:
    """One walk through the table of settings: unknown keys, secrets, text from the environment."""

    def __init__(
        self, environ: Mapping[str, str], needs: Collection[str], problems: list[str]
    ) -> None:
        self._environ = environ
        self._needs = needs
        self._problems = problems

    def table(self, model: type[BaseModel], raw: object, where: str) -> dict[str, Any]:
        """Take what *model* knows out of *raw*."""
        if not isinstance(raw, dict):
            self._problems.append(f"{where}: expected a table, found {_found(raw)}")
            return {}
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        plain: dict[str, Any] = {}
        for key, value in raw.items():
            path = f"{where}.{key}" if where else key
            field = fields.get(key)
            if field is None:
                self._problems.append(f"{path}: unknown key{_nearest(key, fields)}")
            else:
                plain[key] = self._value(field, value, path)
        return plain

    def _value(self, field: FieldInfo, value: Any, path: str) -> Any:
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return self.table(kind, value, path)
        if get_origin(kind) is dict:
            return self._tables(get_args(kind)[1], value, path)
        if kind is SecretStr:
            return self._secret(value, path)
        if get_origin(kind) is tuple:
            return self._list(get_args(kind)[0], value, path)
        if isinstance(value, _EnvText):
            is_number = get_origin(kind) is Literal and isinstance(get_args(kind)[0], int)
            return int(value) if is_number and value.isdigit() else str(value)
        return value

    def _tables(self, model: type[BaseModel], raw: object, where: str) -> dict[str, Any]:
        if not isinstance(raw, dict):
            self._problems.append(f"{where}: expected tables, e.g. [{where}.NAME]")
            return {}
        return {name: self.table(model, value, f"{where}.{name}") for name, value in raw.items()}

    def _list(self, kind: type | UnionType, value: Any, path: str) -> Any:
        if isinstance(value, _EnvText):
            value = [item.strip() for item in value.split(",") if item.strip()]
        if kind is SecretStr and isinstance(value, list):
            return [self._secret(item, f"{path}[{at}]") for at, item in enumerate(value)]
        return value

    def _secret(self, value: Any, path: str) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return _resolved(str(value), self._environ)
        except _SecretProblem as problem:
            if path.partition(".")[0] in self._needs:
                self._problems.append(f"{path}: {problem}")
            return ""


def _resolved(text: str, environ: Mapping[str, str]) -> str:
    kind, _, place = text.partition(":")
    if kind == "env":
        if not place:
            raise _SecretProblem("expected the name of an environment variable after env:")
        # A secret made from a file keeps the file's last line end, which no key has.
        secret = environ.get(place, "").strip(_LINE_ENDS)
        if not secret:
            raise _SecretProblem(f"the environment variable {place} is not set or empty")
        return secret
    if kind == "file":
        return _secret_in(place)
    return text


def _secret_in(place: str) -> str:
    try:
        secret = Path(place).read_text(encoding="utf-8").strip(_LINE_ENDS)
    except OSError as error:
        raise _SecretProblem(f"{place}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _SecretProblem(f"{place}: expected UTF-8 text") from None
    if not secret:
        raise _SecretProblem(f"{place} is empty")
    return secret


def _nearest(key: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f", did you mean {near[0]}?" if near else f", expected one of {', '.join(known)}"


def _validated(model: type[_M], plain: dict[str, Any], where: str, problems: list[str]) -> _M:
    """Make *model* of *plain*, without what does not fit, which is told."""
    usable, told = deepcopy(plain), problems
    # Twice: what is left out may be needed.
    for _ in range(2):
        try:
            return model.model_validate(usable)
        except ValidationError as error:
            told += [f"{where}.{text}" for text in _sentences(error)]
            for item in error.errors(include_url=False, include_input=False):
                _leave_out(usable, item["loc"])
        told = []
    return model.model_validate(usable)


def _leave_out(table: dict[str, Any], place: tuple[int | str, ...]) -> None:
    """Take the setting at *place* out of *table*, or give one that is needed and missing."""
    *steps, last = map(str, takewhile(lambda step: isinstance(step, str), place))
    for step in steps:
        table = table[step]
    if last in table:
        del table[last]
    else:
        table[last] = ()


def _sentences(error: ValidationError) -> Iterator[str]:
    """One sentence a mistake, without the value where it may be a secret."""
    for item in error.errors(include_url=False):
        path = "".join(f"[{at}]" if isinstance(at, int) else f".{at}" for at in item["loc"])
        yield f"{path.removeprefix('.')}: {_sentence(item)}"


def _sentence(item: ErrorDetails) -> str:
    """Say what was expected in the words of TOML, not of the model's types."""
    context = item.get("ctx", {})
    match item["type"].partition("_")[0]:
        case "missing":
            return "needed"
        case "value":
            return item["msg"].removeprefix("Value error, ")
        case "literal":
            got = item["input"]
            shown = f"got {got!r}" if type(got) in {str, int} else f"found {_found(got)}"
            return f"expected {context['expected']}, {shown}"
        case "greater" | "less":
            (bound,) = context.values()
            side = "least" if "ge" in context else "most"
            return f"expected at {side} {bound:.0f}, got {item['input']}"
        case "finite":
            return f"expected an end, got {item['input']}"
        case kind:
            return f"expected {_EXPECTED[kind]}, found {_found(item['input'])}"


def _found(value: object) -> str:
    """Name what *value* is in TOML; the value itself may be a secret."""
    return next(name for kind, name in _FOUND if isinstance(value, kind))


def _rules(
    sections: Mapping[str, BaseModel], routes: Mapping[str, RouteConfig], needs: Collection[str]
) -> Iterator[str]:
    """Apply the rules to whatever has its types right."""
    server, spool, adobe = sections["server"], sections["spool"], sections["adobe"]
    customerio = sections["customerio"]
    if "server" in needs and isinstance(server, ServerConfig):
        yield from server_problems(server)
    if "spool" in needs and isinstance(spool, SpoolConfig):
        yield from spool_problems(spool)
    if "adobe" in needs and isinstance(adobe, AdobeConfig):
        yield from adobe_problems(adobe)
    if "customerio" in needs and isinstance(customerio, CustomerioConfig):
        yield from customerio_problems(customerio)
    if "routes" not in needs:
        return
    if not routes:
        yield "routes: expected at least one, e.g. [routes.marketing]"
    for name, route in routes.items():
        yield from route_problems(name, route)
    yield from shared_problems(routes, adobe if isinstance(adobe, AdobeConfig) else None)
