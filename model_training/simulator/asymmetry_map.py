"""The true asymmetry map: how far each visible point lies from the mirror image of its partner on the other half
of the face.

Definition. For vertex i with mirror partner m(i), both in the head's own frame (head pose removed),

    asymmetry(i) = | p(i) - M p(m(i)) | / d,

M the reflection in the midsagittal plane x = 0 and d the distance between the eyeball centres ("inter-ocular
units"; 1 is about 62 mm). It is the total visible asymmetry: a person's natural asymmetry counts, because it is
seen too. The opening of an eye takes the mean of its two lid margins, teeth and tongue that of the lips, so that
the map has no holes where skin moved away.
"""

from __future__ import annotations

import cv2
import numpy as np

from model_training.simulator.head.head import SKIN, TEETH, TONGUE, UNIT_SIDES, Head
from model_training.simulator.render.camera import Camera
from model_training.simulator.render.renderer import Renderer

# One count of the 16-bit PNG in inter-ocular units: the largest value, 65535, is 0.655 (about 41 mm).
MAP_UNIT = 1e-5
MAP_SIZE_PX = 96

# Rendered finer and averaged down, so that a cell is a mean over its area and not one point.
OVERSAMPLING = 2

LID_REACH_M = 0.004
LIP_REACH_M = 0.012


def vertex_asymmetry(head: Head, vertices: np.ndarray) -> np.ndarray:
    """(N, 3) face in the model frame -> (N,) float32 in inter-ocular units."""
    mirrored = vertices[head.mirror_vertex] * np.array([-1, 1, 1], np.float32)
    distance = np.linalg.norm(vertices - mirrored, axis=1) / head.interocular_m(vertices)
    skin = head.vertex_material == SKIN
    for side in UNIT_SIDES:
        eyeball = head.eyeballs[side]
        distance[eyeball] = distance[_lid_margin(head, side)].mean()
    inner = np.isin(head.vertex_material, (TEETH, TONGUE))
    mouth = head.mean[inner].mean(axis=0)
    lips = skin & (np.linalg.norm((head.mean - mouth)[:, [0, 2]], axis=1) < LIP_REACH_M) & (head.mean[:, 1] < mouth[1])
    distance[inner] = distance[lips].mean()
    return np.asarray(distance, np.float32)


def _lid_margin(head: Head, side: str) -> np.ndarray:
    """Vertices of the skin that lie on the front of an eyeball of the mean face."""
    eyeball = head.mean[head.eyeballs[side]]
    centre = eyeball.mean(axis=0)
    radius = np.linalg.norm(eyeball - centre, axis=1).max()
    from_centre = np.linalg.norm(head.mean - centre, axis=1)
    on_ball = (from_centre < radius + LID_REACH_M) & (head.mean[:, 1] < centre[1] - 0.3 * radius)
    return np.flatnonzero(on_ball & (head.vertex_material == SKIN))


def render_asymmetry(
    renderer: Renderer, vertices: np.ndarray, camera: Camera, *, size_px: int = MAP_SIZE_PX
) -> np.ndarray:
    """The map in the photograph's frame -> (size_px, size_px) float32 in inter-ocular units, 0 outside the person."""
    values = vertex_asymmetry(renderer.head, vertices)
    drawn = renderer.render_values(vertices, values, camera, size_px=OVERSAMPLING * size_px)
    return np.asarray(cv2.resize(np.maximum(drawn, 0), (size_px, size_px), interpolation=cv2.INTER_AREA))


def encode_map(asymmetry: np.ndarray) -> bytes:
    """(H, W) in inter-ocular units -> 16-bit PNG; larger values than the format holds are clipped."""
    counts = np.clip(np.rint(asymmetry / MAP_UNIT), 0, 65535).astype(np.uint16)
    done, png = cv2.imencode(".png", counts)
    if not done:
        raise ValueError(f"a map of shape {asymmetry.shape} could not be encoded as PNG")
    return png.tobytes()
