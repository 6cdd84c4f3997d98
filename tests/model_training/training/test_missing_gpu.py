"""A GPU that is not there, told before and after PyTorch is loaded."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from model_training.errors import TrainingError
from model_training.runtime import gpu_presence
from model_training.runtime.distributed import check_device
from model_training.runtime.gpu_presence import refuse_missing_gpu


class Driver:
    def __init__(self, devices: int) -> None:
        self.devices = devices

    def cuInit(self, _flags: int) -> int:
        return 0

    def cuDeviceGetCount(self, count: object) -> int:
        count._obj.value = self.devices  # type: ignore[attr-defined]
        return 0


def test_a_device_that_cannot_be_is_refused() -> None:
    for device in ("tpu", "cuda:x", "cpu:1"):
        with pytest.raises(TrainingError, match="must be cpu, cuda or cuda:N"):
            refuse_missing_gpu(device)
    refuse_missing_gpu("cpu")


def test_the_driver_says_how_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_presence, "version", lambda _name: "2.13.0")
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: Driver(1))
    refuse_missing_gpu("cuda")
    with pytest.raises(TrainingError, match="has 1 usable CUDA GPU"):
        refuse_missing_gpu("cuda:1")

    def none(_name: str) -> Driver:
        raise OSError

    monkeypatch.setattr(ctypes, "CDLL", none)
    with pytest.raises(TrainingError, match="has no usable CUDA GPU"):
        refuse_missing_gpu("cuda", name="run.device")
    monkeypatch.setattr(gpu_presence, "version", lambda _name: "2.13.0+rocm6.4")
    refuse_missing_gpu("cuda")  # only torch can tell


def test_torch_has_the_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("model_training.runtime.distributed.refuse_missing_gpu", lambda *_, **__: None)
    with pytest.raises(TrainingError, match="PyTorch finds no usable CUDA GPU"):
        check_device("cuda")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one here")
@pytest.mark.parametrize(
    "command",
    [
        "palsy evaluate --checkpoint x --cache x --out x --device cuda",
        "microexpression loso --data x --config x --out x --device cuda",
        "microexpression study --data x --config x --out x --device cuda:3",
    ],
)
def test_commands_say_so_without_loading_torch(command: str, tmp_path: Path) -> None:
    program = (
        "import sys; sys.argv = ['htnet', *sys.argv[1:]]\nfrom htnet.__main__ import main\n"
        "try:\n    main()\nfinally:\n    print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *command.split()], capture_output=True, text=True, check=False, cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[3]), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert "no usable CUDA GPU" in done.stderr
    assert done.stdout.strip() == "False"
    assert done.returncode == 1
