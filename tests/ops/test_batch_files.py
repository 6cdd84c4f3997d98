"""Jobs over many photographs: the Indexed Job and the Slurm arrays call commands that exist, each shard once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import typer
from packaging.utils import canonicalize_name

from htnet.commands import app
from model_training.runtime.shard import Shard
from tests.ops.test_deployment_files import KUBERNETES_VERSION, ROOT, documents
from tests.ops.test_locks import read_lock

JOBS = ROOT / "docker/kubernetes/options/predict-job.yaml"
SLURM = ROOT / "docker/slurm"


def called(command: list[str], folder: Path, **environment: str) -> list[str]:
    """What a script calls `htnet` with: stands in for it, and for `python -m htnet`."""
    folder.mkdir(exist_ok=True)
    for name, skip in (("htnet", 0), ("python", 2)):
        (folder / name).write_text(f'#!/bin/sh\nshift {skip}\nprintf "%s\\n" "$@"\n', encoding="utf-8")
        (folder / name).chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    done = subprocess.run(command, env={"PATH": path, **environment}, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def parsed(arguments: list[str]) -> dict[str, Any]:
    """The options as the command line of htnet takes them. A command or option that is none fails here."""
    group, context = typer.main.get_command(app), None
    while hasattr(group, "commands") or hasattr(group, "load"):
        if hasattr(group, "load"):
            group = group.load()
            continue
        group, arguments = group.commands[arguments[0]], arguments[1:]
    context = group.make_context("htnet", list(arguments), parent=context)
    return dict(context.params)


def array_of(script: Path) -> range:
    (first, last) = re.findall(r"^#SBATCH --array=(\d+)-(\d+)$", script.read_text(encoding="utf-8"), re.MULTILINE)[0]
    return range(int(first), int(last) + 1)


def test_every_index_of_the_job_does_its_shard(tmp_path: Path) -> None:
    (both,) = documents(JOBS)
    shards, join = both["items"]
    for job in (shards, join):
        kubernetes_validate.validate(job, KUBERNETES_VERSION, strict=True)
    count = shards["spec"]["completions"]
    assert shards["spec"]["completionMode"] == "Indexed"
    seen = []
    (container,) = shards["spec"]["template"]["spec"]["containers"]
    for index in range(count):
        # The name is Kubernetes' own, set in every pod of an Indexed Job.
        words = called([*container["command"], *container["args"]], tmp_path, JOB_COMPLETION_INDEX=str(index))
        asked = parsed(words)
        seen.append(Shard.read(asked["shard"]))
    assert seen == [Shard(number, count) for number in range(1, count + 1)]
    (joining,) = join["spec"]["template"]["spec"]["containers"]
    last = parsed(called([*joining["command"], *joining["args"]], tmp_path))
    assert last == {**asked, "shard": None}
    assert joining["volumeMounts"] == container["volumeMounts"]


@pytest.mark.parametrize(
    ("script", "arguments"), [("predict.sbatch", ["photos", "runs/answers"]), ("crossval.sbatch", ["my.toml"])]
)
def test_every_task_of_an_array_does_its_shard(script: str, arguments: list[str], tmp_path: Path) -> None:
    command = ["bash", str(SLURM / script), *arguments]
    tasks = array_of(SLURM / script)
    # The names are Slurm's own.
    environment = {"SLURM_ARRAY_TASK_COUNT": str(len(tasks)), "SLURM_CPUS_PER_TASK": "4"}
    asked = [parsed(called(command, tmp_path, SLURM_ARRAY_TASK_ID=str(task), **environment)) for task in tasks]
    assert [Shard.read(one["shard"]) for one in asked] == [Shard(n, len(tasks)) for n in range(1, len(tasks) + 1)]
    joined = parsed(called([*command, "join"], tmp_path, SLURM_ARRAY_TASK_ID="0", **environment))
    assert joined == {**asked[0], "shard": None}


def test_the_batch_image_has_the_packages_that_predict_loads(astronaut_jpeg: bytes, tmp_path: Path) -> None:
    lines = (ROOT / "docker/Dockerfile").read_text(encoding="utf-8").splitlines()
    allowed = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for name in ("htnet", "model_training"):
        assert f"COPY {name} /app/{name}" in lines
        assert f"!{name}" in allowed
    (tmp_path / "face.jpg").write_bytes(astronaut_jpeg)
    packages = read_lock("service").keys() | {"htnet-clinical"}
    absent = [
        name
        for name, owners in metadata.packages_distributions().items()
        if not packages & {canonicalize_name(owner) for owner in owners} and name not in sys.builtin_module_names
    ]
    program = f"""
import sys
class NotInTheImage:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {set(absent)!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, NotInTheImage())
from htnet.main import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program, "palsy", "predict", tmp_path, "--out", tmp_path / "out", "--shard", "1/1"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    assert "torch" in absent
    assert done.stdout.startswith("1 images graded, 0 refused; shard 1/1 is done in")
