"""The monitor: runs, our counts beside them, refused events joined to ours, and its metrics."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import spool_kit
from provision_kit import Handle, Hook, World

from relay.config import load_config
from relay.control import Desk
from relay.envelope import Envelope
from relay.errors import ProvisionError
from relay.metrics import Metrics
from relay.outcome import OUTCOME_OF, Reason
from relay.provision.destroy import destroy
from relay.provision.exporter import show, wants_export
from relay.provision.monitor import Monitor, Report
from relay.spool.local import LocalSpool
from relay.spool.port import Settlement

_HOUR_S = 3600


def _event(number: int, **members: Any) -> dict[str, Any]:
    return {
        "event_id": f"E{number}",
        "object_type": "email",
        "metric": "sent",
        "timestamp": 1_700_000_000,
        "data": {"identifiers": {"id": "4", "email": "a@example.com", "cio_id": "c"}},
        **members,
    }


class Story:
    """A set-up, a spool, and events that went from one to the other."""

    def __init__(self, world: World, spool: LocalSpool, inlet: str) -> None:
        self.world = world
        self.spool = spool
        self.inlet = inlet

    async def deliver(self, *events: dict[str, Any], loses: bool = False) -> None:
        """Have *events* delivered; *loses*: Adobe never sees them."""
        now_s = self.world.clock.wall_s()
        bodies = [json.dumps(event).encode() for event in events]
        await self.spool.append([Envelope("marketing", now_s, (), body) for body in bodies])
        entries = await spool_kit.take(self.spool, len(events), route="marketing")
        if not loses:
            transport = httpx.ASGITransport(self.world.app)
            async with httpx.AsyncClient(transport=transport) as client:
                for body in bodies:
                    answer = await client.post(
                        self.inlet,
                        content=body,
                        headers={"content-type": "application/json"},
                    )
                    assert answer.status_code == 200, answer.text
        await self.spool.settle(
            [
                Settlement(
                    entry,
                    OUTCOME_OF[Reason.ACCEPTED_BY_INLET],
                    Reason.ACCEPTED_BY_INLET,
                    event_id=event["event_id"],
                    digest=spool_kit.DIGEST,
                    stage="test",
                )
                for entry, event in zip(entries, events, strict=True)
            ]
        )

    async def report(
        self, *, has_desk: bool = True, hook: Hook | None = None, **how: Any
    ) -> Report:
        """One look at the last day."""
        async with self.world.session(hook=hook) as (session, _):
            desk = Desk(self.spool) if has_desk else None
            monitor = Monitor(session, await session.look(), desk)
            return await monitor.look(since_s=self.world.clock.wall_s() - 86_400, **how)


@pytest.fixture
async def story(tmp_path: Path) -> AsyncIterator[Story]:
    world = World(tmp_path)
    applied = await world.apply()
    inlet = f"{applied.inlet_url}?x-adobe-flow-id={applied.ids.flow}"
    # The hour in which a flow is made is one of its own: see `reconcile`.
    world.clock.advance(_HOUR_S)
    async with spool_kit.spool_at(tmp_path / "spool", world.clock) as spool:
        yield Story(world, spool, inlet)


async def test_all_well(story: Story):
    """What was delivered, counted at the inlet, received and ingested is one number."""
    await story.deliver(*map(_event, range(5)))
    story.world.clock.advance(3 * _HOUR_S)
    report = await story.report()
    (hour,) = report.hours
    assert (hour.delivered, hour.at_inlet, hour.received, hour.ingested) == (5, 5, 5, 5)
    assert hour.is_over
    assert not report.has_failures
    assert [run.status for run in report.runs] == ["success"]


async def test_went_missing(story: Story):
    """Events that the inlet took, as we say, and Adobe does not count are told with where."""
    await story.deliver(_event(1))
    await story.deliver(_event(2), _event(3), loses=True)
    assert not (await story.report()).has_failures
    story.world.clock.advance(3 * _HOUR_S)
    report = await story.report()
    (hour,) = report.hours
    assert (hour.missing, hour.where) == (2, "before the inlet counted them")
    assert report.has_failures


async def test_a_flow_that_was_made_anew(story: Story):
    """What another flow was given in the hour in which this one was made is not missing here."""
    world = story.world
    await story.deliver(_event(1), _event(2))
    async with world.session() as (session, _):
        current = await session.look()
        await destroy(session.adobe, session.desired, current, only=("flow",), progress=print)
    applied = await world.apply()
    story.inlet = f"{applied.inlet_url}?x-adobe-flow-id={applied.ids.flow}"
    await story.deliver(_event(3))
    world.clock.advance(3 * _HOUR_S)
    report = await story.report()
    (hour,) = report.hours
    assert (hour.delivered, hour.at_inlet, hour.received, hour.where) == (1, 1, 1, "")
    assert not report.has_failures


async def test_refused_event(story: Story):
    """A record that Adobe refused comes back as our event, with position and row."""
    broken = _event(2, object_type={"a": 1})
    await story.deliver(_event(1), broken)
    report = await story.report()
    (record,) = report.failed
    assert (record.event_id, record.position, record.event) == ("E2", 2, broken)
    (fault,) = record.faults
    assert fault.path == "#/_extconndev/object_type1"
    assert fault.row == "object_type → _extconndev.object_type1"
    assert [batch.id for batch in report.batches] == [record.batch_id]
    assert report.has_failures


async def test_without_a_spool(story: Story):
    """Without a spool the runs and the refused records are shown, and nothing is compared."""
    broken = _event(2, object_type={"a": 1})
    await story.deliver(broken)
    story.world.clock.advance(3 * _HOUR_S)
    report = await story.report(has_desk=False)
    assert not report.is_reconciled
    assert [hour.missing for hour in report.hours] == [0]
    (record,) = report.failed
    assert (record.position, record.event) == (0, broken)


async def test_an_event_of_another_sender(story: Story):
    """A refused record that we never sent has no position."""
    stranger = _event(9, object_type=[1])
    transport = httpx.ASGITransport(story.world.app)
    async with httpx.AsyncClient(transport=transport) as client:
        await client.post(story.inlet, json=stranger)
    (record,) = (await story.report()).failed
    assert (record.event_id, record.position) == ("E9", 0)


async def test_not_more_than_asked_for(story: Story):
    """Refused records are read up to the limit, batches in full."""
    await story.deliver(*(_event(number, object_type=[]) for number in range(4)))
    report = await story.report(limit=3)
    assert len(report.failed) == 3
    assert report.batches[0].failed == 4
    assert (await story.report(limit=0)).failed == ()


@pytest.mark.parametrize("status", [403, 404])
async def test_records_that_adobe_does_not_give(story: Story, status: int):
    """Where the files are gone or not for this credential, all the rest is still told."""
    await story.deliver(_event(1), _event(2, object_type=[]))

    async def refuse(_number: int, request: httpx.Request, handle: Handle) -> httpx.Response:
        return httpx.Response(status) if "/export/" in request.url.path else await handle(request)

    report = await story.report(hook=refuse)
    (batch,) = report.batches
    assert batch.unread.startswith(
        f"Adobe refused to list the failed batch's files: {status} (GET /data/foundation/export/"
    )
    assert (batch.failed, report.failed, len(report.runs)) == (1, (), 1)
    assert report.has_failures


async def test_no_more_files_than_asked_for(story: Story):
    """Once there are as many records as were asked for, no further file is read."""
    await story.deliver(*(_event(number, object_type=[]) for number in range(4)))
    asked: list[str] = []

    async def many(_number: int, request: httpx.Request, handle: Handle) -> httpx.Response:
        if "/export/" not in request.url.path:
            return await handle(request)
        path = request.url.params.get("path")
        if path is None:
            return httpx.Response(200, json={"data": [{"name": f"part-{n}"} for n in range(9)]})
        asked.append(path)
        return httpx.Response(200, text='{"body": {}}\n{"body": {}}\n')

    report = await story.report(hook=many, limit=3)
    assert len(report.failed) == 3
    assert asked == ["part-0", "part-1"]


async def test_another_day(story: Story):
    """What is older than asked for is not read."""
    await story.deliver(_event(1, object_type=[]))
    story.world.clock.advance(2 * 86_400)
    report = await story.report()
    assert (report.runs, report.batches, report.failed) == ((), (), ())
    assert not report.has_failures


async def test_observability_is_not_needed(story: Story):
    """A credential that may not read metrics still gets everything else."""
    await story.deliver(_event(1))

    async def refuse(_number: int, request: httpx.Request, handle: Handle) -> httpx.Response:
        if "observability" in request.url.path:
            return httpx.Response(403, json={"error_code": "403025", "message": "no"})
        return await handle(request)

    async with story.world.session(hook=refuse) as (session, _):
        monitor = Monitor(session, await session.look(), Desk(story.spool))
        (hour,) = (await monitor.look(since_s=0)).hours
    assert (hour.delivered, hour.at_inlet, hour.received) == (1, None, 1)


async def test_no_flow_yet(tmp_path: Path):
    """Without a flow there is nothing to watch, and the error says what to do."""
    async with World(tmp_path).session() as (session, _):
        with pytest.raises(ProvisionError) as caught:
            Monitor(session, await session.look(), None)
    assert str(caught.value) == "there is no flow yet\nhint: run `relay provision apply`"


async def test_as_metrics(story: Story):
    """The same figures stand in the gauges."""
    await story.deliver(_event(1), _event(2, object_type=[]))
    await story.deliver(_event(3), loses=True)
    story.world.clock.advance(3 * _HOUR_S)
    metrics = Metrics()
    async with story.world.session() as (session, _):
        show(await story.report(limit=0), "marketing", metrics, session.pace)

    def value(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(name, {"route": "marketing", **labels})

    assert value("relay_flow_run_records", count="received") == 2
    assert value("relay_flow_run_records", count="failed") == 1
    assert value("relay_flow_missing_events") == 1
    assert value("relay_flow_failed_records") == 1
    assert value("relay_flow_failed_batches") == 1
    assert value("relay_monitor_success_seconds") == story.world.clock.wall_s()


def test_whether_to_export(make_config: Any):
    """The background task is off without an interval or without credentials."""
    assert not wants_export(make_config())
    assert not wants_export(make_config(interval="1m", secret=""))
    assert not wants_export(make_config(interval="0s"))
    assert wants_export(make_config(interval="1m"))


@pytest.fixture
def make_config() -> Any:
    def make(*, interval: str = "", secret: str = "env:SECRET") -> Any:
        values = {"ADOBE__CLIENT_ID": "env:ID", "ADOBE__ORG_ID": "1@AdobeOrg"}
        if interval:
            values["ADOBE__MONITOR_INTERVAL"] = interval
        if secret:
            values["ADOBE__CLIENT_SECRET"] = secret
        settings = {f"RELAY_{name}": value for name, value in values.items()}
        return load_config(None, {**settings, "ID": "i", "SECRET": "s"}, needs=("adobe",))

    return make
