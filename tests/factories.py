"""Photographs and broken files, made in code. The face is scikit-image's astronaut (NASA, public domain).

Arrays are RGB uint8 (H, W, 3) and read-only where they are shared; files are bytes.
"""

from __future__ import annotations

import functools
import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import skimage.data
from PIL import Image
from scipy.spatial import Delaunay

from face.landmarks.found_face import Face


@functools.cache
def astronaut() -> np.ndarray:
    """(512, 512, 3): one face, about 90 pixels wide, smiling, nearly frontal."""
    rgb = np.ascontiguousarray(skimage.data.astronaut())
    rgb.setflags(write=False)
    return rgb


def enlarged_astronaut(side: int = 1024) -> np.ndarray:
    return cv2.resize(astronaut(), (side, side), interpolation=cv2.INTER_CUBIC)


def no_face() -> np.ndarray:
    """(400, 600, 3): a cup of coffee."""
    return skimage.data.coffee()


def two_faces() -> np.ndarray:
    """(512, 1024, 3): the astronaut twice, side by side."""
    return np.hstack([astronaut(), astronaut()])


def near_and_far_face() -> np.ndarray:
    """(200, 400, 3): the larger of two faces at the right, both large enough for the detector's first look."""
    near = astronaut()[30:230, 120:320]
    far = cv2.resize(near, (140, 140), interpolation=cv2.INTER_AREA)
    picture = np.full((200, 400, 3), 127, np.uint8)
    picture[:, 200:] = near
    picture[30:170, 30:170] = far
    return picture


def small_face(width_px: int = 40, side: int = 512) -> np.ndarray:
    """(side, side, 3): the astronaut reduced so that the face is `width_px` wide, in the corner of a grey picture."""
    scale = width_px / 89.0
    reduced = cv2.resize(astronaut(), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    picture = np.full((side, side, 3), 127, np.uint8)
    picture[60 : 60 + reduced.shape[0], 80 : 80 + reduced.shape[1]] = reduced
    return picture


def turned_face(rgb: np.ndarray, face: Face, *, yaw_deg: float) -> np.ndarray:
    """The photograph with the head turned by `yaw_deg` about a vertical axis, > 0 to the patient's left.

    The landmarks carry a depth, so the face is a relief: its triangles are turned in 3D and drawn from far to near on
    the blurred photograph. Hair and ears are missing, which is why this is for tests of the head's pose only.
    """
    points = face.points.astype(np.float64)
    centre = points[[234, 454]].mean(axis=0)
    c, s = np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg))
    # z grows away from the camera: a turn to image right moves the nose, which has the smallest z, to larger x.
    turned = (points - centre) @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]]).T + centre
    canvas = cv2.GaussianBlur(rgb, (0, 0), 25)
    triangles = Delaunay(points[:468, :2]).simplices
    for triangle in triangles[np.argsort(-turned[triangles, 2].mean(axis=1))]:
        source, target = points[triangle, :2].astype(np.float32), turned[triangle, :2].astype(np.float32)
        low, high = np.floor(target.min(axis=0)).astype(int) - 1, np.ceil(target.max(axis=0)).astype(int) + 2
        edge = np.cross(np.append(target[1] - target[0], 0), np.append(target[2] - target[0], 0))[2]
        original = np.cross(np.append(source[1] - source[0], 0), np.append(source[2] - source[0], 0))[2]
        if edge * original <= 0:  # seen from behind
            continue
        matrix = cv2.getAffineTransform(source, target - low.astype(np.float32))
        width, height = (int(n) for n in high - low)
        patch = cv2.warpAffine(rgb, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        mask = np.zeros((height, width), np.uint8)
        cv2.fillConvexPoly(mask, np.round(target - low).astype(np.int32), 1)
        inside = canvas[low[1] : high[1], low[0] : high[0]]
        inside[mask > 0] = patch[mask > 0]
    return canvas


def encode(rgb: np.ndarray, kind: str, **options: Any) -> bytes:
    """Encode with Pillow: kind 'JPEG', 'PNG', 'WEBP', 'BMP', 'TIFF' or 'GIF'."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg(rgb: np.ndarray, *, quality: int = 95) -> bytes:
    return encode(rgb, "JPEG", quality=quality)


def with_orientation(rgb: np.ndarray, kind: str, orientation: int) -> bytes:
    """A file that shows `rgb` upright once its EXIF `orientation` (1..8) is applied."""
    undo = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "maker of the camera"
    options: dict[str, Any] = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    if kind == "WEBP":
        options = {"lossless": True}
    return encode(np.ascontiguousarray(undo[orientation](rgb)), kind, exif=exif, **options)


def cmyk_jpeg(rgb: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(rgb).convert("CMYK").save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def png16(values: np.ndarray) -> bytes:
    """A 16-bit PNG of `values` uint16, (H, W) grey or (H, W, 3) RGB."""
    encoded = values if values.ndim == 2 else values[..., ::-1]
    ok, data = cv2.imencode(".png", encoded)
    assert ok
    return data.tobytes()


def png_bomb(width: int = 30_000, height: int = 30_000) -> bytes:
    """A PNG of about 2 kB whose header promises 900 million RGB pixels; its data end early."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(2_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def oversized_file(size: int = 11_000_000) -> bytes:
    """A sound JPEG followed by bytes that viewers ignore, `size` bytes in all."""
    photo = jpeg(astronaut())
    return photo + bytes(size - len(photo))


# Each row of the error table that a file alone can bring about: name -> (maker of the file, the error's code).
BAD_FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "empty-image"),
    "text": (lambda: b"This is not a photograph.\n" * 20, "unsupported-media-type"),
    "pdf": (lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "unsupported-media-type"),
    "heic": (lambda: b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "undecodable-image"),
    "truncated-jpeg": (lambda: jpeg(astronaut())[:20_000], "undecodable-image"),
    "truncated-png": (lambda: encode(astronaut(), "PNG")[:20_000], "undecodable-image"),
    "png-bomb": (png_bomb, "image-too-large"),
    "eleven-megabytes": (oversized_file, "image-too-large"),
    "no-face": (lambda: jpeg(no_face()), "no-face"),
    "two-faces": (lambda: jpeg(two_faces()), "multiple-faces"),
    "forty-pixel-face": (lambda: jpeg(small_face(40)), "face-too-small"),
}
