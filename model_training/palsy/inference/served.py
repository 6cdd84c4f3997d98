"""A running service, its answers to photographs, and what differs between them and `predict`'s."""

from __future__ import annotations

import csv
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from model_training.errors import TrainingError

# Largest difference between served and predicted probabilities: two runtimes add float32 numbers in another order.
TOLERANCE = 2e-3
READY_TIMEOUT_S = 60.0


@contextmanager
def served(models: Path, log: Path) -> Iterator[str]:
    """A running service with these bundles on a free port; its log is kept, the process is ended in any case."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "HTNET_HOST": "127.0.0.1",
        "HTNET_PORT": str(port),
        "HTNET_MODELS_DIR": str(models.resolve()),
    }
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "service"], env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            _wait_until_ready(process, url, log)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5):  # noqa: S310 - our own service on this machine
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    tail = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
    raise TrainingError("the service did not become ready; its log ends with:\n" + "\n".join(tail))


def ask(url: str, path: Path) -> dict[str, Any]:
    """The service's answer for a photograph, or {"code": ...} of its problem document."""
    boundary = "htnet-clinical-demo"
    head = "\r\n".join(
        [
            f"--{boundary}",
            'Content-Disposition: form-data; name="image"; filename="photo"',
            "Content-Type: application/octet-stream",
            "\r\n",
        ]
    )
    body = head.encode() + path.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    request = urllib.request.Request(f"{url}/v1/palsy/grade?heatmap=false", data=body, headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            graded: dict[str, Any] = json.load(answer)
            return graded
    except urllib.error.HTTPError as error:
        return {"code": json.load(error).get("code", f"status {error.code}")}


def compare(predictions: Path, answers: list[dict[str, Any]]) -> list[str]:
    """What differs between predict's rows and the service's answers, as sentences; empty when nothing does."""
    with predictions.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    if len(rows) != len(answers):
        return [f"{len(rows)} predictions, {len(answers)} served answers"]
    different = []
    for row, answer in zip(rows, answers, strict=True):
        name = Path(row["path"]).name
        if "code" in answer or row["code"]:
            if row["code"] != answer.get("code", ""):
                different.append(
                    f"{name}: refused as {answer.get('code', 'not at all')!r} by the service, {row['code']!r} by "
                    "predict"
                )
            continue
        pairs = [
            ("index", int(row["index"]), answer["grade"]["index"]),
            ("side", row["side"], answer["affected_side"]["side"]),
            ("prediction set", row["prediction_set"].split(), list(answer["grade"]["prediction_set"])),
            ("warnings", _words(row["warnings"]), _words("; ".join(answer["quality"]["warnings"]))),
        ]
        # A tie within the rounding of the two runtimes may fall to either side.
        clear = _margin(row) > TOLERANCE
        different += [
            f"{name}: {what} {ours!r} predicted, {theirs!r} served"
            for what, ours, theirs in pairs
            if ours != theirs and clear
        ]
        numbers = {
            **{f"P({label})": (row[f"probability_{label}"], p) for label, p in answer["probabilities"].items()},
            **{
                f"asymmetry of the {region}": (row[f"asymmetry_{region}"], value)
                for region, value in answer["asymmetry"]["regions"].items()
            },
        }
        different += [
            f"{name}: {what} {float(ours):.4f} predicted, {theirs:.4f} served"
            for what, (ours, theirs) in numbers.items()
            if abs(float(ours) - theirs) > TOLERANCE
        ]
        if abs(float(row["expected"]) - answer["grade"]["expected"]) > 10 * TOLERANCE:
            different.append(
                f"{name}: expected grade {row['expected']} predicted, {answer['grade']['expected']} served"
            )
    return different


def _words(warnings: str) -> str:
    """Without the figures, whose last digit may differ between two runtimes."""
    return "".join(letter for letter in warnings if not letter.isdigit())


def _margin(row: dict[str, str]) -> float:
    """How far the two best grades, and the two best sides, are apart."""
    gaps = []
    for prefix in ("probability_", "side_probability_"):
        values = sorted((float(value) for key, value in row.items() if key.startswith(prefix) and value), reverse=True)
        gaps.append(values[0] - values[1])
    return min(gaps)
