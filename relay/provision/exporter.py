"""
The monitor's figures as metrics: a task beside the running relay.

It only reads, and it never ends by itself: a look that fails is logged and counted, the gauges
keep what they had, and `Metrics.monitor_success` says since when.
"""

from __future__ import annotations

import structlog

from relay.config import Config
from relay.errors import RelayError
from relay.metrics import Metrics
from relay.provision.monitor import Desk, Monitor, Report
from relay.provision.session import open_session
from relay.provision.settle import Pace

_BACK_S = 86_400.0

log = structlog.get_logger("relay.monitor")


def wants_export(config: Config) -> bool:
    """Whether the settings ask for the task: an interval and credentials."""
    adobe = config.adobe
    return bool(
        adobe.monitor_interval
        and adobe.org_id
        and adobe.client_id.get_secret_value()
        and adobe.client_secret.get_secret_value()
    )


async def export_runs(
    config: Config, route_name: str, metrics: Metrics, *, desk: Desk | None = None
) -> None:
    """
    Read *route_name*'s flow runs every ``adobe.monitor_interval`` until cancelled.

    *desk* answers for the relay's own spool; without one nothing is compared with our counts.

    Raises:
        ConfigError: credentials are missing; see `wants_export`.
        ProvisionError: there is no such route.
    """
    async with open_session(config, route_name) as session:
        while True:
            try:
                # The flow may be another one by now.
                monitor = Monitor(session, await session.look(), desk)
                report = await monitor.look(since_s=session.pace.clock.wall_s() - _BACK_S, limit=0)
            except RelayError as error:
                metrics.monitor_errors.labels(route_name).inc()
                log.warning("monitor_failed", route=route_name, error=error.message)
            except Exception as error:  # noqa: BLE001 - it runs beside deliveries, never in their way
                metrics.monitor_errors.labels(route_name).inc()
                log.error("monitor_failed", route=route_name, error=type(error).__name__)
            else:
                show(report, route_name, metrics, session.pace)
            await session.pace.sleep(config.adobe.monitor_interval)


def show(report: Report, route_name: str, metrics: Metrics, pace: Pace) -> None:
    """Set the gauges from *report*."""
    for run in report.runs[-1:]:
        for name in ("received", "ingested", "failed", "skipped", "warnings"):
            metrics.flow_run_records.labels(route_name, name).set(getattr(run, name))
        metrics.flow_run_start.labels(route_name).set(run.started_s)
    missing = sum(hour.missing + hour.unaccounted for hour in report.hours)
    metrics.flow_missing_events.labels(route_name).set(missing)
    metrics.flow_failed_records.labels(route_name).set(sum(run.failed for run in report.runs))
    metrics.flow_failed_batches.labels(route_name).set(len(report.batches))
    metrics.monitor_success.labels(route_name).set(pace.clock.wall_s())
