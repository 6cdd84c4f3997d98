"""What the room and the camera add: a background, exposure, blur, noise; JPEG compression comes with the file."""

from __future__ import annotations

import cv2
import numpy as np

JPEG_QUALITY = (55, 96)


def sample_background(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """(size, size, 3) float32 0 .. 255: a plain wall, a soft gradient, or an unsharp room."""
    background: np.ndarray
    kind = rng.choice(3, p=[0.35, 0.30, 0.35])
    wall = rng.uniform(25, 235) + rng.normal(0, 14, 3)
    if kind == 0:
        small = np.broadcast_to(wall, (2, 2, 3)) * rng.uniform(0.75, 1.1, (2, 2, 1))
        background = cv2.resize(small.astype(np.float32), (size_px, size_px), interpolation=cv2.INTER_LINEAR)
    elif kind == 1:
        steps = int(rng.integers(2, 6))
        small = (rng.uniform(-70, 70, (steps, steps, 3)) + wall).astype(np.float32)
        background = cv2.resize(small, (size_px, size_px), interpolation=cv2.INTER_CUBIC)
    else:
        room: np.ndarray = np.full((96, 96, 3), wall, np.float32)
        for _ in range(int(rng.integers(4, 14))):
            (x, y), (width, height) = rng.integers(-20, 96, 2), rng.integers(6, 70, 2)
            corner, opposite = (int(x), int(y)), (int(x + width), int(y + height))
            colour = tuple(float(value) for value in rng.uniform(10, 245) + rng.normal(0, 25, 3))
            if rng.random() < 0.7:
                cv2.rectangle(room, corner, opposite, colour, -1)
            else:
                cv2.line(room, corner, opposite, colour, int(rng.integers(1, 6)))
        room = cv2.GaussianBlur(room, (0, 0), float(rng.uniform(0.6, 5)))
        background = cv2.resize(room, (size_px, size_px), interpolation=cv2.INTER_LINEAR)
    return np.clip(background, 0, 255)


def expose(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) uint8 -> the same, as a camera with its own exposure, white balance, sharpness and noise sees it."""
    height, width = picture.shape[:2]
    seen: np.ndarray = picture.astype(np.float32)
    if rng.random() < 0.15:
        # A small sensor or a picture that was enlarged.
        share = rng.uniform(0.45, 0.8)
        small = cv2.resize(seen, (int(width * share), int(height * share)), interpolation=cv2.INTER_AREA)
        seen = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    sigma = rng.uniform(0.35, 0.9) if rng.random() < 0.9 else rng.uniform(0.9, 1.8)
    seen = cv2.GaussianBlur(seen, (0, 0), float(sigma))
    contrast, brightness = rng.normal(1.0, 0.10), rng.normal(0, 10)
    balance = 1 + rng.normal(0, 0.03, 3)
    seen = (seen - 120) * contrast * balance + 120 + brightness
    if rng.random() < 0.10:
        seen = np.repeat(seen @ np.array([[0.299], [0.587], [0.114]], np.float32), 3, axis=2)
    level = np.float32(rng.uniform(0, 5.5))
    noise = rng.standard_normal(seen.shape, np.float32)
    return np.clip(seen + level * noise, 0, 255).astype(np.uint8)


def encode_jpeg(picture: np.ndarray, quality: int) -> bytes:
    """(H, W, 3) uint8 RGB -> JPEG."""
    done, jpeg = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"a picture of shape {picture.shape} could not be encoded as JPEG")
    return jpeg.tobytes()
