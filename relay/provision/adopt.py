"""Taking over a set-up that exists: every id, found from its flow."""

from __future__ import annotations

from relay.errors import ProvisionError
from relay.provision.desired import Desired
from relay.provision.look import Adobe, Ids, look, parts_of


async def adopt(adobe: Adobe, desired: Desired, flow_id: str) -> Ids:
    """
    Find what the flow *flow_id* is made of; nothing is changed at Adobe.

    The next ``apply`` gives all of it the route's name and mark.

    Raises:
        ProvisionError: the flow has no target connection, or one without a data set.
        AdobeError: a call was refused; 404 when there is no such flow.
    """
    flow = await adobe.flows.get("flows", flow_id)
    target_id = next(iter(flow.get("targetConnectionIds") or []), "")
    target = await adobe.flows.get("targetConnections", target_id) if target_id else {}
    dataset_id = str((target.get("params") or {}).get("dataSetId", ""))
    if not dataset_id:
        raise ProvisionError(
            f"flow {flow_id} does not end in a dataset",
            hint="name a flow whose target connection is of the data lake",
        )
    dataset = await adobe.catalog.dataset(dataset_id)
    schema_id = str((dataset.get("schemaRef") or {}).get("id", ""))
    known = Ids(
        flow=flow_id,
        dataset=dataset_id,
        schema=schema_id,
        field_group=await _field_group_of(adobe, schema_id),
    )
    current = await look(adobe, desired, known)
    return current.ids()


async def _field_group_of(adobe: Adobe, schema_id: str) -> str:
    """The tenant's first field group in a schema; empty when it has none of the tenant's."""
    parts = parts_of(await adobe.schemas.get("schemas", schema_id))
    own = f"https://ns.adobe.com/{await adobe.schemas.tenant()}/mixins/"
    return min((part for part in parts if part.startswith(own)), default="")
