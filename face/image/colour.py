"""A picture's own colours -> sRGB, by the ICC profile that it carries.

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
_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """`image` of mode RGB, L or CMYK in sRGB; unchanged where its profile is sRGB, is damaged or is of another mode."""
    if not profile or len(profile) > _LARGEST_PROFILE:
        return image
    transform = _transform(profile)
    if transform is None or transform.inputMode != image.mode:
        return image
    return transform.apply(image)


def array_to_srgb(rgb: npt.NDArray[np.uint8], profile: bytes | None) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 -> the same in sRGB."""
    if not profile:
        return rgb
    image = Image.fromarray(rgb)
    converted = to_srgb(image, profile)
    return rgb if converted is image else np.asarray(converted)


@lru_cache(maxsize=8)
def _transform(profile: bytes) -> ImageCms.ImageCmsTransform | None:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = _MODES.get(source.profile.xcolor_space)
        if mode is None or "srgb" in (source.profile.profile_description or "").lower():
            return None
        return ImageCms.ImageCmsTransform(
            source, ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")), mode, "RGB",
            intent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )  # fmt: skip
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
