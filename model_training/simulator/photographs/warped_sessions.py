"""Examinations on photographs of healthy faces: one palsy in every pose that a photograph can be warped to.

A portrait is one picture, so that light, camera and the person's look are the same in all poses; what moves, and how
far, is known. The table has the columns of `htnet simulate sessions` but for millimetres.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from face.image.decode import decode_image
from face.landmarks.found_face import Face, choose_face
from face.landmarks.landmarker import FaceLandmarker
from model_training.errors import TrainingError
from model_training.simulator.patient import sample_effort
from model_training.simulator.photographs.fields import PHOTO_POSES, AskedMovement, WarpStyle
from model_training.simulator.photographs.photograph_set import write_photograph_set
from model_training.simulator.photographs.units import UnitManner
from model_training.simulator.photographs.warped_set import (
    HealthyPhotograph,
    Warp,
    find_photographs,
    warp_to_file,
)
from model_training.simulator.sessions.palsies import sample_session_palsy
from model_training.simulator.sessions.regions import Regions

# Pins cannot close an eye.
MOVERS = ("fields", "units")
# Effort differs a little between the pictures of one examination, as in `sessions.visit`.
_EFFORT_SPREAD = 0.06


def warp_session_set(
    source: Path,
    out: Path,
    *,
    regions: Regions,
    palsies: int = 1,
    mover: str = "fields",
    seed: int = 0,
    split: str = "",
    on_progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write OUT -> path of its table. source, split, on_progress and errors: as `warped_set.warp_photograph_set`.

    palsies: of each photograph, an examination each. mover: `fields` or `units`.
    """
    if mover not in MOVERS:
        raise TrainingError(f"--mover must be one of {', '.join(MOVERS)}, got {mover!r}")
    photographs = find_photographs(source, split=split)

    def make(
        photograph: HealthyPhotograph, landmarker: FaceLandmarker, rng: np.random.Generator
    ) -> list[dict[str, Any]]:
        rgb = decode_image(photograph.path.read_bytes()).rgb
        face = choose_face(landmarker.detect(rgb), policy="single")
        return [
            row
            for number in range(palsies)
            for row in _examination(photograph, rgb, face, out, rng, number=number, regions=regions, mover=mover)
        ]

    settings = {"regions": regions, "palsies": palsies, "mover": mover, "seed": seed, "split": split}
    return write_photograph_set(
        photographs, out, make, source=source, folders=("images",), settings=settings, on_progress=on_progress
    )


def _examination(
    photograph: HealthyPhotograph,
    rgb: np.ndarray,
    face: Face,
    out: Path,
    rng: np.random.Generator,
    *,
    number: int,
    regions: Regions,
    mover: str,
) -> list[dict[str, Any]]:
    palsy, pattern = sample_session_palsy(regions, rng)
    side = (palsy.worse_side or "Left").lower()
    effort = sample_effort(rng)
    manner = (
        WarpStyle.sample(rng)
        if mover == "fields"
        else UnitManner(palsy.synkinesis, palsy.contracture, seed=int(rng.integers(2**32)))
    )
    session = f"{photograph.name}-{regions}-{number}"
    rows = []
    for pose in PHOTO_POSES:
        asked = AskedMovement(pose, side, palsy.severity, effort * float(rng.normal(1, _EFFORT_SPREAD)))
        row = warp_to_file(photograph, Warp(asked, manner), rgb, face, out, number=f"{regions}-{number}")
        rows.append({**row, "session_id": session, "visit_of": session, "visit": 1, "pattern": pattern})
    return rows
