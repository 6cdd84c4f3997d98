"""docker/kubernetes/options: KServe, KEDA, a second Deployment. What can be checked of them without their operators."""

from __future__ import annotations

import copy
from typing import Any

import kubernetes_validate
import pytest
from starlette.testclient import TestClient

from service.app import create_app
from service.config import Settings
from service.route_templates import RouteTemplates
from service.setting_faults import known_names
from tests.ops.test_deployment_files import KUBERNETES_VERSION, ROOT, documents, exported_names, used_names

KUBERNETES = ROOT / "docker/kubernetes"
# Of the operators' own schemas, what is used here (KServe v1beta1, KEDA v1alpha1).
PREDICTOR_OF_KSERVE = {"minReplicas", "maxReplicas", "scaleMetric", "scaleTarget"}
SCALED_OBJECT = {"scaleTargetRef", "minReplicaCount", "maxReplicaCount", "cooldownPeriod", "triggers"}


def one_of(name: str) -> dict[str, Any]:
    (document,) = documents(KUBERNETES / "options" / name)
    return document


def pod_of(document: dict[str, Any]) -> dict[str, Any]:
    pod: dict[str, Any] = copy.deepcopy(document["spec"]["template"]["spec"])
    return pod


def deployment() -> dict[str, Any]:
    return documents(KUBERNETES / "service.yaml")[0]


@pytest.mark.parametrize("path", sorted(KUBERNETES.rglob("*.yaml")), ids=lambda path: path.name)
def test_every_setting_in_a_manifest_exists(path: Any) -> None:
    named = [
        entry["name"]
        for document in documents(path)
        for container in _containers(document)
        for entry in container.get("env", [])
    ]
    assert set(named) <= known_names(), path


def _containers(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [*value.get("containers", []), *(found for inner in value.values() for found in _containers(inner))]
    return [found for inner in value for found in _containers(inner)] if isinstance(value, list) else []


def test_kserve_runs_the_pod_of_the_deployment() -> None:
    service = one_of("kserve.yaml")
    assert (service["apiVersion"], service["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
    assert service["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == "Standard"
    predictor = service["spec"]["predictor"]
    pod = {name: value for name, value in predictor.items() if name not in PREDICTOR_OF_KSERVE}
    template = {"metadata": {"labels": {"app": "x"}}, "spec": pod}
    # What is left is a pod, so it is checked as one.
    checked = {**deployment(), "spec": {"selector": {"matchLabels": {"app": "x"}}, "template": template}}
    kubernetes_validate.validate(checked, KUBERNETES_VERSION, strict=True)
    own, (theirs,) = pod["containers"][0], pod_of(deployment())["containers"]
    assert own["name"] == "kserve-container"
    for part in ("image", "env", "resources", "securityContext", "volumeMounts"):
        assert own[part] == theirs[part], part
    assert own["ports"][0]["containerPort"] == theirs["ports"][0]["containerPort"]
    assert pod["volumes"] == pod_of(deployment())["volumes"]


def test_kserves_probes_are_routes_that_need_no_key() -> None:
    paths = create_app(Settings(audit_url="")).openapi()["paths"]
    container = one_of("kserve.yaml")["spec"]["predictor"]["containers"][0]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        path = container[probe]["httpGet"]["path"]
        assert path in paths
        assert path.startswith("/v2/health/")


def test_keda_scales_the_deployment_by_metrics_that_exist() -> None:
    scaled = one_of("keda.yaml")
    assert (scaled["apiVersion"], scaled["kind"]) == ("keda.sh/v1alpha1", "ScaledObject")
    assert set(scaled["spec"]) == SCALED_OBJECT
    target = scaled["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", deployment()["metadata"]["name"])
    (trigger,) = scaled["spec"]["triggers"]
    assert set(trigger["metadata"]) == {"serverAddress", "query", "threshold"}
    assert used_names(trigger["metadata"]["query"]) <= exported_names()
    settings = {entry["name"]: entry.get("value") for entry in pod_of(deployment())["containers"][0]["env"]}
    places = int(settings["HTNET_WORKERS"]) * Settings(audit_url="").running_max
    assert 0 < float(trigger["metadata"]["threshold"]) < places


def test_long_requests_have_pods_of_the_same_kind() -> None:
    second, service, budget, ingress = documents(KUBERNETES / "options/long-requests.yaml")
    for document in (second, service, budget, ingress):
        kubernetes_validate.validate(document, KUBERNETES_VERSION, strict=True)
    own, theirs = pod_of(second), pod_of(deployment())
    name = second["metadata"]["labels"]["app.kubernetes.io/name"]
    for constraint in own.pop("topologySpreadConstraints"):
        assert constraint["labelSelector"]["matchLabels"] == {"app.kubernetes.io/name": name}
    theirs.pop("topologySpreadConstraints")
    assert own == theirs
    assert name != deployment()["metadata"]["labels"]["app.kubernetes.io/name"]
    labels = second["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    assert second["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert budget["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_long_requests_are_routes_of_the_service() -> None:
    _, service, _, ingress = documents(KUBERNETES / "options/long-requests.yaml")
    app = create_app(Settings(audit_url=""))
    templates = RouteTemplates(app.openapi()["paths"])
    for rule in ingress["spec"]["rules"]:
        for path in rule["http"]["paths"]:
            assert "post" in app.openapi()["paths"][templates.template_of(path["path"])]
            assert path["backend"]["service"]["name"] == service["metadata"]["name"]
    with TestClient(create_app(Settings(audit_url="", models_dir=ROOT / "models"))) as client:
        assert client.get("/v2/models/palsy-assess/ready").status_code == 200


def test_the_pod_monitor_and_the_network_policy_hold_for_every_pod_that_serves() -> None:
    (monitor,) = documents(KUBERNETES / "pod-monitor.yaml")
    policy = documents(KUBERNETES / "service.yaml")[-1]
    second = documents(KUBERNETES / "options/long-requests.yaml")[0]
    serving = [
        (document["spec"]["template"]["metadata"]["labels"], pod_of(document)["containers"][0]["ports"])
        for document in (deployment(), second)
    ]
    kserve = one_of("kserve.yaml")
    serving.append((kserve["metadata"]["labels"], kserve["spec"]["predictor"]["containers"][0]["ports"]))
    scraped = {endpoint["port"] for endpoint in monitor["spec"]["podMetricsEndpoints"]}
    (open_port,) = policy["spec"]["ingress"][0]["ports"]
    for labels, (port,) in serving:
        assert labels[monitor["spec"]["jobLabel"]] == "htnet"
        for selector in (monitor["spec"]["selector"], policy["spec"]["podSelector"]):
            assert selector["matchLabels"].items() <= labels.items()
        assert port["name"] in scraped
        assert port["containerPort"] == open_port["port"]
