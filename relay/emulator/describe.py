"""The emulator's description of its own control plane, as OpenAPI."""

from __future__ import annotations

from typing import Any

Item = dict[str, Any]


def description(base_url: str) -> Item:
    """Describe the control plane at *base_url*."""
    return {
        "openapi": "3.0.3",
        "info": {"title": "Local Adobe Experience Platform", "version": "1"},
        "servers": [{"url": base_url}],
        "paths": {},
    }
