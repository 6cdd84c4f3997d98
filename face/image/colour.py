"""A picture's own colours -> sRGB, by the ICC profile that it carries (or, of a PNG, by the exponent).

Telephones write Display P3, cameras Adobe RGB, scanners and presses their own; a model that learned from sRGB would see
another skin.
"""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

# A profile beyond this is not read: presses' are about 2 MB.
_LARGEST_PROFILE = 4_000_000
_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab ": "LAB"}
# Rows are converted in bands of so many pixels, so that there is no second picture beside the first.
_BAND_PX = 500_000
# Where a profile changes no colour by more than this, it is sRGB, whatever it is called.
_SAME = 2
# The exponent that stands for sRGB's own curve in a PNG.
_SRGB_GAMMA, _SAME_GAMMA = 1 / 2.2, 0.02


def image_to_srgb(image: Image.Image, profile: bytes | None, *, gamma: float | None = None) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 sRGB of a picture of mode RGB, L, CMYK or LAB. A profile that is damaged or of another mode is
    passed over. gamma: of a picture without one."""
    transform = _transform(profile, image.mode) if profile else None
    if transform is None and image.mode == "LAB":
        transform = _from_lab()
    if transform is not None:
        rgb = np.empty((image.height, image.width, 3), np.uint8)
        rows = max(1, _BAND_PX // image.width)
        for top in range(0, image.height, rows):
            bottom = min(top + rows, image.height)
            rgb[top:bottom] = np.asarray(transform.apply(image.crop((0, top, image.width, bottom))))
        return rgb
    rgb = np.array(image if image.mode == "RGB" else image.convert("RGB"))
    if gamma is None or abs(gamma - _SRGB_GAMMA) < _SAME_GAMMA:
        return rgb
    return _srgb_curve(gamma)[rgb]


def array_to_srgb(pixels: npt.NDArray[np.uint8], profile: bytes | None) -> npt.NDArray[np.uint8]:
    """(H, W, 3) sRGB of RGB, in place, or of (H, W, 4) CMYK with 255 for full ink."""
    mode = "CMYK" if pixels.shape[2] == 4 else "RGB"
    transform = _transform(profile, mode) if profile else None
    if transform is None and mode == "RGB":
        # A grey picture was decoded into three equal channels.
        transform = _transform(profile, "L") if profile else None
        if transform is None:
            return pixels
        return image_to_srgb(Image.fromarray(np.ascontiguousarray(pixels[..., 0])), profile)
    rgb = pixels if mode == "RGB" else np.empty((*pixels.shape[:2], 3), np.uint8)
    rows = max(1, _BAND_PX // pixels.shape[1])
    for top in range(0, len(pixels), rows):
        band = Image.frombuffer(
            mode, pixels[top : top + rows].shape[1::-1], pixels[top : top + rows], "raw", mode, 0, 1
        )
        rgb[top : top + rows] = np.asarray(band.convert("RGB") if transform is None else transform.apply(band))
    return rgb


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """None where the profile is damaged, of another mode, or sRGB."""
    if len(profile) > _LARGEST_PROFILE or _MODES.get(profile[16:20].decode("latin-1")) != mode:
        return None
    try:
        transform = ImageCms.ImageCmsTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")),
            mode, "RGB", intent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )  # fmt: skip
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    return None if mode == "RGB" and _changes_nothing(transform) else transform


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    steps = np.arange(0, 256, 51, dtype=np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    changed = np.asarray(transform.apply(Image.fromarray(colours)))
    return int(np.abs(changed.astype(np.int16) - colours).max()) <= _SAME


@lru_cache(maxsize=1)
def _from_lab() -> ImageCms.ImageCmsTransform:
    lab, srgb = (ImageCms.ImageCmsProfile(ImageCms.createProfile(name)) for name in ("LAB", "sRGB"))
    return ImageCms.ImageCmsTransform(lab, srgb, "LAB", "RGB")


def _srgb_curve(gamma: float) -> npt.NDArray[np.uint8]:
    """(256,) value as stored with an exponent -> value in sRGB (IEC 61966-2-1)."""
    light = np.linspace(0, 1, 256) ** (1 / gamma)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return (255 * encoded + 0.5).astype(np.uint8)
