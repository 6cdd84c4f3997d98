"""What training changes in a sample. Both sides are changed alike, but for what a grade must not follow from: an uneven
picture, and the asymmetry of healthy faces. Every change is a function of one random generator.

All in numpy and OpenCV on uint8, a fraction of a millisecond an image, so that it runs beside the model and never ahead
of it. Images are mosaics of local-contrast-normalised grey: grey 128 is "nothing here".
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from face.frame.regions import REGION_SIZE
from face.vocabulary import REGIONS_OF_INTEREST, SIDES
from model_training.palsy.natural_asymmetry import NaturalAsymmetry, mirror_landmarks
from model_training.runtime.arrays import Arrays
from model_training.training.config import AugmentationConfig

# The upper and the lower regions of a mosaic.
_REGION_ROWS = (slice(0, REGION_SIZE), slice(REGION_SIZE, None))

_SIDES_EXCHANGED = {"left_eye": "right_eye", "right_eye": "left_eye", "left": "right", "right": "left"}
ROI_PARTNERS = np.asarray([REGIONS_OF_INTEREST.index(_SIDES_EXCHANGED.get(name, name)) for name in REGIONS_OF_INTEREST])
SIDE_PARTNERS = np.asarray([SIDES.index(_SIDES_EXCHANGED.get(side, side)) for side in SIDES])


def mirror_palsy(sample: Mapping[str, Any]) -> Arrays:
    """The sample of the mirrored photograph: the affected side changes, grade and severities stay.

    images (1, H, W) and asymmetry_map (h, w) flip; landmarks (478, 3) negate x and exchange partners; roi_masks
    (5, h, w) exchange left and right; side (index of SIDES, -1 unknown).
    """
    mirrored = dict(sample)
    for name in ("images", "asymmetry_map"):
        if name in sample:
            mirrored[name] = sample[name][..., ::-1]
    if "landmarks" in sample:
        mirrored["landmarks"] = mirror_landmarks(sample["landmarks"])
    if "roi_masks" in sample:
        mirrored["roi_masks"] = sample["roi_masks"][ROI_PARTNERS][..., ::-1]
    if "side" in sample and sample["side"] >= 0:
        mirrored["side"] = SIDE_PARTNERS[sample["side"]]
    return mirrored


def photometric_table(config: AugmentationConfig, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """A random tone curve around grey 128 as a 256-entry table: gain, offset and an S- or inverse S-shape."""
    strength = config.photometric
    x = (np.arange(256, dtype=np.float32) - 128) / 128
    gain = np.exp(rng.uniform(-0.7, 0.5) * strength)
    shape = np.exp(rng.uniform(-0.5, 0.5) * strength)
    y = np.sign(x) * np.abs(x) ** shape * gain + rng.uniform(-0.2, 0.2) * strength
    return np.asarray(np.clip(np.rint(y * 128 + 128), 0, 255), np.uint8)


def shifted(region: npt.NDArray[np.uint8], *, dx: int, dy: int) -> npt.NDArray[np.uint8]:
    """(H, W) moved right by dx and down by dy, edges repeated."""
    height, width = region.shape
    top, left, bottom, right = max(dy, 0), max(dx, 0), max(-dy, 0), max(-dx, 0)
    padded = cv2.copyMakeBorder(region, top, bottom, left, right, cv2.BORDER_REPLICATE)
    return np.asarray(padded[bottom : bottom + height, right : right + width])


def shift_regions(image: npt.NDArray[np.uint8], *, dx: int, dy: int) -> npt.NDArray[np.uint8]:
    """Shift the four regions of a mosaic (H, W), edges repeated: left-half regions by (dx, dy), their mirrored partners
    by (-dx, dy).

    Mirrored shifts leave the difference between the sides as it is; each region moves inside its own square, so nothing
    leaks.
    """
    if dx == 0 and dy == 0:
        return image
    out = np.empty_like(image)
    for rows in _REGION_ROWS:
        for columns, sign in ((slice(0, REGION_SIZE), 1), (slice(REGION_SIZE, None), -1)):
            out[rows, columns] = shifted(image[rows, columns], dx=sign * dx, dy=dy)
    return out


def random_rectangle(height: int, width: int, rng: np.random.Generator, *, widest: int) -> tuple[slice, slice]:
    """Rows and columns of a rectangle inside (height, width), at most a fifth as high and `widest` pixels wide."""
    h, w = rng.integers(height // 16, height // 5), rng.integers(width // 8, widest)
    top, left = rng.integers(0, height - h), rng.integers(0, width - w)
    return slice(top, top + h), slice(left, left + w)


def erase_pair(image: npt.NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Grey out one rectangle and its mirror image, in place: a hidden brow is hidden on both sides."""
    height, width = image.shape
    rectangle = random_rectangle(height, width // 2, rng, widest=width // 6)
    image[rectangle] = 128
    image[:, ::-1][rectangle] = 128


def uneven_half(image: npt.NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Change one half of a mosaic (H, W), in place, as light, focus, hair and the fit of the landmarks do: its contrast
    and brightness, its sharpness, the place of each region by up to two pixels, and one rectangle of it.
    """
    height, width = image.shape
    start = int(rng.integers(2)) * (width // 2)
    half = image[:, start : start + width // 2]
    for rows in _REGION_ROWS:
        dx, dy = (int(v) for v in rng.integers(-2, 3, 2))
        half[rows] = shifted(half[rows], dx=dx, dy=dy)
    gain, offset = np.exp(rng.uniform(-0.4, 0.4)), rng.uniform(-20, 20)
    tones = np.clip((np.arange(256) - 128) * gain + 128 + offset, 0, 255).astype(np.uint8)
    blurred = cv2.GaussianBlur(half, (0, 0), float(rng.uniform(0.2, 1.2)), borderType=cv2.BORDER_REPLICATE)
    half[:] = cv2.LUT(blurred, tones)
    rectangle = random_rectangle(height, half.shape[1], rng, widest=width // 5)
    half[rectangle] = rng.integers(0, 256)


# The 256 equally likely values of a coarse normal distribution, standard deviation 1 (their mean square is .995).
_NORMAL_LEVELS = np.asarray([NormalDist().inv_cdf((level + 0.5) / 256) for level in range(256)], dtype=np.float32)


def grainy(image: npt.NDArray[np.uint8], rng: np.random.Generator, *, amplitude: float) -> npt.NDArray[np.uint8]:
    """(H, W) with normal noise of this standard deviation in grey levels, looked up for random bytes: to draw normal
    numbers takes longer than all the rest."""
    levels = rng.integers(0, 256, image.shape, dtype=np.uint8)
    grain = cv2.LUT(levels, _NORMAL_LEVELS * np.float32(amplitude))
    return np.asarray(cv2.add(image, grain, dtype=cv2.CV_8U), dtype=np.uint8)


def augment_palsy(
    sample: Mapping[str, Any],
    *,
    config: AugmentationConfig,
    rng: np.random.Generator,
    natural: NaturalAsymmetry | None = None,
) -> Arrays:
    """One training sample, changed. The draw order is fixed, so one seed gives one result.

    natural: the asymmetry of healthy faces, needed where `config.natural_asymmetry` is not 0.
    """
    draws = rng.random(5)
    out = mirror_palsy(sample) if config.flip and draws[0] < 0.5 else dict(sample)
    if config.natural_asymmetry > 0 and draws[4] < config.natural_asymmetry_share:
        if natural is None:
            raise ValueError("augmentation.natural_asymmetry needs healthy faces to take it from")
        factor = float(rng.uniform(-config.natural_asymmetry, config.natural_asymmetry))
        out = natural.add_to(out, factor=factor, which=int(rng.integers(len(natural.parts))))
    if "images" in out:
        image = np.ascontiguousarray(out["images"][0])
        dx, dy = (int(v) for v in rng.integers(-config.shift_px, config.shift_px + 1, 2))
        image = shift_regions(image, dx=dx, dy=dy)
        if config.photometric > 0:
            image = np.asarray(cv2.LUT(image, photometric_table(config, rng)), np.uint8)
        if draws[1] < config.blur:
            blur = float(rng.uniform(0.4, 1.4))
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), blur, borderType=cv2.BORDER_REPLICATE), np.uint8)
        image = grainy(image, rng, amplitude=128 * float(rng.uniform(0, config.noise)))
        if draws[2] < config.erase:
            erase_pair(image, rng)
        if draws[3] < config.uneven:
            uneven_half(image, rng)
        out["images"] = image[None]
    if "landmarks" in out and config.landmark_noise > 0:
        scale = np.float32(rng.uniform(0, config.landmark_noise))
        out["landmarks"] = out["landmarks"] + rng.standard_normal(out["landmarks"].shape, dtype=np.float32) * scale
    return out
