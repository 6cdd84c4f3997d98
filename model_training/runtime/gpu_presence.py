"""Whether there is a GPU, without loading torch, which takes seconds."""

from __future__ import annotations

import ctypes
from importlib.metadata import PackageNotFoundError, version

from model_training.errors import TrainingError


def refuse_missing_gpu(device: str, *, name: str = "--device") -> None:
    """Raises TrainingError for anything but `cpu`, `cuda` and `cuda:N`, and for a GPU that is surely not there. name:
    of the option. `runtime.distributed.check_device` asks torch itself, later."""
    kind, _, number = device.partition(":")
    if kind not in ("cpu", "cuda") or (number and (kind == "cpu" or not number.isdigit())):
        raise TrainingError(f"{name} must be cpu, cuda or cuda:N, got {device!r}")
    if kind == "cpu":
        return
    try:
        build = version("torch")
    except PackageNotFoundError:
        return  # the command's own message names the extra
    if "+cpu" in build:
        raise TrainingError(
            f"{name} is {device!r}, but this machine has no usable CUDA GPU: PyTorch {build} is a build without CUDA. "
            "Use cpu, or install a CUDA build of torch."
        )
    if "rocm" in build:
        return
    there = _cuda_devices()
    if int(number or 0) >= there:
        raise TrainingError(
            f"{name} is {device!r}, but this machine has {there or 'no'} usable CUDA GPU{'s' if there > 1 else ''}. "
            "Use cpu, or a CUDA build of torch with its driver."
        )


def _cuda_devices() -> int:
    """As the driver counts them; it heeds CUDA_VISIBLE_DEVICES."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value
