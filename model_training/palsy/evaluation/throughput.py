"""Images per second of `cache` and `train`, and the share of a training step that the model itself takes."""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from face.whole_file import write_text
from model_training.data.cache import Cache
from model_training.data.sample_table import SEVERITY_COLUMNS, SampleTable, read_table
from model_training.palsy.cached_sample import PalsyProducer
from model_training.palsy.task import PalsyTask
from model_training.runtime.arrays import Arrays
from model_training.runtime.distributed import World, check_device
from model_training.training.config import DataConfig, OptimisationConfig, RunConfig, TrainConfig
from model_training.training.row_split import Split
from model_training.training.train import Trainer

BATCH = {"tiny": 32, "small": 16, "base": 4}


def measure_throughput(
    out: Path, *, sizes: tuple[str, ...], steps: int, table: Path | None, jobs: int, device: str = "cpu"
) -> Iterator[str]:
    """Yields one line a figure and writes them all as JSON."""
    check_device(device)
    figures: dict[str, Any] = {
        "machine": {
            "cpus": os.cpu_count(),
            "load_before": os.getloadavg()[0],
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
        "train": {},
    }
    if table is not None:
        figures["cache"] = _cache_speed(read_table(table), jobs)
        yield f"cache: {figures['cache']['images_per_second']:.1f} images/s with {jobs} processes"
    for size in sizes:
        measured = train_speed(size, steps=steps, device=device)
        figures["train"][size] = measured
        yield (
            f"train {size}: {measured['images_per_second']:.2f} images/s, {measured['model_share']:.1%} of the "
            "step in the model"
        )
    figures["machine"]["load_after"] = os.getloadavg()[0]
    write_text(json.dumps(figures, indent=2) + "\n", out)


def _cache_speed(table: SampleTable, jobs: int) -> dict[str, Any]:
    from model_training.data.cache_build import build_cache
    from model_training.palsy.cached_sample import PalsyProducer

    with tempfile.TemporaryDirectory() as folder:
        report = build_cache(table, Path(folder) / "cache", producer=PalsyProducer(), jobs=jobs)
    return {
        "images": report.rows,
        "processes": jobs,
        "seconds": report.seconds,
        "images_per_second": report.images_per_second,
    }


def train_speed(size: str, *, steps: int, device: str = "cpu", batch_size: int | None = None) -> dict[str, Any]:
    """One named size with all its modules, on made-up samples, with the augmentation of a real run. One step warms up
    and is not counted."""
    batch_size = batch_size or BATCH.get(size, 8)
    with tempfile.TemporaryDirectory() as folder:
        config = TrainConfig(
            data=DataConfig(cache=folder),
            model={"name": "HTNetEnhanced", "size": size, "use_geometry": True},
            optimisation=OptimisationConfig(epochs=1, batch_size=batch_size),
            run=RunConfig(out=folder, device=device, tensorboard=False),
        )
        cache = made_up_cache(batch_size * (steps + 1))
        split = Split(np.arange(len(cache)), np.arange(len(cache)))
        trainer = Trainer(PalsyTask(config), cache, split, World(device=device), say=_say_nothing, show_progress=False)
        trainer.begin()
        return _timed_steps(trainer, batch_size, steps, device)


def _timed_steps(trainer: Trainer, batch_size: int, steps: int, device: str) -> dict[str, Any]:
    in_model = waited = averaging = 0.0
    started = previous = 0.0
    for number, micro_batches in enumerate(trainer.source.epoch(0)):
        ready = time.perf_counter()
        trainer.learner.step(micro_batches, rate=1e-4, seed=number)
        stepped = time.perf_counter()
        trainer.learner.update_average()
        done = time.perf_counter()
        if number == 0:
            started = done
        else:
            waited += ready - previous
            in_model += stepped - ready
            averaging += done - stepped
        previous = done
    elapsed = previous - started
    return {
        "batch_size": batch_size,
        "steps": steps,
        "threads": torch.get_num_threads(),
        "device": device,
        "parameters": sum(p.numel() for p in trainer.learner.model.parameters()),
        "images_per_second": batch_size * steps / elapsed,
        "model_share": in_model / elapsed,
        "waiting_for_data_share": waited / elapsed,
        "weight_average_share": averaging / elapsed,
    }


def made_up_cache(count: int, *, seed: int = 0) -> Cache:
    """Random samples with every target known, so that every part of the loss is computed."""
    rng = np.random.default_rng(seed)
    count = max(count, 16)
    label = np.arange(count) % 6 + 1
    frame = pd.DataFrame(
        {
            "sample_id": [str(i) for i in range(count)],
            "person_id": [str(i // 2) for i in range(count)],
            "path": "",
            "label": label,
            "side": np.where(label == 1, "none", "left"),
            "pose": "",
            "split": "train",
            "dataset": "made-up",
            "severity": label - 1.0,
            **dict.fromkeys(SEVERITY_COLUMNS, label - 1.0),
        }
    )
    shapes = {name: (count, *shape) for name, (shape, _dtype) in PalsyProducer().arrays().items()}
    arrays: Arrays = {
        "images": rng.integers(0, 256, shapes["images"], dtype=np.uint8),
        "landmarks": rng.normal(0, 0.1, shapes["landmarks"]).astype(np.float32),
        "roi_masks": rng.integers(0, 256, shapes["roi_masks"], dtype=np.uint8),
        "asymmetry_map": rng.random(shapes["asymmetry_map"]).astype(np.float16),
    }
    return Cache(Path(), "palsy", "made-up", {}, frame, arrays)


def _say_nothing(_text: str) -> None:
    """Nothing to say while measuring."""
