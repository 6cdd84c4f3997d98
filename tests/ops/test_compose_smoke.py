"""`make compose-smoke`: the compose project is really built, started, used, broken and taken down.

Needs a Docker engine with docker-compose 1.29 or compose v2, and the base image (pulled, or a stand-in of the same
tag). Where the public Prometheus image cannot be pulled, one is built from Debian's package. Grafana is left out of the
run: its provisioning is checked as data (test_deployment_files.py).
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from tests.ops.live_service import GRADE, ROOT, free_port, metric_sum, write_figures

T = TypeVar("T")
pytestmark = pytest.mark.docker

PROJECT = "htnet-smoke"
PUBLIC_PROMETHEUS = "prom/prometheus:v2.53.4"
LOCAL_PROMETHEUS = "htnet-prometheus:debian"
IMAGE_LIMIT_BYTES = 900_000_000


def run(*command: str, check: bool = True, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=1200
    )
    assert not check or done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


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


class Project:
    def __init__(self) -> None:
        self.service_port, self.prometheus_port = free_port(), free_port()
        self.environment = {
            "COMPOSE_PROFILES": "cpu", "COMPOSE_PROJECT_NAME": PROJECT, "DOCKER_BUILDKIT": "0",
            "COMPOSE_DOCKER_CLI_BUILD": "0", "HTNET_PUBLISHED_PORT": str(self.service_port),
            "HTNET_PROMETHEUS_PORT": str(self.prometheus_port),
        }  # fmt: skip
        if (
            subprocess.run(["docker", "pull", "-q", PUBLIC_PROMETHEUS], capture_output=True, check=False).returncode
            != 0
        ):
            run(
                "docker",
                "build",
                "-q",
                "-t",
                LOCAL_PROMETHEUS,
                "-f",
                "docker/prometheus/Dockerfile",
                "docker/prometheus",
            )
            self.environment["HTNET_PROMETHEUS_IMAGE"] = LOCAL_PROMETHEUS

    def compose(self, *arguments: str) -> str:
        return run(*compose_command(), *arguments, **self.environment)

    def container(self, service: str) -> str:
        return self.compose("ps", "-q", service).strip().splitlines()[0]

    def prometheus(self, query: str) -> float | None:
        answer = httpx.get(f"http://127.0.0.1:{self.prometheus_port}/api/v1/query", params={"query": query})
        return float(answer.json()["data"]["result"][0]["value"][1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.service_port}"


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    project = Project()
    project.compose("build", "service")
    try:
        project.compose("up", "-d", "service", "prometheus")
        yield project
    finally:
        project.compose("down", "-v", "--timeout", "30")


def ready(project: Project) -> bool | None:
    return True if httpx.get(project.url + "/readyz", timeout=2).status_code == 200 else None


@pytest.mark.usefixtures("project")
def test_image_is_small_and_has_no_torch_and_no_compiler() -> None:
    size = int(run("docker", "image", "inspect", "htnet-clinical:cpu", "--format", "{{.Size}}"))
    assert size < IMAGE_LIMIT_BYTES
    found = run(
        "docker", "run", "--rm", "--entrypoint", "sh", "htnet-clinical:cpu", "-c",
        "id -u; ls /opt/htnet/lib/python3.11/site-packages | grep -ixE 'torch|pip' ; command -v gcc cc pip pip3; true",
    ).split()  # fmt: skip
    assert found == ["10001"]
    write_figures("compose-image", {"image_bytes": size, "limit_bytes": IMAGE_LIMIT_BYTES})


def test_container_is_confined(project: Project) -> None:
    wait_for("ready", lambda: ready(project), 300)
    details = json.loads(run("docker", "inspect", project.container("service")))[0]
    assert details["HostConfig"]["ReadonlyRootfs"] is True
    assert details["HostConfig"]["CapDrop"] == ["ALL"]
    assert details["Config"]["User"] == "10001:10001"
    status = run("docker", "exec", project.container("service"), "python", "-c", "print(open('/proc/1/status').read())")
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status


def test_photograph_is_graded_and_prometheus_sees_it(project: Project, astronaut_jpeg: bytes) -> None:
    wait_for("ready", lambda: ready(project), 300)
    wait_for("target up", lambda: project.prometheus('up{job="htnet"} == 1'), 60)
    for _ in range(3):
        answer = httpx.post(project.url + GRADE, files={"image": astronaut_jpeg}, timeout=60)
        assert answer.status_code == 200, answer.text
        assert answer.json()["grade"]["house_brackmann"] in ("I", "II", "III", "IV", "V", "VI")
    assert metric_sum(httpx.get(project.url + "/metrics").text, "htnet_answers_total", task="palsy") == 3
    wait_for("counter in Prometheus", lambda: project.prometheus('sum(htnet_answers_total{task="palsy"}) == 3'), 60)
    rules = httpx.get(f"http://127.0.0.1:{project.prometheus_port}/api/v1/rules").json()["data"]["groups"]
    assert all(rule["health"] in ("ok", "unknown") for group in rules for rule in group["rules"])


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
    wait_for(
        "restarted",
        lambda: True if run("docker", "inspect", "-f", "{{.State.StartedAt}}", container) != before else None,
        60,
    )
    wait_for("ready again", lambda: ready(project), 300)
    assert httpx.post(project.url + GRADE, files={"image": astronaut_jpeg}, timeout=60).status_code == 200


def test_audit_survives_and_stop_is_graceful(project: Project) -> None:
    container = project.container("service")
    count = "sqlite3.connect('/var/lib/htnet/audit.sqlite').execute('select count(*) from analysis').fetchone()[0]"
    script = f"import sqlite3; print({count})"
    assert int(run("docker", "exec", container, "python", "-c", script)) == 4
    started = time.monotonic()
    run("docker", "stop", "--time", "30", container)
    assert time.monotonic() - started < 20
    assert run("docker", "inspect", "-f", "{{.State.ExitCode}}", container).strip() in ("0", "143")


def test_rules_pass_promtool() -> None:
    folder = str(Path(ROOT) / "docker" / "prometheus")
    promtool = shutil.which("promtool")
    if promtool is not None:
        print(run(promtool, "check", "config", f"{folder}/prometheus.yml"))
        return
    run("docker", "build", "-q", "-t", LOCAL_PROMETHEUS, "-f", "docker/prometheus/Dockerfile", "docker/prometheus")
    mounts = ["-v", f"{folder}:/etc/prometheus:ro", "--entrypoint", "promtool"]
    print(run("docker", "run", "--rm", *mounts, LOCAL_PROMETHEUS, "check", "config", "/etc/prometheus/prometheus.yml"))
