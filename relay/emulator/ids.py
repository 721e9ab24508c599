"""
Identifiers of the shapes that Adobe gives out.

Source:
    adobe.md §3 to §6; fixtures ``flow_get.json``, ``catalog_batch_with_errors.json``,
    ``customerio_mapping_request.json``.
"""

from __future__ import annotations

import secrets
import uuid

from ulid import ULID


def new_uuid() -> str:
    """Make the id of a connection, flow, run or sandbox: ``4982698b-e6b3-48c2-8dcf-…``."""
    return str(uuid.uuid4())


def new_hex(digits: int) -> str:
    """Make an id of lower-case hex *digits*: 24 data set, 32 mapping set, 48 schema, 64 inlet."""
    return secrets.token_hex(digits // 2)


def new_batch_id() -> str:
    """Make a batch id: ``01E8043CY305K2MTV5ANH9G1GC``."""
    return str(ULID())


def new_etag(now_s: float) -> str:
    """Make an etag, its quotes inside: ``"4c01c003-0000-0200-0000-63ef57e10000"``."""
    return f'"{secrets.token_hex(4)}-0000-0200-0000-{int(now_s) & 0xFFFFFFFF:08x}0000"'
