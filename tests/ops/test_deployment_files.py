"""Compose, Prometheus, Grafana and Kubernetes files, checked as data (no engine needed)."""

import json
import re
import runpy
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from face.version import VERSION
from service.api.routes import microexpression_clip
from service.config import Settings
from service.memory_shares import DECODING_SHARE, UPLOADS_SHARE, WORKER_BYTES
from service.observability.metrics import Metrics
from service.setting_faults import COMPOSE_NAMES, known_names

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES_VERSION = "1.31"


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document is not None]


class StrictLoader(yaml.SafeLoader):
    """A key that stands twice is an error, as it is to compose v2 and to Kubernetes; PyYAML takes the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value]
        if len(set(names)) < len(names):
            raise yaml.constructor.ConstructorError(
                None, None, f"a key stands twice in {sorted(names)}", node.start_mark
            )
        return super().construct_mapping(node, deep)


@pytest.mark.parametrize(
    "path", [ROOT / "docker-compose.yml", *sorted((ROOT / "docker").rglob("*.y*ml"))], ids=lambda path: path.name
)
def test_no_key_stands_twice(path: Path) -> None:
    list(yaml.load_all(path.read_text(), StrictLoader))


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


def test_the_dashboard_is_what_grafanas_own_schema_knows() -> None:
    """Read and written by Grafana's types: a field that they do not know is one that Grafana ignores."""
    reason = "the Grafana Foundation SDK is not installed: pip install 'grafana-foundation-sdk==1769699998!10.1.0'"
    dashboard = pytest.importorskip("grafana_foundation_sdk.models.dashboard", reason=reason)
    encoder = pytest.importorskip("grafana_foundation_sdk.cog.encoder", reason=reason)
    pytest.importorskip("grafana_foundation_sdk.cog.plugins", reason=reason).register_default_plugins()
    ours = json.loads((ROOT / "docker/grafana/dashboards/htnet.json").read_text())
    theirs = json.loads(encoder.JSONEncoder().encode(dashboard.Dashboard.from_json(ours)))
    assert missing_from(theirs, ours) == []


def missing_from(theirs: Any, ours: Any, path: str = "") -> list[str]:
    """Where a value of `ours` is not in `theirs`, which may have more."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [place for key in ours for place in missing_from(theirs.get(key), ours[key], f"{path}/{key}")]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [place for number, pair in enumerate(zip(theirs, ours, strict=True))
                for place in missing_from(*pair, f"{path}/{number}")]  # fmt: skip
    return [] if ours == theirs else [path]


def test_dashboard_is_mounted_where_the_provider_looks() -> None:
    (compose,) = documents(ROOT / "docker-compose.yml")
    (provider,) = documents(ROOT / "docker/grafana/provisioning/dashboards/htnet.yml")
    folder = provider["providers"][0]["options"]["path"]
    assert f"./docker/grafana/dashboards:{folder}:ro" in compose["services"]["grafana"]["volumes"]


@pytest.mark.parametrize("name", ["service", "service-gpu"])
def test_compose_passes_every_setting_and_names_no_other(name: str) -> None:
    """A setting that does not reach the container is a protection that is off without a word."""
    (compose,) = documents(ROOT / "docker-compose.yml")
    environment = compose["services"][name]["environment"]
    assert set(environment) == known_names() - {"HTNET_MODELS_DIR"}
    own = {"HTNET_HOST", "HTNET_PORT", *(["HTNET_PROVIDER"] if name == "service-gpu" else [])}
    for setting, value in environment.items():
        assert setting in own or value is None or str(value).startswith(f"${{{setting}"), setting
    # Left to the service: whether keys are needed follows from the address.
    assert environment["HTNET_ALLOW_ANONYMOUS"] is None
    assert environment["HTNET_BIND_ADDRESS"] == "${HTNET_BIND_ADDRESS:-127.0.0.1}"


def test_what_the_compose_file_reads_is_a_setting_or_allowed_to_stand_beside_them() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    assert set(re.findall(r"\$\{(HTNET_[A-Z_]+)", text)) <= known_names() | COMPOSE_NAMES
    assert set(re.findall(r"HTNET_[A-Z_]+", text)) <= known_names() | COMPOSE_NAMES


def test_the_health_check_is_the_services_own() -> None:
    text = (ROOT / "docker/Dockerfile").read_text()
    assert 'CMD ["python", "-m", "service.server.health"]' in text


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


def test_what_prometheus_wants_with_tls_and_keys_is_ready_to_be_switched_on() -> None:
    text = (ROOT / "docker/prometheus/prometheus.yml").read_text()
    (config,) = yaml.safe_load_all(re.sub(r"^    # (\w+: \S.*)$", r"    \1", text, flags=re.MULTILINE))
    scrape = config["scrape_configs"][0]
    assert (scrape["scheme"], set(scrape["tls_config"])) == ("https", {"insecure_skip_verify"})
    assert set(scrape["authorization"]) == {"credentials"}


def test_kubernetes_manifests_are_valid() -> None:
    manifests = documents(ROOT / "docker/kubernetes/service.yaml")
    kinds = ["Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy"]
    assert [manifest["kind"] for manifest in manifests] == kinds
    for manifest in manifests + documents(ROOT / "docker/kubernetes/ingress.yaml"):
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
    assert set(monitor["spec"]) == {"jobLabel", "selector", "podMetricsEndpoints"}
    # The rules ask for this job, in a cluster as in compose.
    assert template["metadata"]["labels"][monitor["spec"]["jobLabel"]] == "htnet"
    assert monitor["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
    endpoints = monitor["spec"]["podMetricsEndpoints"]
    assert all(set(endpoint) == {"port", "path", "interval"} for endpoint in endpoints)
    assert {port["name"] for port in template["spec"]["containers"][0]["ports"]} & {one["port"] for one in endpoints}


def test_deployment_leaves_time_to_stop() -> None:
    deployment = documents(ROOT / "docker/kubernetes/service.yaml")[0]
    spec = deployment["spec"]["template"]["spec"]
    settings = {entry["name"]: entry.get("value") for entry in spec["containers"][0]["env"]}
    stop_s = Settings.model_fields["stop_timeout_s"].default
    assert stop_s >= Settings.model_fields["clip_timeout_s"].default
    assert spec["terminationGracePeriodSeconds"] >= float(settings["HTNET_DRAIN_S"]) + stop_s + 10
    assert spec["containers"][0]["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert spec["containers"][0]["livenessProbe"]["httpGet"]["path"] == "/livez"


def test_the_proxies_leave_time_and_room_for_the_longest_request_and_the_largest_body() -> None:
    settings = Settings(audit_url="")
    longest_s = settings.clip_timeout_s + settings.clips_queue_wait_s + settings.queue_wait_s
    largest = max(settings.clip_max_bytes, settings.assess_max_bytes, microexpression_clip.MAX_BYTES)
    nginx = (ROOT / "docker/nginx/htnet.conf").read_text()
    directives = dict(re.findall(r"^\s*(\w+) ([^;{]+);", nginx, re.MULTILINE))
    limits = [(directives["client_max_body_size"], f"{directives['proxy_read_timeout']}")]
    for path in ("ingress.yaml", "options/long-requests.yaml"):
        ingress = documents(ROOT / "docker/kubernetes" / path)[-1]
        notes = {name.rpartition("/")[2]: value for name, value in ingress["metadata"]["annotations"].items()}
        assert notes["proxy-request-buffering"] == directives["proxy_request_buffering"] == "off"
        limits.append((notes["proxy-body-size"], f"{notes['proxy-read-timeout']}s"))
    for body, time in limits:
        assert int(body.removesuffix("m")) * 2**20 > largest
        assert int(time.removesuffix("s")) > longest_s


def test_no_proxy_keeps_a_connection_longer_than_the_service() -> None:
    """It would send a request into one that is just closing, which ends in a 502 that nobody may repeat."""
    settings = Settings(audit_url="")
    nginx = (ROOT / "docker/nginx/htnet.conf").read_text()
    (kept_s,) = re.findall(r"keepalive_timeout (\d+)s;", nginx)
    assert int(kept_s) < settings.keep_alive_s
    container = documents(ROOT / "docker/kubernetes/service.yaml")[0]["spec"]["template"]["spec"]["containers"][0]
    pod = {entry["name"]: entry.get("value") for entry in container["env"]}
    # upstream-keepalive-timeout of ingress-nginx, by default.
    assert float(pod["HTNET_KEEP_ALIVE_S"]) > 60


def test_probes_take_no_pod_out_for_one_slow_answer() -> None:
    spec = documents(ROOT / "docker/kubernetes/service.yaml")[0]["spec"]["template"]["spec"]
    assert spec["enableServiceLinks"] is False
    container = spec["containers"][0]
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        probe = container[name]
        assert probe["timeoutSeconds"] >= 5
        assert probe["failureThreshold"] >= 3
    assert container["startupProbe"]["periodSeconds"] * container["startupProbe"]["failureThreshold"] >= 120


def test_the_memory_of_a_pod_holds_its_workers_beside_what_they_reserve() -> None:
    container = documents(ROOT / "docker/kubernetes/service.yaml")[0]["spec"]["template"]["spec"]["containers"][0]
    limit = int(container["resources"]["limits"]["memory"].removesuffix("Gi")) * 2**30
    workers = int(next(entry["value"] for entry in container["env"] if entry["name"] == "HTNET_WORKERS"))
    assert workers * WORKER_BYTES <= limit * (1 - DECODING_SHARE - 2 * UPLOADS_SHARE)
    (compose,) = documents(ROOT / "docker-compose.yml")
    assert compose["services"]["service"]["mem_limit"] == "${HTNET_MEMORY_LIMIT:-3g}"


def test_the_operators_rules_are_those_that_promtool_tests() -> None:
    path = ROOT / "docker/kubernetes/prometheus-rule.yaml"
    script = runpy.run_path(str(ROOT / "docker/kubernetes/make_prometheus_rule.py"))
    assert path.read_text() == script["prometheus_rule"]()
    (rule,) = documents(path)
    (rules,) = documents(ROOT / "docker/prometheus/alerts.yml")
    assert (rule["kind"], rule["spec"]) == ("PrometheusRule", rules)


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
