"""`demo`: the whole way once, on simulated patients laid out as a data set would be: prepare, cache, train, evaluate,
export, serve.

Every step is the command that a user would type, in a process of its own; the last one asks the running service about
photographs of the test people and compares its answers with `predict`'s.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from model_training.errors import TrainingError
from model_training.sample_table import read_table
from model_training.whole_file import write_text

# Largest difference between served and predicted probabilities: two runtimes add float32 numbers in another order.
TOLERANCE = 2e-3
READY_TIMEOUT_S = 60.0


@dataclass(frozen=True, kw_only=True)
class DemoSize:
    """How much the demonstration simulates, trains and asks."""

    people: int
    images: int
    size_px: int
    epochs: int
    asked: int


FULL = DemoSize(people=72, images=12, size_px=384, epochs=14, asked=24)
SMALL = DemoSize(people=16, images=4, size_px=256, epochs=1, asked=6)


def run_demo(
    out: Path, *, config: Path, size: DemoSize, jobs: int, seed: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """Raises TrainingError when a step fails or a served answer differs from `predict`'s; returns what is written to
    demo.json."""
    if out.exists():
        raise TrainingError(f"{out}: exists already; delete it or choose another --out")
    out.mkdir(parents=True)
    seconds: dict[str, float] = {}

    def step(name: str, module: str, *arguments: object) -> None:
        command = [sys.executable, "-m", module, *map(str, arguments)]
        say("$ python -m " + " ".join(command[2:]))
        started = time.perf_counter()
        done = subprocess.run(command, check=False)
        seconds[name] = round(time.perf_counter() - started, 1)
        if done.returncode != 0:
            raise TrainingError(f"the step {name!r} failed with status {done.returncode}; its message is above")

    train = "model_training"
    step(
        "simulate",
        train,
        "simulate",
        "--out",
        out / "simulated",
        "--identities",
        size.people,
        "--images-per-identity",
        size.images,
        "--seed",
        seed,
        "--size",
        size.size_px,
        "--processes",
        jobs,
    )
    lay_out_as_grade_folders(out / "simulated", out / "fnp")
    step(
        "prepare",
        train,
        "prepare",
        "fnp",
        "--root",
        out / "fnp",
        "--grades",
        "1..6",
        "--out",
        out / "table",
        "--validation",
        0.2,
        "--test",
        0.2,
        "--seed",
        seed,
    )
    step("cache", train, "cache", out / "table", "--out", out / "cache", "--jobs", jobs)
    chosen = [
        f"data.cache={out / 'cache'}",
        f"run.out={out / 'run'}",
        f"run.seed={seed}",
        f"optimisation.epochs={size.epochs}",
    ]
    step("train", train, "train", "--config", config, *[item for change in chosen for item in ("--set", change)])
    checkpoint = out / "run/best.pt"
    step("evaluate", train, "evaluate", "--checkpoint", checkpoint, "--cache", out / "cache", "--out", out / "report")
    asked = photographs_of_test_people(out / "table", size.asked)
    write_text("\n".join(str(path.resolve()) for path in asked), out / "asked.txt")
    step("predict", train, "predict", out / "asked.txt", "--checkpoint", checkpoint, "--out", out / "predicted")
    step(
        "export",
        "export",
        "--checkpoint",
        checkpoint,
        "--out",
        out / "models/palsy",
        "--metrics",
        out / "report/metrics.json",
        # The comparison below is of float32 with float32.
        "--no-int8",
    )
    started = time.perf_counter()
    with served(out / "models", out / "service.log") as url:
        answers = [ask(url, path) for path in asked]
    seconds["serve"] = round(time.perf_counter() - started, 1)
    differences = compare(out / "predicted/predictions.csv", answers)
    metrics = json.loads((out / "report/metrics.json").read_text(encoding="utf-8"))
    summary = {
        "seconds": seconds,
        "total_seconds": round(sum(seconds.values()), 1),
        "asked": len(answers),
        "different": differences,
        "figures": metrics["all"]["figures"],
        "people": size.people,
        "images": size.people * size.images,
    }
    write_text(json.dumps(summary, indent=2), out / "demo.json")
    if differences:
        raise TrainingError(
            f"{len(differences)} of {len(answers)} served answers differ from predict's: " + "; ".join(differences[:5])
        )
    return summary


def lay_out_as_grade_folders(simulated: Path, target: Path) -> None:
    """Simulated photographs as an FNP-like set: grade_3/patient007_left_smile-012.jpg. Nothing but the pictures and
    their names is passed on."""
    table = read_table(simulated)
    numbers = {person: index for index, person in enumerate(sorted(table.frame["person_id"].unique()), start=1)}
    for index, row in enumerate(table.frame.to_dict("records")):
        folder = target / f"grade_{row['label']}"
        folder.mkdir(parents=True, exist_ok=True)
        pose = row["pose"].replace("_", "-")
        name = f"patient{numbers[row['person_id']]:03d}_{row['side'] or 'none'}_{pose}-{index:04d}"
        shutil.copyfile(table.path(row["path"]), folder / (name + Path(row["path"]).suffix))


def photographs_of_test_people(table: Path, count: int) -> list[Path]:
    """Photographs of the test people, as different in grade as there are."""
    read = read_table(table)
    frame = read.frame[read.frame["split"] == "test"]
    frame = frame.assign(turn=frame.groupby("label").cumcount()).sort_values(["turn", "label"])
    return [read.path(path) for path in frame["path"].head(count)]


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
            return json.load(answer)
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


def describe(summary: dict[str, Any]) -> list[str]:
    times = ", ".join(f"{name} {value:.0f} s" for name, value in summary["seconds"].items())
    figures = pd.Series(summary["figures"]).round(3).to_dict()
    return [
        f"{summary['asked']} served answers equal predict's ({summary['people']} simulated people, "
        f"{summary['images']} photographs)",
        f"{times}; {summary['total_seconds']:.0f} s in all",
        f"test people: kappa {figures['kappa']}, within one {figures['within_one']}, mae {figures['mae']}",
    ]


def default_config() -> Path:
    """configs/demo.toml of the repository. Raises TrainingError where the package is used without it."""
    path = Path(__file__).parents[1] / "configs/demo.toml"
    if not path.is_file():
        raise TrainingError(f"{path} is missing; give a configuration with --config")
    return path
