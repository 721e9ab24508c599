"""
Everything a command of the set-up needs, made from the configuration and closed in reverse order.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from relay.adobe.auth import OAuth
from relay.adobe.data_access import DataAccess
from relay.adobe.http import AdobeHttp, Progress, Tenancy, new_client
from relay.adobe.observability import Observability
from relay.clock import SystemClock
from relay.config import Config, RouteConfig, shipped
from relay.errors import ConfigError, MappingError, ProvisionError
from relay.mapping import MappingSet
from relay.provision.apply import Applied, Apply
from relay.provision.desired import Desired
from relay.provision.look import Adobe, Current, look
from relay.provision.remember import Memory
from relay.provision.settle import Pace


@dataclass(frozen=True, slots=True)
class Session:
    """One route's set-up: the clients, what is wanted, what is remembered, how long to wait."""

    adobe: Adobe
    access: DataAccess
    observability: Observability
    desired: Desired
    memory: Memory
    pace: Pace

    async def look(self) -> Current:
        """
        Read the set-up as it is.

        Raises:
            AdobeError: a call was refused.
        """
        return await look(self.adobe, self.desired, self.memory.read())

    async def apply(self, progress: Progress) -> Applied:
        """
        Bring the set-up to what is wanted; a second run on this machine waits for the first.

        Raises:
            ProvisionError: something is in the way, or the flow did not settle.
            AdobeError: a call was refused for good.
        """
        async with self.memory.turn(progress):
            work = Apply(
                self.adobe,
                self.desired,
                pace=self.pace,
                progress=progress,
                remember=self.memory.write,
            )
            return await work.run(self.memory.read())


@asynccontextmanager
async def open_session(
    config: Config, route: str, progress: Progress | None = None
) -> AsyncIterator[Session]:
    """
    Open the clients for *route*; *progress* is told when Adobe makes them wait.

    Raises:
        ConfigError: credentials or the organisation are missing, or a document cannot be used.
        ProvisionError: there is no such route.
    """
    name, section = choose_route(config, route)
    _require_credentials(config)
    clock = SystemClock()
    adobe = config.adobe
    # A relay that monitors does this beside deliveries, and to compile a large mapping set or to
    # read the certificates takes longer than its loop should be held.
    desired = await asyncio.to_thread(desired_of, name, section)
    async with await asyncio.to_thread(new_client) as client:
        http = AdobeHttp(
            client,
            base_url=adobe.platform_url,
            tokens=OAuth(adobe, client, clock),
            tenancy=Tenancy(adobe.client_id.get_secret_value(), adobe.org_id, adobe.sandbox),
            clock=clock,
            progress=progress,
        )
        yield Session(
            adobe=Adobe.of(http),
            access=DataAccess(http),
            observability=Observability(http),
            desired=desired,
            memory=Memory(Path(adobe.state_path), name),
            pace=Pace(clock, adobe.settling_time, progress=progress),
        )


def choose_route(config: Config, route: str) -> tuple[str, RouteConfig]:
    """
    Find the route by name; without one, the only one.

    Raises:
        ProvisionError: there is none (of that name), or there are several to choose from.
    """
    if not config.routes:
        raise ProvisionError("the settings have no route", hint="add one, e.g. [routes.marketing]")
    names = ", ".join(sorted(config.routes))
    if not route and len(config.routes) == 1:
        route = next(iter(config.routes))
    if route in config.routes:
        return route, config.routes[route]
    problem = f"there is no route {route!r}" if route else "there are several routes"
    raise ProvisionError(problem, hint=f"name one with --route: {names}")


def desired_of(name: str, route: RouteConfig) -> Desired:
    """
    Read what is wanted out of the route's section and the documents that it names.

    Raises:
        ConfigError: a document cannot be read or used; the relay itself would refuse it, too.
    """
    return Desired(
        route=name,
        name=route.provision.name,
        description=route.provision.description,
        mapping={"mappings": _rows(f"routes.{name}.mapping", route.mapping)},
        local_schema=_schema(f"routes.{name}.schema", route.schema_file),
        schema_id=route.provision.schema_id,
        flow_id=route.inlet.flow_id,
    )


def _rows(where: str, given: str) -> list[dict[str, object]]:
    path = Path(given) if given else shipped("mapping.json")
    document = _document(where, path)
    try:
        MappingSet.from_json(document)
    except MappingError as error:
        raise _unusable(where, path, str(error)) from None
    rows: list[dict[str, object]] = (
        document["mappings"] if isinstance(document, dict) else document
    )
    return rows


def _schema(where: str, given: str) -> dict[str, object]:
    path = Path(given) if given else shipped("schema.json")
    document = _document(where, path)
    if not isinstance(document, dict):
        raise _unusable(where, path, "expected an XDM document, an object")
    return document


def _document(where: str, path: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except OSError as error:
        raise _unusable(where, path, f"{error.strerror}; expected a JSON document") from None
    except orjson.JSONDecodeError as error:
        raise _unusable(where, path, f"not JSON: {error}") from None


def _unusable(where: str, path: Path, why: str) -> ConfigError:
    problem = f"{where}: {path}: {why}"
    return ConfigError(
        problem,
        hint="relative paths start at the working directory; `relay check` tells more",
        problems=(problem,),
    )


def _require_credentials(config: Config) -> None:
    adobe = config.adobe
    given = {
        "adobe.client_id": adobe.client_id.get_secret_value(),
        "adobe.client_secret": adobe.client_secret.get_secret_value(),
        "adobe.org_id": adobe.org_id,
    }
    missing = [name for name, value in given.items() if not value]
    if missing:
        raise ConfigError(
            f"the set-up needs {', '.join(missing)}",
            hint="an OAuth server-to-server credential of Adobe's developer console has them all",
            problems=tuple(f"{name} is missing" for name in missing),
        )
