"""Prometheus metrics of the service, right with several workers.

Names follow the Prometheus conventions (base units, ``_total`` for counters) with the prefix ``htnet_``; every label
has a small fixed set of values. With ``PROMETHEUS_MULTIPROC_DIR`` set (``python -m service`` does it for more than one
worker) each worker writes its figures to files in that folder and any worker can answer a scrape for all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from service.observability.memory import memory_limit_bytes
from service.observability.multiprocess import MULTIPROCESS_DIRECTORY, read_all, reading

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

LATENCY_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0)
STAGE_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0, 2.0)
PROBABILITY_BUCKETS = tuple(step / 10 for step in range(1, 11))
FACE_WIDTH_BUCKETS_PX = (60, 80, 100, 150, 200, 300, 400, 600, 800, 1200, 2000)
ANGLE_BUCKETS_DEG = (-40, -30, -20, -15, -10, -5, 0, 5, 10, 15, 20, 30, 40)
SHARPNESS_BUCKETS = (1, 3, 10, 30, 100, 300, 1000, 3000)

Rejection = Literal[
    "queue-full", "queue-wait", "uploads-full", "rate-limit", "unauthorized", "forbidden", "too-large", "slow-body",
    "time-limit", "disconnected", "memory", "connections", "slow-head", "large-head", "bad-head",
]  # fmt: skip

QUALITY_ANGLES = ("yaw_deg", "pitch_deg", "roll_deg")


class Metrics:
    """All metrics of one worker, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.requests = Counter(
            "htnet_http_requests_total", "HTTP requests by route, method and status.",
            ["route", "method", "status"], registry=registry,
        )  # fmt: skip
        self.request_seconds = Histogram(
            "htnet_http_request_duration_seconds", "From the request's head to the end of the answer, by route.",
            ["route"], buckets=LATENCY_BUCKETS_S, registry=registry,
        )  # fmt: skip
        self.stage_seconds = Histogram(
            "htnet_stage_duration_seconds", "Duration of the stages of an analysis.",
            ["task", "stage"], buckets=STAGE_BUCKETS_S, registry=registry,
        )  # fmt: skip
        self.in_flight = Gauge(
            "htnet_analyses_in_flight", "Analyses that run now.", registry=registry, multiprocess_mode="livesum"
        )
        self.queued = Gauge(
            "htnet_analyses_queued", "Analyses that wait for a place.", registry=registry, multiprocess_mode="livesum"
        )
        self.uploads = Gauge(
            "htnet_uploads_in_flight", "Bodies that are being read.", registry=registry, multiprocess_mode="livesum"
        )
        self.queue_seconds = Histogram(
            "htnet_queue_wait_seconds", "Time that an analysis waited for a place.",
            buckets=STAGE_BUCKETS_S, registry=registry,
        )  # fmt: skip
        self.rejected = Counter(
            "htnet_rejected_total", "Requests refused before their analysis, by reason.", ["reason"], registry=registry
        )
        self.answers = Counter(
            "htnet_answers_total", "Answers by task and label (House-Brackmann grade or emotion).",
            ["task", "label"], registry=registry,
        )  # fmt: skip
        self.refusals = Counter(
            "htnet_refusals_total", "Photographs that could not be analysed, by task and reason.",
            ["task", "reason"], registry=registry,
        )  # fmt: skip
        self.session_pictures = Counter(
            "htnet_session_pictures_total", "Pictures of examinations, by what became of them.", ["status"],
            registry=registry,
        )  # fmt: skip
        self.probability = Histogram(
            "htnet_answer_probability", "Probability of the answered label (a shift tells of drift).",
            ["task"], buckets=PROBABILITY_BUCKETS, registry=registry,
        )  # fmt: skip
        self.face_width = Histogram(
            "htnet_face_width_pixels", "Width of the analysed face.", ["task"],
            buckets=FACE_WIDTH_BUCKETS_PX, registry=registry,
        )  # fmt: skip
        self.face_angle = Histogram(
            "htnet_face_angle_degrees", "Yaw, pitch and roll of the analysed face.", ["task", "axis"],
            buckets=ANGLE_BUCKETS_DEG, registry=registry,
        )  # fmt: skip
        self.sharpness = Histogram(
            "htnet_face_sharpness", "Sharpness figure of the analysed face.", ["task"],
            buckets=SHARPNESS_BUCKETS, registry=registry,
        )  # fmt: skip
        self.model_info = Gauge(
            "htnet_model_info", "1 for each model that is loaded.", ["task", "name", "version", "sha256"],
            registry=registry, multiprocess_mode="livemax",
        )  # fmt: skip
        self.models_left_out = Gauge(
            "htnet_models_left_out", "Bundles that cannot be served and were left out (HTNET_BROKEN_MODELS).",
            registry=registry, multiprocess_mode="livemax",
        )  # fmt: skip
        self.audit_failures = Counter(
            "htnet_audit_failures_total", "Audit records that could not be written.", registry=registry
        )
        self.key_file_errors = Counter(
            "htnet_api_key_file_errors_total", "Times that the changed API key file could not be read.",
            registry=registry,
        )  # fmt: skip
        self.certificate_errors = Counter(
            "htnet_certificate_errors_total", "Times that the changed TLS certificate could not be used.",
            registry=registry,
        )  # fmt: skip
        self.workers = Gauge(
            "htnet_workers", "Worker processes that serve.", registry=registry, multiprocess_mode="livesum"
        )
        self.workers_wanted = Gauge(
            "htnet_workers_wanted", "Worker processes that there should be.",
            registry=registry, multiprocess_mode="livemax",
        )  # fmt: skip
        registry.register(ProcessCollector())

    def reject(self, reason: Rejection) -> None:
        """Count a request that was refused before its analysis."""
        self.rejected.labels(reason).inc()

    def observe_answer(
        self,
        *,
        task: str,
        label: str,
        probability: float | None,
        timings_ms: Mapping[str, float],
        quality: Mapping[str, float],
    ) -> None:
        """Count an answer: its label, its stages (``total`` is left out) and the figures watched for drift."""
        self.answers.labels(task, label).inc()
        if probability is not None:
            self.probability.labels(task).observe(probability)
        for stage, duration_ms in timings_ms.items():
            if stage != "total":
                self.stage_seconds.labels(task, stage).observe(duration_ms / 1e3)
        if "face_width_px" in quality:
            self.face_width.labels(task).observe(quality["face_width_px"])
        for axis in QUALITY_ANGLES:
            if axis in quality:
                self.face_angle.labels(task, axis.removesuffix("_deg")).observe(quality[axis])
        if "sharpness" in quality:
            self.sharpness.labels(task).observe(quality["sharpness"])

    def observe_refusal(self, *, task: str, reason: str) -> None:
        """Count a photograph that could not be analysed; ``reason`` is the error code."""
        self.refusals.labels(task, reason).inc()

    def set_model(self, *, task: str, name: str, version: str, sha256: str) -> None:
        """Announce a loaded model."""
        self.model_info.labels(task, name, version, sha256).set(1)

    def render(self) -> bytes:
        """The exposition text of all workers."""
        directory = os.environ.get(MULTIPROCESS_DIRECTORY)
        if directory is None:
            return generate_latest(self.registry)
        registry = CollectorRegistry()
        read_all(registry, Path(directory))
        registry.register(ProcessCollector())
        with reading(Path(directory)):
            return generate_latest(registry)


class ProcessCollector(Collector):
    """Memory of the service's processes, read at each scrape (all workers, whoever answers), and what it may reach."""

    def collect(self) -> Iterator[Metric]:
        """The two gauges."""
        resident = 0
        for process in worker_processes():
            try:
                resident += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        memory = GaugeMetricFamily(
            "htnet_process_resident_memory_bytes", "Resident memory of all workers together, in bytes."
        )
        memory.add_metric([], float(resident))
        yield memory
        limit = GaugeMetricFamily(
            "htnet_memory_limit_bytes",
            "What the container may use, or the machine has where no limit is set, in bytes.",
        )
        limit.add_metric([], float(memory_limit_bytes()))
        yield limit


def worker_processes() -> list[psutil.Process]:
    """This worker and its siblings; just this process when it has no supervisor."""
    me = psutil.Process()
    if os.environ.get(MULTIPROCESS_DIRECTORY) is None:
        return [me]
    try:
        siblings = me.parent()
        children = siblings.children() if siblings is not None else [me]
    except psutil.NoSuchProcess:
        return [me]
    # multiprocessing's resource tracker is a child as well; it runs another command line.
    workers = []
    for child in children:
        try:
            if "resource_tracker" not in " ".join(child.cmdline()) and child.status() != psutil.STATUS_ZOMBIE:
                workers.append(child)
        except psutil.NoSuchProcess:
            continue
    return workers
