"""The real service as a process of its own, and what talks to it over a socket."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil

from face.landmarks.model_file import find_landmark_model

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ROOT / "docs" / "research" / "operations"
GRADE = "/v1/palsy/grade"
ASSESS = "/v1/palsy/assess"
EMOTION = "/v1/microexpression/classify"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class LiveService:
    process: subprocess.Popen[bytes]
    port: int
    log: Path
    tls: ssl.SSLContext | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def get(self, path: str, **options: Any) -> httpx.Response:
        """One request on a connection of its own."""
        return httpx.get(self.url + path, verify=self.tls or True, **options)

    def workers(self) -> list[psutil.Process]:
        """The processes that serve: the children of the supervisor, or the one process itself."""
        parent = psutil.Process(self.process.pid)
        children = []
        for child in parent.children():
            try:
                if "spawn_main" in " ".join(child.cmdline()) and child.status() != psutil.STATUS_ZOMBIE:
                    children.append(child)
            except psutil.NoSuchProcess:
                continue
        return children or [parent]

    def resident_bytes(self) -> int:
        return sum(worker.memory_info().rss for worker in self.workers())

    def log_lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def log_line_of(self, request_id: str, *, within_s: float = 5.0) -> dict[str, Any]:
        """The one line of a request, which is written when its answer has already left."""
        deadline = time.monotonic() + within_s
        while True:
            lines = [line for line in self.log_lines() if line.get("request_id") == request_id]
            if lines or time.monotonic() > deadline:
                (line,) = lines
                return line
            time.sleep(0.02)


@contextmanager
def live_service(
    folder: Path,
    models: Path,
    *,
    checkout: Path = ROOT,
    cpus: str | None = None,
    within: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
    ready_within_s: float = 180.0,
    **settings: object,
) -> Iterator[LiveService]:
    """Start ``python -m service`` of a checkout and wait until it is ready. settings: HTNET_... in lower case; tls: how
    to ask. within: a command that becomes the one given as its last arguments; environment: beside the settings."""
    port = free_port()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HTNET_")}
    values: dict[str, object] = {
        "port": port, "models_dir": models, "audit_url": f"sqlite:///{folder}/audit.sqlite", **settings,
    }  # fmt: skip
    set_here = {f"HTNET_{name.upper()}": str(value) for name, value in values.items()}
    log = folder / f"service-{port}.log"
    pin = ["taskset", "-c", cpus] if cpus is not None else []
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*pin, *within, sys.executable, "-m", "service"],
            cwd=checkout,
            env={**inherited, **set_here, **(environment or {})},
            stdout=file,
            stderr=file,
        )
        service = LiveService(process=process, port=port, log=log, tls=tls)
        try:
            wait_until_ready(service, ready_within_s)
            wait_for_workers(service, int(str(values.get("workers", 1))), ready_within_s)
            yield service
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


@contextmanager
def shipped_service(checkout: Path, **settings: object) -> Iterator[LiveService]:
    """`live_service` of a checkout with its own shipped models and no audit, for comparing two checkouts."""
    # An old checkout looks for the landmark model in a package.
    asked = {"audit_url": "", "landmark_model": find_landmark_model(), **settings}
    with (
        tempfile.TemporaryDirectory() as folder,
        live_service(Path(folder), Path("models"), checkout=checkout, **asked) as service,
    ):
        yield service


def wait_until_ready(service: LiveService, within_s: float = 60.0) -> float:
    """Seconds until ``/readyz`` said 200."""
    started = time.monotonic()
    while time.monotonic() - started < within_s:
        if service.process.poll() is not None:
            raise AssertionError(f"the service ended with {service.process.returncode}:\n{service.log.read_text()}")
        try:
            if service.get("/readyz", timeout=1.0).status_code == 200:
                return time.monotonic() - started
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"not ready after {within_s} s:\n{service.log.read_text()}")


def wait_for_workers(service: LiveService, workers: int, within_s: float = 60.0) -> float:
    """Seconds until so many workers serve."""
    started = time.monotonic()
    while time.monotonic() - started < within_s:
        with contextlib.suppress(httpx.TransportError):
            if metric_sum(service.get("/metrics", timeout=5.0).text, "htnet_workers") == workers:
                return time.monotonic() - started
        time.sleep(0.1)
    raise AssertionError(f"{workers} workers do not serve after {within_s} s:\n{service.log.read_text()}")


def metric_sum(text: str, name: str, **labels: str) -> float:
    """Sum of all samples of ``name`` whose labels include ``labels``."""
    total = 0.0
    for line in text.splitlines():
        if line.split("{")[0].split(" ")[0] == name and all(
            f'{key}="{value}"' in line for key, value in labels.items()
        ):
            total += float(line.rsplit(" ", 1)[1])
    return total


def figures_are_kept() -> bool:
    """Whether a proof writes its figures into the repository (HTNET_WRITE_FIGURES=1)."""
    return os.environ.get("HTNET_WRITE_FIGURES") == "1"


def write_figures(name: str, figures: dict[str, object]) -> None:
    """Figures of a proof: printed, and kept in docs/research/operations/ where HTNET_WRITE_FIGURES says so."""
    load = os.getloadavg()[0]
    stamped = {"measured": datetime.now(tz=UTC).isoformat(timespec="seconds"), "load_average_1min": load, **figures}
    text = json.dumps(stamped, indent=2)
    print(text)
    if figures_are_kept():
        FIGURES.mkdir(parents=True, exist_ok=True)
        (FIGURES / f"{name}.json").write_text(text + "\n", encoding="utf-8")
