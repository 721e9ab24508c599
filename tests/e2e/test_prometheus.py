"""A real Prometheus scrapes the relay, and promtool finds nothing to say about what it serves."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path

import httpx
import loopback
import pytest
from debian import need
from stack import Stack, free_port

pytestmark = [pytest.mark.sockets, pytest.mark.timeout(420)]

DEPLOY = Path(__file__).parent.parent.parent / "deploy"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A relay that is ready; its inlet is away, which no scrape may mind."""
    stack = Stack(tmp_path_factory.mktemp("running"))
    stack.start_relay()
    yield stack
    stack.stop()


def promtool(*words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run promtool with *given* on its standard input."""
    tool = need("promtool", "prometheus")
    return subprocess.run(
        [tool, *words], input=given, capture_output=True, timeout=60, check=False
    )


def test_promtool_accepts_the_metrics(running):
    """`promtool check metrics` passes on what /metrics serves, lint included."""
    text = loopback.get(f"http://127.0.0.1:{running.admin}/metrics").content
    done = promtool("check", "metrics", given=text)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


def test_what_an_alert_counts_begins_at_nought(running):
    """Prometheus sees no increase in a series whose first value is 1: each is there from 0 on."""
    text = loopback.get(f"http://127.0.0.1:{running.admin}/metrics").content.decode()
    for name, last in (
        ("relay_signature_failures_total", 'why="no_key_matches"'),
        ("relay_deliveries_total", 'status="401"'),
        ("relay_deliveries_total", 'status="503"'),
    ):
        assert re.search(rf"^{name}{{.*{last}}} 0\.0$", text, re.MULTILINE), (name, last)


def test_promtool_accepts_what_is_deployed():
    """The configuration and the rules in deploy/ are valid."""
    for words in (("config", "prometheus.yml"), ("rules", "prometheus-rules.yml")):
        done = promtool("check", words[0], str(DEPLOY / words[1]))
        assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


def test_one_refusal_an_hour_raises_the_alarm(tmp_path):
    """A key changed on one side means one 401 an hour and nothing else: that alone is told."""
    failures = 'relay_signature_failures_total{route="m",why="%s"}'
    once, hourly = "0x30 1x200", "0x30 1x60 2x60 3x60"
    cases = [
        # A right signature now and then: a guess in between is nobody's key.
        {failures % "no_key_matches": once, 'relay_signature_key_total{route="m"}': "0+1x300"},
        # Nothing signed at all: no key is wrong.
        {failures % "malformed": once, 'relay_signature_key_total{route="m"}': "9x300"},
        {failures % "no_key_matches": hourly, 'relay_signature_key_total{route="m"}': "9x300"},
    ]
    alarm = {
        "exp_labels": {"severity": "ticket", "route": "m"},
        "exp_annotations": {"summary": "Wrongly signed deliveries on m; was a key changed?"},
    }
    told = [[], [], [alarm]]
    path = tmp_path / "alerts.yml"
    for series, alerts in zip(cases, told, strict=True):
        test = {
            "interval": "1m",
            "input_series": [{"series": name, "values": text} for name, text in series.items()],
            "alert_rule_test": [
                {"eval_time": when, "alertname": "RelayBadSignatures", "exp_alerts": alerts}
                for when in ("80m", "150m")
            ],
        }
        rules = str(DEPLOY / "prometheus-rules.yml")
        # JSON is YAML.
        path.write_text(json.dumps({"rule_files": [rules], "tests": [test]}))
        done = promtool("test", "rules", str(path))
        assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


def test_promtool_accepts_every_query_of_the_dashboard(tmp_path):
    """Every query of the Grafana dashboard is valid: promtool takes each as a recording rule."""
    panels = json.loads((DEPLOY / "grafana-dashboard.json").read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    assert len(queries) > 20
    rules = [
        {"record": f"dashboard:query:{index}", "expr": query}
        for index, query in enumerate(queries)
    ]
    # JSON is YAML.
    path = tmp_path / "dashboard.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = promtool("check", "rules", str(path))
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


def test_prometheus_scrapes_it(running, tmp_path):
    """A Prometheus of the distribution finds the target up and knows the relay's metrics."""
    program, port = need("prometheus", "prometheus"), free_port()
    config = tmp_path / "prometheus.yml"
    config.write_text(
        f"""
global: {{scrape_interval: 500ms}}
rule_files: ["{DEPLOY / "prometheus-rules.yml"}"]
scrape_configs:
  - job_name: relay
    static_configs: [{{targets: ["127.0.0.1:{running.admin}"]}}]
"""
    )
    with (tmp_path / "prometheus.log").open("wb") as log:
        child = subprocess.Popen(
            [
                program,
                f"--config.file={config}",
                f"--storage.tsdb.path={tmp_path / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        assert until_value(port, 'up{job="relay"}') == "1"
        assert until_value(port, "relay_spool_accepting") == "1"
        assert until_value(port, "relay_build_info") == "1"
    finally:
        child.terminate()
        child.wait(30)


def until_value(port: int, query: str) -> str:
    """Ask Prometheus for *query* until it has a value."""
    deadline_s = time.monotonic() + 30
    while time.monotonic() < deadline_s:
        try:
            answer = loopback.get(
                f"http://127.0.0.1:{port}/api/v1/query", params={"query": query}, timeout=5
            )
            if found := answer.json()["data"]["result"]:
                return str(found[0]["value"][1])
        except (httpx.HTTPError, ValueError, KeyError):
            pass
        time.sleep(0.2)
    raise AssertionError(f"{query} has no value")
