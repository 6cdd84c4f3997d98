"""A small palsy cache made in code: random mosaics whose asymmetry depends on the grade, so that a network can learn it
in seconds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from face.palsy.input import PalsyInputSpec
from face.vocabulary import VISIBLE_REGIONS
from model_training.data.cache import CACHE_FORMAT

SPEC = PalsyInputSpec()


def write_cache(
    folder: Path,
    *,
    people: int = 12,
    images: int = 4,
    classes: int = 6,
    seed: int = 0,
    fingerprint: str = SPEC.fingerprint(),
    hidden: bool = False,
) -> Path:
    """hidden: beside the palsies, every second picture has a smooth sheet over the patient's left eye, and the truth of
    it. people x images samples; a third of the people validates, the rest trains. Every class occurs in training."""
    rng = np.random.default_rng(seed)
    count = people * images
    label = np.arange(count) % classes + 1
    person = np.arange(count) // images
    side = np.where(label == 1, "none", np.where(rng.random(count) < 0.5, "left", "right"))
    mosaics = rng.integers(110, 146, (count, 1, 224, 224), dtype=np.uint8)
    landmarks = rng.normal(0, 0.01, (count, 478, 3)).astype(np.float32)
    for row in range(count):
        half = slice(112, 224) if side[row] == "left" else slice(0, 112)
        if side[row] != "none":
            mosaics[row, 0, 120:200, half] += np.uint8(15 * (label[row] - 1))
            landmarks[row, :, 1] += 0.02 * label[row] * (1 if side[row] == "left" else -1) * np.linspace(-1, 1, 478)
    frame = pd.DataFrame(
        {
            "sample_id": [f"s{row:03d}" for row in range(count)],
            "person_id": [f"p{number:02d}" for number in person],
            "path": "x.png",
            "label": label,
            "side": side,
            "pose": np.where(np.arange(count) % 2, "smile", "rest"),
            "dataset": "made",
            "split": np.where(person % 3 == 2, "validation", "train"),
        }
    )
    arrays = {
        "images": mosaics,
        "landmarks": landmarks,
        "roi_masks": rng.integers(0, 2, (count, 5, 32, 32), dtype=np.uint8) * np.uint8(255),
        "asymmetry_map": np.full((count, 32, 32), np.nan, np.float16),
    }
    if hidden:
        covered = np.arange(count) % 2 == 1
        mosaics[covered, 0, 20:110, 120:210] = 128
        seen = np.ones((count, 32, 32), np.float16)
        seen[covered, 3:16, 17:30] = 0
        arrays["seen_map"] = seen
        masks = np.zeros((5, 32, 32), np.uint8)
        for index, place in enumerate(
            (np.s_[0:3, 6:26], np.s_[5:14, 19:28], np.s_[12:20, 13:17], np.s_[5:14, 4:13], np.s_[20:28, 8:24])
        ):
            masks[index][place] = 255
        arrays["roi_masks"] = np.repeat(masks[None], count, axis=0)
        frame["hidden"] = np.where(covered, "patch", "clean")
        frame["hidden_side"] = np.where(covered, "left", "none")
        for region in VISIBLE_REGIONS:
            frame[f"seen_{region}"] = np.where(covered & (region == "left_eye"), 0.0, 1.0)
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)
    frame.to_parquet(folder / "samples.parquet")
    description = {
        "format": CACHE_FORMAT,
        "kind": "palsy",
        "fingerprint": fingerprint,
        "spec": SPEC.to_dict(),
        "table_key": "",
        "rows": count,
        "found": count,
        "not_found": {},
        "arrays": {name: {"shape": list(v.shape), "dtype": str(v.dtype)} for name, v in arrays.items()},
    }
    (folder / "cache.json").write_text(json.dumps(description), encoding="utf-8")
    return folder
