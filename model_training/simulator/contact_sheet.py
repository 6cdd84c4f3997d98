"""A contact sheet: the poses in rows, the grades I to VI in columns, a new person in every row."""

from __future__ import annotations

import cv2
import numpy as np

from face.vocabulary import HOUSE_BRACKMANN
from model_training.simulator.head.head import UNIT_SIDES, Head
from model_training.simulator.patient import Palsy, regional_severity
from model_training.simulator.poses import MOVEMENTS
from model_training.simulator.render.renderer import Renderer
from model_training.simulator.shot import photograph, sample_shot, sample_subject

CAPTION_PX = 16


def contact_sheet(head: Head, *, seed: int, size_px: int = 384, tile_px: int = 192) -> np.ndarray:
    """Render one person per pose with every grade -> RGB uint8 picture of len(MOVEMENTS) x 6 tiles with captions."""
    rows = []
    with Renderer(head, size_px=size_px) as renderer:
        for number, pose in enumerate(MOVEMENTS.values()):
            rng = np.random.default_rng([seed, number])
            subject = sample_subject(head, rng)
            side = UNIT_SIDES[rng.integers(2)]
            tiles = []
            for severity, grade in enumerate(HOUSE_BRACKMANN):
                palsy = Palsy({side: regional_severity(float(severity), rng)}) if severity else Palsy({})
                picture, _ = photograph(renderer, sample_shot(head, subject, rng, pose=pose, palsy=palsy), rng)
                tiles.append(_captioned(picture, f"{pose.name} {grade} {palsy.side}", tile_px))
            rows.append(np.hstack(tiles))
    return np.vstack(rows)


def _captioned(picture: np.ndarray, caption: str, tile_px: int) -> np.ndarray:
    tile = np.full((tile_px + CAPTION_PX, tile_px, 3), 255, np.uint8)
    tile[CAPTION_PX:] = cv2.resize(picture, (tile_px, tile_px), interpolation=cv2.INTER_AREA)
    cv2.putText(tile, caption, (3, CAPTION_PX - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 0), 1, cv2.LINE_AA)
    return tile
