"""docs/reference/metrics.md: what Prometheus scrapes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from docs.reference_pages.markdown import code, table


def metrics_page() -> Iterator[str]:
    from service.observability.metrics import Metrics, Rejection

    metrics = Metrics()
    labels = {
        metric._name: metric._labelnames  # prometheus_client tells the labels of an unused metric nowhere else
        for metric in vars(metrics).values()
        if hasattr(metric, "_labelnames")
    }
    yield from [
        "# Metrics",
        "",
        "`GET /metrics`, in Prometheus' text format, right with several workers whichever of them answers. Alert rules",
        "are in `docker/prometheus/alerts.yml`, the dashboard is in `docker/grafana/dashboards/htnet.json`.",
        "",
    ]
    yield from table(
        ("metric", "kind", "labels", "what"),
        (
            (
                code(family.name + ("_total" if family.type == "counter" else "")),
                family.type,
                ", ".join(map(code, labels.get(family.name, ()))) or "-",
                family.documentation,
            )
            for family in metrics.registry.collect()
        ),
    )
    yield from [
        "Reasons of `htnet_rejected_total`: " + ", ".join(map(code, get_args(Rejection))) + ".",
        "",
        "Drift shows in `htnet_answer_probability`, `htnet_face_width_pixels`, `htnet_face_angle_degrees` and",
        "`htnet_face_sharpness`.",
    ]
