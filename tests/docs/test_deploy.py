"""What deploy/ ships fits the relay: its metrics, its settings, its ports, its time to stop."""

from __future__ import annotations

import json
import re

import generate
import pytest
import yaml

from relay.config import load_config

DEPLOY = generate.ROOT / "deploy"
KNOWN = set(
    re.findall(r"^\| `(\w+)`", (generate.ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE)
)


@pytest.fixture(scope="module")
def manifests():
    """Kubernetes' objects by their kind and name."""
    documents = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
    return {(one["kind"], one["metadata"]["name"]): one for one in documents}


@pytest.fixture(scope="module")
def pod(manifests):
    """What one pod of the relay is made of."""
    return manifests["StatefulSet", "relay"]["spec"]["template"]["spec"]


def image_settings() -> dict[str, str]:
    """The settings that the image brings in its environment."""
    text = (generate.ROOT / "Dockerfile").read_text()
    return dict(re.findall(r"(RELAY_\w+)=(\S+)", text))


@pytest.mark.parametrize("name", ["prometheus-rules.yml", "grafana-dashboard.json"])
def test_only_metrics_that_exist_are_named(name):
    """Alerts and panels use no metric that the relay lacks."""
    used = set(re.findall(r"\brelay_\w+", (DEPLOY / name).read_text()))
    assert used
    assert {re.sub(r"_(bucket|sum|count)$", "", metric) for metric in used} <= KNOWN


def test_no_panel_stands_on_another():
    """Every panel has its own place on Grafana's 24 columns, its own id, and a query."""
    panels = json.loads((DEPLOY / "grafana-dashboard.json").read_text())["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        assert panel["type"] == "row" or all(target["expr"] for target in panel["targets"])
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_the_settings_of_kubernetes_are_accepted(manifests, tmp_path):
    """The ConfigMap's file, with the secrets and the image's environment, has no fault."""
    path = tmp_path / "relay.toml"
    path.write_text(manifests["ConfigMap", "relay"]["data"]["relay.toml"])
    secrets = {"CUSTOMERIO_SIGNING_KEY": "k", "RELAY_ADMIN_TOKEN": "t"}
    config = load_config(str(path), {**image_settings(), **secrets})
    assert list(config.routes) == ["marketing"]
    assert str(config.spool.path) == "/var/lib/relay/spool"


def test_compose_hands_on_every_secret_of_the_example():
    """A setting that names one of the example's variables finds it in the container."""
    relay = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["relay"]
    example = (generate.ROOT / "config" / "relay.example.toml").read_text()
    assert set(re.findall(r'= \[?"env:(\w+)"', example)) == set(relay["environment"])
    (settings,) = (volume for volume in relay["volumes"] if isinstance(volume, dict))
    assert settings["target"] == image_settings()["RELAY_CONFIG"]
    assert settings["bind"] == {"create_host_path": False}


def test_kubernetes_asks_what_the_image_serves(manifests, pod):
    """Ports, probes and mounts are the image's; the volume is larger than the spool may grow."""
    container = pod["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    dockerfile = (generate.ROOT / "Dockerfile").read_text()
    assert f"EXPOSE {ports['webhooks']} {ports['admin']}" in dockerfile
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "admin"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "admin"}
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert image_settings()["RELAY_CONFIG"].startswith(mounts["settings"])
    assert image_settings()["RELAY_SPOOL__PATH"].startswith(mounts["spool"])
    claim = manifests["StatefulSet", "relay"]["spec"]["volumeClaimTemplates"][0]["spec"]
    gibibytes = int(claim["resources"]["requests"]["storage"].removesuffix("Gi"))
    settings = manifests["ConfigMap", "relay"]["data"]["relay.toml"]
    assert gibibytes > int(re.search(r'max_bytes = "(\d+)GiB"', settings)[1])


def test_kubernetes_runs_it_as_the_image_wants_it(manifests, pod):
    """One pod, nobody's root, nothing written but the volume, more time to stop than it needs."""
    assert manifests["StatefulSet", "relay"]["spec"]["replicas"] == 1
    user = int(
        re.search(r"^USER (\d+)", (generate.ROOT / "Dockerfile").read_text(), re.MULTILINE)[1]
    )
    assert pod["securityContext"]["runAsUser"] == user
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["terminationGracePeriodSeconds"] > 30
