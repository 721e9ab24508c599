"""Data Prep's mapping language, evaluated locally (pure)."""

from relay.mapping.mapping_set import Mapped, MappingSet

__all__ = ["Mapped", "MappingSet"]
