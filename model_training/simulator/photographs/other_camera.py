"""A table's photographs as one camera takes them: the same people and truth, other colours, sharpness and noise."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from face.image.decode import decode_image
from face.whole_file import whole_file, write_text
from model_training.data.sample_table import read_table, write_table
from model_training.errors import TrainingError
from model_training.simulator.sensor import encode_jpeg


@dataclass(frozen=True)
class Camera:
    """gamma of its tone curve; balance of red, green and blue; saturation, 0 for grey; blur: standard deviation in
    hundredths of the width; noise: standard deviation in counts; shading: what the corners lose; quality of JPEG."""

    gamma: float
    balance: tuple[float, float, float]
    saturation: float
    blur: float
    noise: float
    shading: float
    quality: int

    @classmethod
    def of_seed(cls, seed: int) -> Camera:
        rng = np.random.default_rng([seed, 0xCA])
        red, blue = rng.normal(1, 0.12, 2)
        return cls(
            gamma=float(np.exp(rng.normal(0, 0.3))),
            balance=(float(red), 1.0, float(blue)),
            saturation=float(rng.uniform(0.2, 1.4)),
            blur=float(rng.uniform(0.1, 0.6)),
            noise=float(rng.uniform(2, 14)),
            shading=float(rng.uniform(0, 0.5)),
            quality=int(rng.integers(35, 90)),
        )

    def takes(self, rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(H, W, 3) uint8 -> the same as this camera sees it."""
        height, width = rgb.shape[:2]
        light = (rgb.astype(np.float32) / 255) ** np.float32(self.gamma)
        grey = light @ np.array([0.299, 0.587, 0.114], np.float32)
        light = grey[..., None] + np.float32(self.saturation) * (light - grey[..., None])
        rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
        light *= (1 - np.float32(self.shading) * (rows**2 + columns**2) / 2)[..., None]
        seen = cv2.GaussianBlur(light * np.array(self.balance, np.float32) * 255, (0, 0), self.blur / 100 * width)
        noise = np.float32(self.noise) * rng.standard_normal(seen.shape, np.float32)
        return np.asarray(np.clip(seen + noise, 0, 255), np.uint8)


def photograph_again(
    source: Path, out: Path, *, seed: int, on_progress: Callable[[int, int], object] | None = None
) -> Path:
    """Write OUT/samples.parquet, OUT/images and OUT/camera.json -> path of the table, which knows no maps.

    seed: draws the camera; the noise of a picture follows from it and the picture's sample id. Finished pictures are
    kept. Raises TrainingError where OUT was begun with another camera or `source` is no table.
    """
    table = read_table(source)
    camera = Camera.of_seed(seed)
    said, path = json.dumps({"seed": seed, **asdict(camera)}, indent=1), out / "camera.json"
    if path.is_file() and path.read_text(encoding="utf-8") != said:
        raise TrainingError(f"{out} was begun with another camera; choose an empty folder")
    write_text(said, path)
    frame = table.frame.drop(columns=["asymmetry_map", "asymmetry_map_unit", "seen_map"], errors="ignore").copy()
    frame["path"] = [f"images/{sample}.jpg" for sample in frame["sample_id"]]
    for number, (sample, old, new) in enumerate(
        zip(frame["sample_id"], table.frame["path"], frame["path"], strict=True), start=1
    ):
        if not (out / new).is_file():
            rng = np.random.default_rng([seed, *str(sample).encode()])
            taken = camera.takes(decode_image(table.path(old).read_bytes()).rgb, rng)
            with whole_file(out / new) as temporary:
                temporary.write_bytes(encode_jpeg(taken, camera.quality))
        if on_progress is not None:
            on_progress(number, len(frame))
    write_table(frame, out / "samples.parquet")
    return out / "samples.parquet"
