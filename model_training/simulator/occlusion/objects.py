"""Real things before a face, for judging only: patch, hand, hair, surgical mask, sunglasses, tube, microphone.

Each is drawn where such a thing sits, by the landmarks. Training sees none of them (`anything.py` draws what it sees),
so that the figures say whether a network finds things that it has never met.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np

from face.landmarks.found_face import Face
from face.vocabulary import VisibleRegion
from model_training.simulator.occlusion.cover import (
    Picture,
    Plane,
    Points,
    Ruler,
    Scene,
    filled,
    lasting_noise,
    opacity,
    shaded,
    stroked,
)

# Jaw line from ear to ear over the chin: what a mask's edge follows.
_JAW = (
    234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454,
)  # fmt: skip
_NOSE_BRIDGE, _NOSE_WING = 197, {"right": 129, "left": 358}
_MOUTH_CORNER = {"right": 61, "left": 291}
_SIDES = ("right", "left")


def cover(scene: Scene, face: Face, name: str, side: str, rng: np.random.Generator) -> Scene:
    """The scene with one object. name: of OBJECTS; side: `right` or `left`, the patient's, for what has one."""
    if side not in _SIDES:
        raise ValueError(f"side must be right or left, got {side!r}")
    return _DRAW[name](scene, face, side, rng)


def _eye(face: Face, side: str) -> Points:
    ruler = Ruler.of(face)
    return ruler.right_eye if side == "right" else ruler.left_eye


def _ellipse(middle: Points, across: Points, half_width: float, half_height: float, *, power: float = 2.0) -> Points:
    """A closed outline (N, 2), an ellipse, or for a power above 2 a box with rounded corners."""
    turn = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    radius = (np.abs(np.cos(turn)) ** power + np.abs(np.sin(turn)) ** power) ** (-1 / power)
    down = np.array([-across[1], across[0]])
    return np.asarray(
        middle
        + (half_width * radius * np.cos(turn))[:, None] * across
        + (half_height * radius * np.sin(turn))[:, None] * down
    )


def _patch(scene: Scene, face: Face, side: str, rng: np.random.Generator) -> Scene:
    """A gauze pad over one eye, held by two strips of tape."""
    ruler, shape = Ruler.of(face), scene.rgb.shape[:2]
    eye, outward = _eye(face, side), ruler.across * (-1 if side == "right" else 1)
    unit = ruler.unit_px
    weave = np.float32(0.04) * lasting_noise(shape, rng, grain_px=2) + np.float32(0.03) * lasting_noise(
        shape, rng, grain_px=25
    )
    white = np.array([236.0, 234.0, 228.0]) * rng.uniform(0.8, 1.02)
    pad = _ellipse(eye, ruler.across, unit * rng.uniform(0.42, 0.5), unit * rng.uniform(0.34, 0.44), power=3)
    scene = scene.covered(filled(shape, pad), shaded(white, weave))
    tape = np.array([226.0, 214.0, 200.0]) * rng.uniform(0.85, 1.02)
    for tilt in (-0.35, 0.3):
        reach = unit * 0.75 * (outward + tilt * ruler.down)
        strip = stroked(shape, np.stack([eye - reach, eye + reach]), width_px=0.16 * unit)
        scene = scene.covered(strip * np.float32(0.9), shaded(tape, weave * np.float32(0.5)))
    return scene


def _hand(scene: Scene, face: Face, side: str, rng: np.random.Generator) -> Scene:
    """A flat hand from below and outside, its four fingers over one half of the mouth and the cheek."""
    ruler, shape = Ruler.of(face), scene.rgb.shape[:2]
    unit, outward = ruler.unit_px, ruler.across * (-1 if side == "right" else 1)
    skin = skin_of(scene.rgb, face) * rng.uniform(0.85, 1.12)
    corner = face.points[_MOUTH_CORNER[side], :2].astype(np.float64)
    angle = rng.uniform(-0.25, 0.35)
    inward = -outward * np.cos(angle) - ruler.down * np.sin(angle)
    upward = np.array([-inward[1], inward[0]])
    upward = upward if upward @ ruler.down < 0 else -upward
    grain = np.float32(0.025) * lasting_noise(shape, rng, grain_px=3)
    palm = corner + outward * unit * 1.1
    scene = scene.covered(
        filled(shape, _ellipse(palm, inward, 0.55 * unit, 0.62 * unit, power=2.6)), shaded(skin * 0.95, grain)
    )
    columns, rows = np.meshgrid(np.arange(shape[1]), np.arange(shape[0]))
    for number, length in enumerate(rng.uniform(0.95, 1.05) * np.array([1.35, 1.55, 1.5, 1.2])):
        root = palm + upward * unit * (0.42 - 0.28 * number)
        line = np.linspace(root, root + inward * unit * length, 6)
        offset = ((columns - root[0]) * upward[0] + (rows - root[1]) * upward[1]) / (0.26 * unit)
        relief = np.clip(-0.7 * offset**2, -0.35, 0).astype(np.float32) + grain
        scene = scene.covered(stroked(shape, line, width_px=0.27 * unit), shaded(skin, relief))
        nail = line[-1] + inward * 0.02 * unit
        scene = scene.covered(
            filled(shape, _ellipse(nail, inward, 0.08 * unit, 0.07 * unit)),
            shaded(skin * 1.12, grain * np.float32(0.5)),
        )
    return scene


def _hair(scene: Scene, face: Face, side: str, rng: np.random.Generator) -> Scene:
    """A thick lock that falls from the parting over one eye down to the cheek."""
    ruler, shape = Ruler.of(face), scene.rgb.shape[:2]
    unit, outward = ruler.unit_px, ruler.across * (-1 if side == "right" else 1)
    eye = _eye(face, side)
    base = (np.array([22.0, 16.0, 12.0]), np.array([70.0, 46.0, 30.0]), np.array([165.0, 130.0, 85.0]))
    colour = base[rng.integers(len(base))]
    canvas, mask = np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.uint8)
    steps = np.linspace(0, 1, 24)[:, None]
    for _ in range(420):
        beside = rng.normal(0, 0.19)
        root = ruler.at(0.0, -1.25) + outward * unit * (0.1 + 0.4 * beside)
        over = eye + outward * unit * (beside + 0.02)
        tip = eye + outward * unit * (0.42 + 0.8 * beside) + ruler.down * unit * rng.uniform(0.7, 1.3)
        line = (1 - steps) ** 2 * root + 2 * steps * (1 - steps) * (2 * over - (root + tip) / 2) + steps**2 * tip
        points = np.rint(line * 16).astype(np.int32)
        shade = np.clip(colour * rng.uniform(0.6, 1.5), 0, 255)
        thickness = int(rng.integers(1, 3))
        cv2.polylines(canvas, [points], False, [float(value) for value in shade], thickness, cv2.LINE_AA, 4)
        cv2.polylines(mask, [points], False, 255, thickness, cv2.LINE_AA, 4)
    return scene.covered(opacity(mask), canvas.astype(np.float32))


def _mask(scene: Scene, face: Face, _side: str, rng: np.random.Generator) -> Scene:
    """A surgical mask from the bridge of the nose to below the chin, with pleats and loops to the ears."""
    ruler, shape = Ruler.of(face), scene.rgb.shape[:2]
    unit = ruler.unit_px
    points = face.points[:, :2].astype(np.float64)
    top = points[_NOSE_BRIDGE] + ruler.down * unit * rng.uniform(-0.02, 0.12)
    jaw = points[list(_JAW)]
    jaw = jaw[2:-2] + ruler.down * unit * 0.08
    outline = np.concatenate([jaw, [top + ruler.across * 0.3 * unit], [top], [top - ruler.across * 0.3 * unit]])
    colours = (np.array([150.0, 196.0, 214.0]), np.array([232.0, 234.0, 236.0]), np.array([38.0, 40.0, 44.0]))
    colour = colours[rng.integers(len(colours))]
    columns, rows = np.meshgrid(np.arange(shape[1]), np.arange(shape[0]))
    below = ((columns - top[0]) * ruler.down[0] + (rows - top[1]) * ruler.down[1]) / unit
    pleats = np.exp(-(((below % 0.38) - 0.19) ** 2) / 0.0006)
    relief = (-0.22 * pleats - 0.12 * (below - 0.5) ** 2).astype(np.float32)
    relief += np.float32(0.02) * lasting_noise(shape, rng, grain_px=2)
    for ear, cheek in ((234, jaw[0]), (454, jaw[-1])):
        loop = stroked(shape, np.stack([points[ear], cheek]), width_px=0.025 * unit)
        scene = scene.covered(loop, shaded(np.array([240.0, 240.0, 240.0]), relief * 0))
    return scene.covered(filled(shape, outline), shaded(colour, np.clip(relief, -0.5, 0.3)))


def _sunglasses(scene: Scene, face: Face, _side: str, rng: np.random.Generator) -> Scene:
    """Two dark lenses with a bridge and temples, the sky mirrored faintly in them."""
    ruler, shape = Ruler.of(face), scene.rgb.shape[:2]
    unit = ruler.unit_px
    tint = np.array([26.0, 25.0, 28.0]) * rng.uniform(0.6, 1.6)
    gloss = np.linspace(0.5, 0, shape[0], dtype=np.float32)[:, None] * np.ones(shape, np.float32)
    for eye, outward in ((ruler.right_eye, -ruler.across), (ruler.left_eye, ruler.across)):
        lens = _ellipse(eye + outward * 0.04 * unit + ruler.down * 0.05 * unit, ruler.across, 0.4 * unit, 0.31 * unit,
                        power=float(rng.uniform(2.2, 4)))  # fmt: skip
        scene = scene.covered(filled(shape, lens) * np.float32(0.96), shaded(tint, gloss))
        temple = np.stack([eye + outward * 0.4 * unit, eye + outward * 0.85 * unit])
        scene = scene.covered(stroked(shape, temple, width_px=0.06 * unit), shaded(tint, gloss * 0))
    bridge = np.stack([ruler.at(-0.12, -0.05), ruler.at(0.12, -0.05)])
    return scene.covered(stroked(shape, bridge, width_px=0.05 * unit), shaded(tint, gloss * 0))


def _tube(scene: Scene, face: Face, side: str, rng: np.random.Generator) -> Scene:
    """A breathing tube out of one corner of the mouth, held by broad tape over that half of the mouth."""
    ruler, shape = Ruler.of(face), scene.rgb.shape[:2]
    unit, outward = ruler.unit_px, ruler.across * (-1 if side == "right" else 1)
    corner = face.points[_MOUTH_CORNER[side], :2].astype(np.float64)
    weave = np.float32(0.03) * lasting_noise(shape, rng, grain_px=2)
    tape = np.array([240.0, 236.0, 226.0]) * rng.uniform(0.85, 1.02)
    for lift in (-0.13, 0.15):
        start = corner - outward * 0.3 * unit + ruler.down * lift * unit
        line = np.stack([start, start + outward * unit * 1.05 + ruler.down * (lift - 0.1) * unit])
        scene = scene.covered(stroked(shape, line, width_px=0.26 * unit), shaded(tape, weave))
    end = corner + outward * unit * 0.5 + ruler.down * unit * rng.uniform(1.0, 1.5)
    columns, rows = np.meshgrid(np.arange(shape[1]), np.arange(shape[0]))
    along = (end - corner) / np.linalg.norm(end - corner)
    offset = ((columns - corner[0]) * -along[1] + (rows - corner[1]) * along[0]) / (0.2 * unit)
    relief = np.clip(0.25 - 1.2 * offset**2, -0.4, 0.25).astype(np.float32)
    tube = stroked(shape, np.stack([corner, end]), width_px=0.2 * unit)
    return scene.covered(tube * np.float32(0.95), shaded(np.array([190.0, 206.0, 216.0]), relief))


def _microphone(scene: Scene, face: Face, _side: str, rng: np.random.Generator) -> Scene:
    """A hand microphone close before the mouth, its handle downwards."""
    ruler, shape = Ruler.of(face), scene.rgb.shape[:2]
    unit = ruler.unit_px
    mouth = face.points[[13, 14], :2].astype(np.float64).mean(axis=0)
    head = mouth + ruler.down * unit * rng.uniform(0.0, 0.12) + ruler.across * unit * rng.uniform(-0.1, 0.1)
    end = head + ruler.down * unit * 2.5 + ruler.across * unit * rng.uniform(-0.8, 0.8)
    columns, rows = np.meshgrid(np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32))
    mesh = np.float32(0.5) * np.sin(columns * np.float32(120 / unit)) * np.sin(rows * np.float32(120 / unit))
    light = -(((columns - head[0]) ** 2 + (rows - head[1]) ** 2) / (0.5 * unit) ** 2) * 0.5
    scene = scene.covered(
        stroked(shape, np.stack([head, end]), width_px=0.35 * unit), shaded(np.array([24.0, 24.0, 26.0]), light * 0)
    )
    ball = _ellipse(head, ruler.across, unit * rng.uniform(0.4, 0.5), unit * rng.uniform(0.4, 0.5))
    return scene.covered(
        filled(shape, ball), shaded(np.array([90.0, 92.0, 96.0]), np.clip(mesh + light, -0.8, 0.6).astype(np.float32))
    )


def skin_of(rgb: Picture, face: Face) -> Points:
    """(3,) RGB: the median of both cheeks and the forehead."""
    places = np.rint(face.points[[50, 280, 151], :2]).astype(int)
    height, width = rgb.shape[:2]
    patches: list[Plane] = []
    for x, y in places:
        patch = rgb[max(0, y - 4) : min(height, y + 5), max(0, x - 4) : min(width, x + 5)]
        patches.append(patch.reshape(-1, 3).astype(np.float32))
    return np.asarray(np.median(np.concatenate(patches), axis=0), np.float64)


_Draw = Callable[[Scene, Face, str, np.random.Generator], Scene]
_DRAW: dict[str, _Draw] = {
    "patch": _patch, "hand": _hand, "hair": _hair, "mask": _mask, "sunglasses": _sunglasses, "tube": _tube,
    "microphone": _microphone,
}  # fmt: skip

# What each hides beyond doubt, on the side that it was put on; at least one of these must be called not seen.
OBJECTS: Mapping[str, Mapping[str, tuple[VisibleRegion, ...]]] = {
    "patch": {"right": ("right_eye",), "left": ("left_eye",)},
    "hand": {"right": ("right_mouth",), "left": ("left_mouth",)},
    "hair": {"right": ("right_eye",), "left": ("left_eye",)},
    "mask": dict.fromkeys(_SIDES, ("right_mouth", "left_mouth")),
    "sunglasses": dict.fromkeys(_SIDES, ("right_eye", "left_eye")),
    "tube": {"right": ("right_mouth",), "left": ("left_mouth",)},
    "microphone": dict.fromkeys(_SIDES, ("right_mouth", "left_mouth")),
}
