"""Writes prometheus-rule.yaml, for clusters with the Prometheus operator, from docker/prometheus/alerts.yml.

    python docker/kubernetes/make_prometheus_rule.py

One set of rules: `promtool test rules` tests it, and tests/ops/test_deployment_files.py keeps this copy current.
"""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).resolve().parent
RULES = HERE.parent / "prometheus" / "alerts.yml"
TARGET = HERE / "prometheus-rule.yaml"
HEAD = """\
# Written by make_prometheus_rule.py from docker/prometheus/alerts.yml: change it there.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: htnet-clinical
  labels: {app.kubernetes.io/name: htnet-clinical}
spec:
"""


def prometheus_rule() -> str:
    """The text of the file."""
    lines = RULES.read_text(encoding="utf-8").splitlines()
    return HEAD + "\n".join(f"  {line}" if line else line for line in lines) + "\n"


if __name__ == "__main__":
    TARGET.write_text(prometheus_rule(), encoding="utf-8")
