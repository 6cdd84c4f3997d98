"""`make compose-smoke`: the compose project is really built, started, used, broken and taken down.

Needs a Docker engine with docker-compose 1.29 or compose v2, and the base image (pulled, or a stand-in of the same
tag). Where the public Prometheus image cannot be pulled, one is built from Debian's package. Grafana is left out of the
run: its provisioning is checked as data (test_deployment_files.py).
"""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import httpx
import pytest
import yaml

from service.security.api_keys import new_key
from tests.ops.live_service import GRADE, ROOT, free_port, metric_sum, write_figures

T = TypeVar("T")
pytestmark = pytest.mark.docker

PROJECT = "htnet-smoke"
PUBLIC_PROMETHEUS = "prom/prometheus:v2.53.4"
LOCAL_PROMETHEUS = "htnet-prometheus:debian"
IMAGE_LIMIT_BYTES = 900_000_000


def run(*command: str, check: bool = True, both: bool = False, stdin: str = "", **environment: str) -> str:
    """Standard output of a command (with standard error if ``both``)."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | environment,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )
    assert not check or done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr if both else done.stdout


def compose_command() -> list[str]:
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    pytest.fail("neither `docker compose` nor docker-compose is installed")


def wait_for(what: str, probe: Callable[[], T | None], within_s: float) -> T:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            value = probe()
        except (httpx.TransportError, KeyError, IndexError):
            value = None
        if value is not None:
            return value
        time.sleep(0.5)
    pytest.fail(f"{what}: not within {within_s} s")


def build_prometheus() -> None:
    run("docker", "build", "-q", "-t", LOCAL_PROMETHEUS, "-f", "docker/prometheus/Dockerfile", "docker/prometheus")


class Project:
    def __init__(self, **settings: str) -> None:
        """settings: what an operator sets in the shell, HTNET_... in lower case."""
        self.service_port, self.prometheus_port = free_port(), free_port()
        self.figures: dict[str, object] = {}
        self.environment = {
            "COMPOSE_PROFILES": "cpu", "COMPOSE_PROJECT_NAME": PROJECT, "DOCKER_BUILDKIT": "0",
            "COMPOSE_DOCKER_CLI_BUILD": "0", "HTNET_PUBLISHED_PORT": str(self.service_port),
            "HTNET_PROMETHEUS_PORT": str(self.prometheus_port),
            **{f"HTNET_{name.upper()}": value for name, value in settings.items()},
        }  # fmt: skip
        pull = ["docker", "pull", "-q", PUBLIC_PROMETHEUS]
        if subprocess.run(pull, capture_output=True, check=False).returncode != 0:
            build_prometheus()
            self.environment["HTNET_PROMETHEUS_IMAGE"] = LOCAL_PROMETHEUS

    def timed(self, name: str, action: Callable[[], object]) -> None:
        """Keep how long ``action`` took among the figures."""
        started = time.monotonic()
        action()
        self.figures[f"{name}_s"] = round(time.monotonic() - started, 1)

    def compose(self, *arguments: str) -> str:
        return run(*compose_command(), *arguments, **self.environment)

    def container(self, service: str) -> str:
        return self.compose("ps", "-q", service).strip().splitlines()[0]

    def ask_prometheus(self, query: str) -> list[dict[str, Any]]:
        """The series of an expression. KeyError if Prometheus does not understand it."""
        answer = httpx.get(f"http://127.0.0.1:{self.prometheus_port}/api/v1/query", params={"query": query})
        series: list[dict[str, Any]] = answer.json()["data"]["result"]
        return series

    def value(self, query: str) -> float:
        return float(self.ask_prometheus(query)[0]["value"][1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.service_port}"


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    project = Project()
    project.timed("build", lambda: project.compose("build", "service"))
    try:
        project.timed("up", lambda: project.compose("up", "-d", "service", "prometheus"))
        project.timed("ready", lambda: wait_for("ready", lambda: ready(project), 300))
        yield project
    finally:
        project.timed("down", lambda: project.compose("down", "-v", "--timeout", "30"))
        write_figures("compose", project.figures)


def ready(project: Project) -> bool | None:
    return True if httpx.get(project.url + "/readyz", timeout=2).status_code == 200 else None


def test_image_is_small_and_has_no_torch_and_no_compiler(project: Project) -> None:
    size = int(run("docker", "image", "inspect", "htnet-clinical:cpu", "--format", "{{.Size}}"))
    assert size < IMAGE_LIMIT_BYTES
    found = run(
        "docker", "run", "--rm", "--entrypoint", "sh", "htnet-clinical:cpu", "-c",
        "id -u; ls /opt/htnet/lib/python3.11/site-packages | grep -ixE 'torch|pip' ; command -v gcc cc pip pip3; true",
    ).split()  # fmt: skip
    assert found == ["10001"]
    project.figures |= {"image_bytes": size, "image_limit_bytes": IMAGE_LIMIT_BYTES}


def test_container_is_confined(project: Project) -> None:
    details = json.loads(run("docker", "inspect", project.container("service")))[0]
    assert details["HostConfig"]["ReadonlyRootfs"] is True
    assert details["HostConfig"]["CapDrop"] == ["ALL"]
    assert details["Config"]["User"] == "10001:10001"
    status = run("docker", "exec", project.container("service"), "python", "-c", "print(open('/proc/1/status').read())")
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status


def test_photograph_is_graded_and_prometheus_sees_it(project: Project, astronaut_jpeg: bytes) -> None:
    wait_for("target up", lambda: project.value('up{job="htnet"} == 1'), 60)
    for _ in range(3):
        answer = httpx.post(project.url + GRADE, files={"image": astronaut_jpeg}, timeout=60)
        assert answer.status_code == 200, answer.text
        assert answer.json()["grade"]["house_brackmann"] in ("I", "II", "III", "IV", "V", "VI")
    assert metric_sum(httpx.get(project.url + "/metrics").text, "htnet_answers_total", task="palsy") == 3
    wait_for("counter in Prometheus", lambda: project.value('sum(htnet_answers_total{task="palsy"}) == 3'), 60)
    rules = httpx.get(f"http://127.0.0.1:{project.prometheus_port}/api/v1/rules").json()["data"]["groups"]
    assert all(rule["health"] in ("ok", "unknown") for group in rules for rule in group["rules"])


def expressions() -> list[str]:
    """Every expression of the dashboard and of the alert rules."""
    dashboard = json.loads((ROOT / "docker/grafana/dashboards/htnet.json").read_text())
    rules = yaml.safe_load((ROOT / "docker/prometheus/alerts.yml").read_text())
    panels = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    return panels + [rule["expr"] for group in rules["groups"] for rule in group["rules"]]


def test_prometheus_answers_every_expression_of_dashboard_and_alerts(project: Project) -> None:
    """In place of a Grafana that cannot be pulled: its queries are asked where it would ask them."""
    # A comparison is empty while all is well; what it compares must be there, unless it never counted.
    never_counted = ("htnet_rejected_total", "htnet_refusals_total", 'status=~"500|502|504"')
    wanted = [
        re.split(r" (?:==|[<>]) ", expression)[0]
        for expression in expressions()
        if not expression.startswith("absent(") and not any(name in expression for name in never_counted)
    ]
    for expression in expressions():
        assert isinstance(project.ask_prometheus(expression), list)

    def all_there() -> bool | None:
        return True if all(project.ask_prometheus(expression) for expression in wanted) else None

    # A rate needs two scrapes of a series, and some are a moment old.
    wait_for("a value for every expression", all_there, 60)
    project.figures["expressions_asked"] = len(expressions())


def test_metrics_pass_promtool(project: Project) -> None:
    """Names, units and types by Prometheus' own rules."""
    build_prometheus()
    promtool = ["docker", "run", "--rm", "-i", "--entrypoint", "promtool", LOCAL_PROMETHEUS]
    said = run(*promtool, "check", "metrics", both=True, stdin=httpx.get(project.url + "/metrics").text)
    assert said.strip() == ""


def test_log_is_json_alone(project: Project) -> None:
    """No library writes beside our log, and none complains that it cannot keep or send something."""
    lines = run("docker", "logs", project.container("service"), both=True).splitlines()
    assert lines
    assert [line for line in lines if not line.startswith("{")] == []
    assert not any("elemetry" in line or "googleapis" in line for line in lines)


def test_health_check_is_healthy(project: Project) -> None:
    def healthy() -> bool | None:
        state = run("docker", "inspect", "-f", "{{.State.Health.Status}}", project.container("service")).strip()
        return True if state == "healthy" else None

    wait_for("healthy", healthy, 240)


def test_killed_container_comes_back(project: Project, astronaut_jpeg: bytes) -> None:
    container = project.container("service")
    before = run("docker", "inspect", "-f", "{{.State.StartedAt}}", container)
    # From inside, as a crash would be: `docker kill` counts as a wish of the operator and is not restarted.
    pid = run("docker", "inspect", "-f", "{{.State.Pid}}", container).strip()
    run("kill", "-9", pid)

    def restarted() -> bool | None:
        return True if run("docker", "inspect", "-f", "{{.State.StartedAt}}", container) != before else None

    wait_for("restarted", restarted, 60)
    project.timed("ready_after_kill", lambda: wait_for("ready again", lambda: ready(project), 300))
    assert httpx.post(project.url + GRADE, files={"image": astronaut_jpeg}, timeout=60).status_code == 200


def test_audit_survives_and_stop_is_graceful(project: Project) -> None:
    container = project.container("service")
    count = "sqlite3.connect('/var/lib/htnet/audit.sqlite').execute('select count(*) from analysis').fetchone()[0]"
    script = f"import sqlite3; print({count})"
    assert int(run("docker", "exec", container, "python", "-c", script)) == 4
    project.timed("stop", lambda: run("docker", "stop", "--time", "30", container))
    assert float(str(project.figures["stop_s"])) < 20
    assert run("docker", "inspect", "-f", "{{.State.ExitCode}}", container).strip() in ("0", "143")


def test_rules_pass_promtool() -> None:
    """The syntax of the rules, and that they fire when they should (docker/prometheus/alerts_test.yml)."""
    build_prometheus()
    for check in (("check", "config", "prometheus.yml"), ("test", "rules", "alerts_test.yml")):
        mounts = ["-v", f"{ROOT}/docker/prometheus:/etc/prometheus:ro", "-w", "/etc/prometheus"]
        print(run("docker", "run", "--rm", *mounts, "--entrypoint", "promtool", LOCAL_PROMETHEUS, *check))


@pytest.fixture
def key_file() -> Iterator[tuple[str, str]]:
    """(the key, its file inside the container), beside those of the operator."""
    secret, line = new_key("smoke", "admin")
    path = ROOT / "docker/keys" / f"smoke-{os.getpid()}"
    path.write_text(line + "\n", encoding="utf-8")
    yield secret, f"/run/htnet/{path.name}"
    path.unlink()


def test_an_address_of_others_wants_keys_and_gets_them(key_file: tuple[str, str], astronaut_jpeg: bytes) -> None:
    """What the head of the compose file says, done: first without keys, then with."""
    without = Project(bind_address="0.0.0.0", workers="1")  # noqa: S104
    try:
        without.compose("up", "-d", "service")
        container = without.container("service")

        def refused() -> str | None:
            said = run("docker", "logs", container, both=True)
            return said if "HTNET_BIND_ADDRESS=0.0.0.0 can be reached" in said else None

        said = wait_for("a refusal", refused, 120)
        assert set(said.splitlines()) == {said.splitlines()[0]}
        assert run("docker", "inspect", "-f", "{{.State.ExitCode}}", container).strip() in ("3", "0")
    finally:
        without.compose("down", "-v", "--timeout", "5")
    secret, file = key_file
    keyed = Project(bind_address="0.0.0.0", workers="1", api_keys_file=file, image_max_bytes="300000")  # noqa: S104
    try:
        keyed.compose("up", "-d", "service")
        wait_for("ready", lambda: ready(keyed), 300)
        assert httpx.get(keyed.url + "/v1/models").status_code == 401
        assert httpx.post(keyed.url + GRADE, files={"image": astronaut_jpeg}, timeout=60).status_code == 401
        headers = {"x-api-key": secret}
        answer = httpx.post(keyed.url + GRADE, files={"image": astronaut_jpeg}, headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text
        large = httpx.post(keyed.url + GRADE, files={"image": bytes(500_000)}, headers=headers, timeout=60)
        assert large.status_code == 413
        container = keyed.container("service")
        run("docker", "exec", container, "python", "-m", "service.server.health")
        assert "1 records" in run("docker", "exec", container, "python", "-m", "service.audit", "verify")
        limit = int(run("docker", "inspect", "-f", "{{.HostConfig.Memory}}", container))
        shown = metric_sum(httpx.get(keyed.url + "/metrics").text, "htnet_memory_limit_bytes")
        assert shown == limit == 3 * 2**30
    finally:
        keyed.compose("down", "-v", "--timeout", "5")


@pytest.mark.usefixtures("project")
def test_a_random_user_of_group_0_can_keep_the_audit() -> None:
    """As OpenShift runs images; and one without that group is told who it is and what to do."""
    volume = "htnet-smoke-random"
    run("docker", "volume", "create", volume)
    command = ["docker", "run", "--rm", "--read-only", "-v", f"{volume}:/var/lib/htnet", "--entrypoint", "python"]
    migrate = ["htnet-clinical:cpu", "-m", "service.audit", "migrate"]
    try:
        assert "up to date" in run(*command, "--user", "1234567:0", *migrate, both=True)
        said = run(*command, "--user", "1234567:1234567", *migrate, both=True, check=False)
        assert "uid 1234567, gid 1234567" in said
        assert said.count("\n") == 1
    finally:
        run("docker", "volume", "rm", "-f", volume)
