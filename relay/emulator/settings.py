"""How the local Adobe behaves: one frozen group, given to `relay.emulator.create_app`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from relay.clock import Clock, SystemClock
from relay.emulator.sender import SenderSettings

SingleShape = Literal["async", "raw_http_api_doc", "raw_2023_lab"]
BatchShape = Literal["docs", "kafka_connect", "live_2024"]
RawBatch = Literal["accept", "refuse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorSettings:
    """
    What a local Adobe accepts and how it answers.

    *strict* refuses what Adobe's documents would refuse. Without *client_id* every client gets a
    token. *state_file* keeps the control plane across restarts. *speed* divides the control
    plane's delays (*enable_delay_s*, *schema_delay_s*) and shortens its hours; tokens and faults
    keep to real seconds, because their clients do.

    *app_api_key* and *sender* are Customer.io's: the only key its App API takes (empty: any), and
    how its emulated sender behaves. Its webhooks are kept beside *state_file*.

    The rest is the data plane. *strict_inlets*: only inlets that were made exist; otherwise any
    id of the right shape does. *authenticated_inlets*, *raw_batch*, *single_shape*,
    *batch_shape*: what an inlet is like that nobody described; the shapes are named after
    ``tests/data/adobe-fixtures/single_200_variants.json`` and ``batch_207_*.json``.
    *kept_bytes* bounds the request bodies kept for inspection; *seed* feeds every random choice;
    *sleep* waits out a fault's latency.
    """

    strict: bool = True
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    state_file: Path | None = None
    clock: Clock = field(default_factory=SystemClock)
    speed: float = 1.0
    enable_delay_s: float = 3.0
    schema_delay_s: float = 0.0
    token_lifetime_s: int = 86_399
    app_api_key: str = field(default="", repr=False)
    sender: SenderSettings = field(default_factory=SenderSettings)
    strict_inlets: bool = False
    authenticated_inlets: bool = False
    bad_token_status: Literal[401, 403] = 401
    sync_validation: bool = True
    raw_batch: RawBatch = "accept"
    single_shape: SingleShape = "async"
    batch_shape: BatchShape = "docs"
    max_request_bytes: int = 1_000_000
    kept_bytes: int = 64 * 1024 * 1024
    seed: int = 0
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep, repr=False)
