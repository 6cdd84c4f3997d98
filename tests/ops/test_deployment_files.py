"""Compose, Prometheus, Grafana and Kubernetes files, checked as data (no engine needed)."""

import json
import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from face.version import VERSION
from service.observability.metrics import Metrics

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES_VERSION = "1.31"


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document is not None]


def exported_names() -> set[str]:
    """Every series name that the service can expose."""
    names = set()
    for family in Metrics().registry.collect():
        names |= {
            family.name,
            f"{family.name}_total",
            f"{family.name}_bucket",
            f"{family.name}_sum",
            f"{family.name}_count",
        }
    return names


def used_names(expression: str) -> set[str]:
    return set(re.findall(r"\bhtnet_[a-z_]+", expression))


def test_alert_rules_use_metrics_that_exist() -> None:
    (rules,) = documents(ROOT / "docker/prometheus/alerts.yml")
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    assert len({alert["alert"] for alert in alerts}) == len(alerts) >= 8
    for alert in alerts:
        assert alert["annotations"]["summary"]
        assert used_names(alert["expr"]) <= exported_names(), alert["alert"]


def test_dashboard_uses_metrics_that_exist_and_the_provisioned_source() -> None:
    dashboard = json.loads((ROOT / "docker/grafana/dashboards/htnet.json").read_text())
    (source,) = documents(ROOT / "docker/grafana/provisioning/datasources/prometheus.yml")
    uid = source["datasources"][0]["uid"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"]) >= 10
    for panel in dashboard["panels"]:
        assert panel["datasource"]["uid"] == uid
        for target in panel["targets"]:
            assert used_names(target["expr"])
            assert used_names(target["expr"]) <= exported_names(), panel["title"]


def test_dashboard_is_mounted_where_the_provider_looks() -> None:
    (compose,) = documents(ROOT / "docker-compose.yml")
    (provider,) = documents(ROOT / "docker/grafana/provisioning/dashboards/htnet.yml")
    folder = provider["providers"][0]["options"]["path"]
    assert f"./docker/grafana/dashboards:{folder}:ro" in compose["services"]["grafana"]["volumes"]


@pytest.mark.parametrize("name", ["service", "service-gpu"])
def test_compose_services_are_confined(name: str) -> None:
    (compose,) = documents(ROOT / "docker-compose.yml")
    service = compose["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["ports"][0].startswith("${HTNET_BIND_ADDRESS:-127.0.0.1}:")
    assert service["profiles"] == ["cpu" if name == "service" else "gpu"]
    assert "htnet" in service["networks"]["default"]["aliases"]


def test_prometheus_scrapes_the_alias_of_both_services() -> None:
    (config,) = documents(ROOT / "docker/prometheus/prometheus.yml")
    assert config["scrape_configs"][0]["static_configs"][0]["targets"] == ["htnet:8000"]


def test_kubernetes_manifests_are_valid() -> None:
    manifests = documents(ROOT / "docker/kubernetes/service.yaml")
    kinds = ["Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy"]
    assert [manifest["kind"] for manifest in manifests] == kinds
    for manifest in manifests:
        kubernetes_validate.validate(manifest, KUBERNETES_VERSION, strict=True)


def test_kubernetes_schema_is_really_applied() -> None:
    deployment = documents(ROOT / "docker/kubernetes/service.yaml")[0]
    deployment["spec"]["template"]["spec"]["containers"][0]["ports"] = "8000"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, KUBERNETES_VERSION, strict=True)


def test_pod_monitor_selects_the_pods_and_their_port() -> None:
    """The PodMonitor is a custom resource: its schema is the operator's and not part of Kubernetes' own.

    What is checked here is what would silently scrape nothing.
    """
    (monitor,) = documents(ROOT / "docker/kubernetes/pod-monitor.yaml")
    deployment, service, *_ = documents(ROOT / "docker/kubernetes/service.yaml")
    template = deployment["spec"]["template"]
    assert (monitor["apiVersion"], monitor["kind"]) == ("monitoring.coreos.com/v1", "PodMonitor")
    assert set(monitor["spec"]) == {"selector", "podMetricsEndpoints"}
    assert monitor["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert set(endpoint) == {"port", "path", "interval"}
    assert endpoint["port"] in {port["name"] for port in template["spec"]["containers"][0]["ports"]}


def test_deployment_leaves_time_to_stop() -> None:
    deployment = documents(ROOT / "docker/kubernetes/service.yaml")[0]
    spec = deployment["spec"]["template"]["spec"]
    settings = {entry["name"]: entry.get("value") for entry in spec["containers"][0]["env"]}
    assert spec["terminationGracePeriodSeconds"] >= float(settings["HTNET_DRAIN_S"]) + 30
    assert spec["containers"][0]["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert spec["containers"][0]["livenessProbe"]["httpGet"]["path"] == "/livez"


def test_the_citation_names_the_version() -> None:
    (citation,) = documents(ROOT / "CITATION.cff")
    assert citation["version"] == VERSION


def test_images_carry_the_version_and_every_package_that_the_service_needs() -> None:
    lines = (ROOT / "docker/Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("ARG VERSION")] == [f"ARG VERSION={VERSION}"] * 2
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    for name in ("face", "service", "models"):
        assert f"COPY {name} /app/{name}" in lines
        assert f"!{name}" in allowed
