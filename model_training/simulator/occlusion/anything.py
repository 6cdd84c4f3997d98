"""Anything before a face, for training: shapes that are no thing in particular, of many looks.

None of them is an object that a person would name. What the network learns from them is that something lies before
the face, and the objects of `objects.py`, which it never sees, judge whether it did.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

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

# Of what hides, the shares of sheets, bars, strands, blur, shadow and glare.
_SHARES = (0.44, 0.18, 0.12, 0.12, 0.08, 0.06)
# Of the sheets, those that lie close to the face.
_SPANNED_SHARE = 0.35
# How many things lie before a face: none in a third of the pictures.
_COUNT_SHARES = (0.34, 0.5, 0.16)
# A third of all pictures, hidden or not, has besides something that does not hide: it must not be taken for a cover.
_HARMLESS_SHARE = 0.35


@dataclass(frozen=True, eq=False)
class Surroundings:
    """Whose face it is: its landmarks (478, 2), the ruler on it, the colour of its skin, and another picture whose
    pieces may lie before it."""

    points: Points
    ruler: Ruler
    skin: Points
    other: Picture


def hide(scene: Scene, around: Surroundings, rng: np.random.Generator) -> tuple[Scene, str]:
    """The scene with what is drawn -> what it is then, and the name of what hides, joined by +; `clean` for nothing."""
    names = []
    for _ in range(rng.choice(len(_COUNT_SHARES), p=_COUNT_SHARES)):
        name, draw = list(_HIDING.items())[rng.choice(len(_HIDING), p=_SHARES)]
        scene = draw(scene, around, rng)
        names.append(name)
    if rng.random() < _HARMLESS_SHARE:
        scene = _harmless(scene, around, rng)
    return scene, "+".join(sorted(names)) or "clean"


def _sheet(scene: Scene, around: Surroundings, rng: np.random.Generator) -> Scene:
    """Something flat with a closed outline: small before one feature, or as large as half the face."""
    shape = scene.rgb.shape[:2]
    outline = _spanned(around.points, rng) if rng.random() < _SPANNED_SHARE else _outline(around.ruler, rng)
    alpha = filled(shape, outline, edge_px=float(rng.uniform(0.5, 3)))
    opacity = 1.0 if rng.random() < 0.75 else float(rng.uniform(0.75, 0.97))
    return scene.covered(alpha * np.float32(opacity), _look(shape, around, rng))


def _bars(scene: Scene, around: Surroundings, rng: np.random.Generator) -> Scene:
    """A bundle of round bars side by side, spread a little, lit from one side."""
    ruler, shape = around.ruler, scene.rgb.shape[:2]
    middle, angle = _place(ruler, rng), rng.uniform(0, 2 * np.pi)
    width, length = rng.uniform(0.1, 0.36) * ruler.unit_px, rng.uniform(0.7, 3.0) * ruler.unit_px
    spread, light = rng.uniform(-0.12, 0.12), rng.uniform(-0.35, 0.35)
    colour = _colour(around, rng)
    for number in range(int(rng.integers(1, 6))):
        turn = angle + spread * number
        along, beside = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(angle), np.cos(angle)])
        start = middle + beside * width * number * rng.uniform(0.95, 1.15)
        end = start + along * length * rng.uniform(0.7, 1.0)
        line = np.linspace(start, end, 8)
        alpha = stroked(shape, line, width_px=width)
        columns, rows = np.meshgrid(np.arange(shape[1]), np.arange(shape[0]))
        offset = ((columns - start[0]) * -along[1] + (rows - start[1]) * along[0]) / width
        relief = (light * offset - 0.5 * offset**2).astype(np.float32)
        relief += np.float32(0.03) * lasting_noise(shape, rng, grain_px=float(rng.uniform(1, 6)))
        scene = scene.covered(alpha, shaded(colour * rng.uniform(0.93, 1.07), np.clip(relief, -0.6, 0.6)))
    return scene


def _strands(scene: Scene, around: Surroundings, rng: np.random.Generator) -> Scene:
    """Many thin curves that run alike, dense in the middle of the bundle."""
    ruler, shape = around.ruler, scene.rgb.shape[:2]
    angle, width = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 1.2) * ruler.unit_px
    along, beside = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    middle = _place(ruler, rng)
    bend, length = rng.uniform(-0.5, 0.5) * ruler.unit_px, rng.uniform(1.0, 2.5) * ruler.unit_px
    colour = _colour(around, rng)
    steps = np.linspace(-0.5, 0.5, 12)[:, None]
    canvas = np.zeros((*shape, 3), np.uint8)
    mask = np.zeros(shape, np.uint8)
    for _ in range(int(rng.integers(60, 260))):
        offset = middle + beside * width * rng.normal(0, 0.35)
        own = bend * rng.uniform(0.5, 1.5)
        line = offset + along * length * steps * rng.uniform(0.8, 1.2) + beside * own * (4 * steps**2 - 0.5)
        points = np.rint(line * 16).astype(np.int32)
        thickness = int(rng.integers(1, 4))
        shade = np.clip(colour * rng.uniform(0.6, 1.3), 0, 255)
        cv2.polylines(canvas, [points], False, [float(value) for value in shade], thickness, cv2.LINE_AA, 4)
        cv2.polylines(mask, [points], False, 255, thickness, cv2.LINE_AA, 4)
    return scene.covered(opacity(mask), canvas.astype(np.float32))


def _blur(scene: Scene, around: Surroundings, rng: np.random.Generator) -> Scene:
    sigma = float(rng.uniform(0.07, 0.25)) * around.ruler.unit_px
    return scene.changed(_soft_patch(scene, around, rng), _blurred(scene, sigma), hides=True)


def _shadow(scene: Scene, around: Surroundings, rng: np.random.Generator) -> Scene:
    dark = scene.rgb * np.float32(rng.uniform(0.0, 0.09)) + np.float32(rng.uniform(0, 12))
    return scene.changed(_soft_patch(scene, around, rng), dark + _grain(scene, rng, 2.0), hides=True)


def _glare(scene: Scene, around: Surroundings, rng: np.random.Generator) -> Scene:
    bright = scene.rgb * np.float32(rng.uniform(0.0, 0.06)) + np.float32(rng.uniform(238, 252))
    return scene.changed(_soft_patch(scene, around, rng), bright + _grain(scene, rng, 1.0), hides=True)


_Draw = Callable[[Scene, Surroundings, np.random.Generator], Scene]
_HIDING: dict[str, _Draw] = {
    "sheet": _sheet, "bars": _bars, "strands": _strands, "blur": _blur, "shadow": _shadow, "glare": _glare,
}  # fmt: skip


def _harmless(scene: Scene, around: Surroundings, rng: np.random.Generator) -> Scene:
    """A mild blur, shadow or brightening of a part, dark eye sockets, an open mouth, or a few thin lines: the face is
    seen all the same."""
    kind = rng.integers(6)
    if kind >= 4:
        return _open_mouth(scene, around, rng) if kind == 4 else _dark_sockets(scene, around, rng)
    patch = _soft_patch(scene, around, rng)
    if kind == 0:
        look = _blurred(scene, float(rng.uniform(0.008, 0.025)) * around.ruler.unit_px)
    elif kind == 1:
        look = scene.rgb * np.float32(rng.uniform(0.35, 0.8))
    elif kind == 2:
        look = scene.rgb * np.float32(rng.uniform(0.5, 0.8)) + np.float32(rng.uniform(40, 110))
    else:
        colour = _colour(around, rng)
        for _ in range(int(rng.integers(1, 4))):
            line = np.stack([_place(around.ruler, rng) for _ in range(2)])
            alpha = stroked(scene.rgb.shape[:2], line, width_px=float(rng.uniform(1, 3)))
            scene = scene.covered(alpha, shaded(colour, np.zeros(scene.rgb.shape[:2], np.float32)))
        return scene
    return scene.changed(patch, np.clip(look, 0, 255).astype(np.float32), hides=False)


def _open_mouth(scene: Scene, around: Surroundings, rng: np.random.Generator) -> Scene:
    """The dark of a mouth that speaks, with or without the edge of the teeth; as often crooked as not."""
    ruler, shape = around.ruler, scene.rgb.shape[:2]
    unit, tilt = ruler.unit_px, rng.normal(0, 0.25)
    middle = ruler.at(float(rng.normal(0, 0.06)), float(rng.uniform(1.03, 1.28)))
    across = np.cos(tilt) * ruler.across + np.sin(tilt) * ruler.down
    down = np.array([-across[1], across[0]])
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    half_width, half_height = rng.uniform(0.12, 0.32) * unit, rng.uniform(0.05, 0.2) * unit
    outline = middle + half_width * np.cos(turn)[:, None] * across + half_height * np.sin(turn)[:, None] * down
    flat = np.zeros(shape, np.float32)
    dark = np.array([rng.uniform(25, 80), rng.uniform(8, 35), rng.uniform(8, 35)])
    scene = scene.changed(filled(shape, outline, edge_px=0.015 * unit), shaded(dark, flat), hides=False)
    if rng.random() < 0.5:
        teeth = np.array([225.0, 218.0, 205.0]) * rng.uniform(0.6, 1.0)
        upper = outline - 1.3 * half_height * down
        edge = filled(shape, upper, edge_px=0.015 * unit) * filled(shape, outline)
        scene = scene.changed(edge, shaded(teeth, flat), hides=False)
    return scene


def _dark_sockets(scene: Scene, around: Surroundings, rng: np.random.Generator) -> Scene:
    """Light from above: one eye or both in the shadow of the brow."""
    ruler, shape = around.ruler, scene.rgb.shape[:2]
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    shade = scene.rgb * np.float32(rng.uniform(0.25, 0.7))
    for eye in (ruler.right_eye, ruler.left_eye)[: int(rng.integers(1, 3))][:: int(rng.choice((-1, 1)))]:
        size = rng.uniform(0.2, 0.4, 2) * ruler.unit_px
        outline = eye + size[0] * np.cos(turn)[:, None] * ruler.across + size[1] * np.sin(turn)[:, None] * ruler.down
        scene = scene.changed(filled(shape, outline, edge_px=0.08 * ruler.unit_px), shade, hides=False)
    return scene


def _place(ruler: Ruler, rng: np.random.Generator) -> Points:
    """Somewhere on the face."""
    return ruler.at(float(rng.uniform(-0.95, 0.95)), float(rng.uniform(-0.7, 1.35)))


def _spanned(points: Points, rng: np.random.Generator) -> Points:
    """The outline that a few landmarks on one side of a line span: something that lies close to the face."""
    angle = rng.uniform(0, 2 * np.pi)
    along = points @ np.array([np.cos(angle), np.sin(angle)])
    beyond = points[along >= np.quantile(along, rng.uniform(0.2, 0.9))]
    chosen = beyond[rng.choice(len(beyond), size=min(len(beyond), int(rng.integers(6, 60))), replace=False)]
    return np.asarray(cv2.convexHull(chosen.astype(np.float32))[:, 0], np.float64)


def _outline(ruler: Ruler, rng: np.random.Generator) -> Points:
    """A closed polygon (N, 2): a blob, an ellipse, a box with rounded corners, or everything on one side of a line."""
    unit, kind = ruler.unit_px, rng.integers(4)
    turn = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    if kind == 3:
        angle = rng.uniform(0, 2 * np.pi)
        away = np.array([np.cos(angle), np.sin(angle)])
        along = np.array([-away[1], away[0]])
        start = ruler.at(0.0, 0.4) + away * unit * rng.uniform(0.15, 0.9)
        steps = np.linspace(-4, 4, 60)
        wave = rng.uniform(0, 0.15) * np.sin(steps * rng.uniform(0.5, 3) + rng.uniform(0, 6))
        near = start + unit * (steps[:, None] * along + (wave + rng.uniform(-0.08, 0.08) * steps**2)[:, None] * away)
        return np.concatenate([near, near[::-1] + 6 * unit * away])
    radius = np.ones_like(turn)
    if kind == 0:
        for order in range(2, 7):
            radius += rng.normal(0, 0.35 / order) * np.cos(order * turn + rng.uniform(0, 6))
    elif kind == 2:
        power = rng.uniform(3, 12)
        radius = (np.abs(np.cos(turn)) ** power + np.abs(np.sin(turn)) ** power) ** (-1 / power)
    size = np.exp(rng.uniform(np.log(0.25), np.log(1.1))) * unit
    aspect = np.exp(rng.uniform(-0.6, 0.6))
    points = (
        np.stack([np.cos(turn) * size * aspect, np.sin(turn) * size / aspect], 1) * np.clip(radius, 0.3, 2)[:, None]
    )
    angle = rng.uniform(0, 2 * np.pi)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(points @ rotation.T + _place(ruler, rng))


def _soft_patch(scene: Scene, around: Surroundings, rng: np.random.Generator) -> Plane:
    edge = float(rng.uniform(0.02, 0.12)) * around.ruler.unit_px
    return filled(scene.rgb.shape[:2], _outline(around.ruler, rng), edge_px=edge)


def _colour(around: Surroundings, rng: np.random.Generator) -> Points:
    """(3,) RGB: skin as this face's or another's, white, dark, or any."""
    kind = rng.random()
    if kind < 0.4:
        return np.clip(around.skin * rng.uniform(0.6, 1.25) + rng.normal(0, 8, 3), 5, 250)
    if kind < 0.6:
        return np.asarray(rng.uniform(200, 252) + rng.normal(0, 5, 3))
    if kind < 0.75:
        return np.asarray(rng.uniform(8, 60) + rng.normal(0, 5, 3)).clip(2, 255)
    return np.asarray(rng.uniform(10, 245, 3))


def _look(shape: tuple[int, int], around: Surroundings, rng: np.random.Generator) -> Plane:
    """(H, W, 3) in 0..255: one colour with a relief, a pattern, or a piece of another picture."""
    kind = rng.random()
    if kind < 0.25:
        return _piece(shape, around.other, rng)
    columns, rows = np.meshgrid(np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32))
    angle = rng.uniform(0, np.pi)
    along = (columns * np.float32(np.cos(angle)) + rows * np.float32(np.sin(angle))) / np.float32(around.ruler.unit_px)
    relief = np.float32(rng.uniform(-0.15, 0.15)) * (along - along.mean())
    if rng.random() < 0.3:  # smooth, with no more than a shading
        return shaded(_colour(around, rng), np.clip(relief, -0.8, 0.8))
    relief += np.float32(rng.uniform(0, 0.1)) * lasting_noise(shape, rng, grain_px=float(rng.uniform(8, 60)))
    relief += np.float32(rng.uniform(0, 0.06)) * lasting_noise(shape, rng, grain_px=float(rng.uniform(1, 3)))
    if kind < 0.5:  # folds or stripes
        strength, pitch = np.float32(rng.uniform(0.05, 0.4)), np.float32(rng.uniform(8, 60))
        wave = np.sin(along * pitch + np.float32(rng.uniform(0, 6)))
        relief += strength * (wave if rng.random() < 0.5 else np.sign(wave))
    return shaded(_colour(around, rng), np.clip(relief, -0.8, 0.8))


def _piece(shape: tuple[int, int], other: Picture, rng: np.random.Generator) -> Plane:
    """A piece of another picture, turned and enlarged to `shape`."""
    height, width = other.shape[:2]
    side = int(rng.uniform(0.25, 0.9) * min(height, width))
    top, left = int(rng.integers(0, height - side + 1)), int(rng.integers(0, width - side + 1))
    piece = np.rot90(other[top : top + side, left : left + side], int(rng.integers(4)))
    resized = cv2.resize(np.ascontiguousarray(piece), (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, np.float32)


def _blurred(scene: Scene, sigma_px: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(scene.rgb, (0, 0), sigma_px), np.float32)


def _grain(scene: Scene, rng: np.random.Generator, deviation: float) -> Plane:
    return rng.normal(0, deviation, scene.rgb.shape).astype(np.float32)
