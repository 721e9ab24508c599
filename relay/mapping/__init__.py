"""Data Prep's mapping language, evaluated locally (pure)."""

from relay.mapping.expression import Expression, compile_expression
from relay.mapping.mapping_set import Mapped, MappingSet
from relay.mapping.values import java_type

__all__ = ["Expression", "Mapped", "MappingSet", "compile_expression", "java_type"]
