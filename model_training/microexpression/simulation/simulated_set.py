"""Many simulated people in one file; each is kept once it is simulated, so that a stopped command goes on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from face.microexpression.spec import MicroExpressionSpec
from face.whole_file import whole_file
from model_training.errors import Interrupted
from model_training.microexpression.simulation.simulated_flow import SimulationConfig, simulate_people
from model_training.training.run_files import PLAN, keep_plan


def simulate_set(
    out: Path,
    config: SimulationConfig,
    *,
    people: range,
    seed: int,
    progress: Callable[[int, int], object] = lambda _, __: None,
) -> int:
    """Write the .npz file `out` -> how many flow images it holds. Until then, OUT-people holds those who are finished.
    progress: is called with (people done, all).

    Raises TrainingError where OUT-people holds people of other settings, Interrupted on Ctrl-C.
    """
    spec, folder = MicroExpressionSpec(), out.with_name(f"{out.stem}-people")
    plan = {**config.to_dict(), "seed": seed, "preprocessing": spec.fingerprint()}
    keep_plan(folder / PLAN, plan, holds="people", cure="repeat what they were made with, or choose another --out")
    files = {number: folder / f"{number:06d}.npz" for number in people}
    missing = [number for number, file in files.items() if not file.is_file()]
    done = len(people) - len(missing)
    progress(done, len(people))
    try:
        for number, made in zip(missing, simulate_people(spec, config, people=missing, seed=seed), strict=True):
            with whole_file(files[number]) as temporary:
                np.savez(temporary, allow_pickle=False, **made)
            done += 1
            progress(done, len(people))
    except KeyboardInterrupt:
        raise Interrupted(
            f"Stopped. {done} of {len(people)} people are finished and kept in {folder}; the same command goes on from "
            "there."
        ) from None
    parts = []
    for file in files.values():
        with np.load(file, allow_pickle=False) as stored:
            parts.append({name: stored[name] for name in ("flow", "label", "person")})
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    with whole_file(out) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **joined)
    shutil.rmtree(folder)
    return len(joined["label"])
