"""XDM schemas, compiled to a check (pure)."""

from relay.schema.check import CompiledSchema, Violation, compile_schema
from relay.schema.node import Kind, Node

__all__ = ["CompiledSchema", "Kind", "Node", "Violation", "compile_schema"]
