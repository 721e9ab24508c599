"""
Keeping Customer.io's list of sending addresses fresh, beside the running relay.

It only reads, and it never ends by itself: a look that fails is counted and, the first time,
logged; the list stays as it was.

Assumed:
    One list serves every route: the endpoint has no parameter, and routes of another region see
    that region's addresses as not listed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import httpx
import structlog

from relay.clock import Clock
from relay.config import Config, CustomerioConfig
from relay.customerio.app_api import AppApi, api_url
from relay.errors import RelayError
from relay.metrics import Metrics

# After a look that failed; the daily one would leave the list a day behind for one lost packet.
_AGAIN_S = 900.0

log = structlog.get_logger("relay.customerio")


def wants_allow_list(config: Config) -> bool:
    """Whether the settings ask for the task: an interval and a key."""
    customerio = config.customerio
    return bool(customerio.addresses_interval and customerio.app_api_key.get_secret_value())


async def keep_addresses(
    settings: Callable[[], CustomerioConfig],
    take: Callable[[Iterable[str]], None],
    *,
    client: httpx.AsyncClient,
    metrics: Metrics,
    clock: Clock,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """
    Give *take* the addresses now and every ``customerio.addresses_interval``, until cancelled.

    *settings* is asked before each look, so that a new key is used once it is there.
    """
    is_failing = False
    while True:
        now = settings()
        key = now.app_api_key.get_secret_value()
        api = AppApi(client, base_url=api_url(now), api_key=key, clock=clock)
        problem = await _look(api, take, metrics, clock)
        if problem and not is_failing:
            log.warning("sender_addresses_failed", problem=problem)
        elif is_failing and not problem:
            log.info("sender_addresses_read_again")
        is_failing = bool(problem)
        wait_s = now.addresses_interval or _AGAIN_S
        await sleep(min(wait_s, _AGAIN_S) if is_failing else wait_s)


async def _look(
    api: AppApi, take: Callable[[Iterable[str]], None], metrics: Metrics, clock: Clock
) -> str:
    """Read the list once; give what went wrong, empty when nothing did."""
    found: list[str] = []
    try:
        found = await api.addresses()
        # Without one address every delivery would look like a stranger's: the old list stays.
        problem = "" if found else "the list that Customer.io gave is empty"
        if found:
            take(found)
    except RelayError as error:
        problem = error.message
    except ValueError:
        problem = "the list that Customer.io gave holds what is not an address"
    except Exception as error:  # noqa: BLE001 - it runs beside deliveries, never in their way
        problem = f"{type(error).__name__} as the list was read: a bug, please report it"
    if problem:
        metrics.sender_addresses_errors.inc()
    else:
        metrics.sender_addresses.set(len(found))
        metrics.sender_addresses_success.set(clock.wall_s())
    return problem
