"""
What keeps a set-up from being made, told before anything is written. Pure.

A schema that is made here gets the fields it lacks. One that was given by its id stays as it is:
what the mapping set feeds and it does not have would cost every event at Adobe, hours later.
"""

from __future__ import annotations

from relay.errors import ProvisionError, SchemaError
from relay.mapping import MappingSet
from relay.mapping.lint import Finding, lint
from relay.provision.desired import Desired
from relay.provision.look import Current
from relay.schema import compile_schema


def refuse(desired: Desired, current: Current) -> None:
    """
    Look whether the set-up can be made where *current* was found.

    Raises:
        ProvisionError: something of another owner is in the way, or the given schema is not there
            or does not fit the mapping set.
    """
    if current.obstacles:
        raise ProvisionError(
            "; ".join(current.obstacles),
            hint="choose another provision.name, or adopt a whole set-up with "
            "`relay provision import --flow-id`",
        )
    if not desired.schema_id:
        return
    if current.schema is None:
        raise ProvisionError(
            f"the schema {desired.schema_id} is not in this sandbox",
            hint="mend provision.schema_id and adobe.sandbox",
        )
    found = misfits(desired, current)
    if found:
        raise ProvisionError(
            f"the mapping set does not fit the schema {desired.schema_id}: {'; '.join(found)}",
            hint="mend the rows, or give the schema what they feed",
        )


def misfits(desired: Desired, current: Current) -> list[str]:
    """Say what of the mapping set the schema does not take, one clause each."""
    try:
        schema = compile_schema(current.schema or {})
    except SchemaError:  # Adobe's documents know more than ours: who cannot read one says nothing
        return []
    mapping = MappingSet.from_json({"mappings": desired.rows(current.tenant)})
    return [_clause(found) for found in lint(mapping, schema) if found.severity == "error"]


def _clause(found: Finding) -> str:
    return f"{found.row}: {found.message}" if found.row is not None else found.message
