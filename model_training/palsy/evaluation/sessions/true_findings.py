"""The simulator's true millimetres in the form that the scales are read from: what the shares and Sunnybrook would be
if nothing had to be measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from face.palsy.assessment.findings import Findings, gather_findings
from face.palsy.assessment.fitted import FittedNumbers
from face.palsy.assessment.measuring.halves import Half, Halves
from face.vocabulary import Pose, Side


@dataclass(frozen=True)
class TruePicture:
    """What landmarks without an error would measure, in millimetres."""

    halves: Halves


def true_picture(row: pd.Series) -> TruePicture:
    """row: of a table of simulated sessions. What the simulator does not tell is NaN: the findings ask for none of
    it."""
    return TruePicture(
        Halves(
            left=_half(row, "left"),
            right=_half(row, "right"),
            eye_distance=float(row["iod_mm"]),
            pupil_distance=math.nan,
            mouth_width=float(row["commissure_out_mm_left"] + row["commissure_out_mm_right"]),
            lips_apart=math.nan,
            philtrum=(math.nan, math.nan),
        )
    )


def _half(row: pd.Series, side: Side) -> Half:
    def place(point: str) -> tuple[float, float]:
        return float(row[f"{point}_out_mm_{side}"]), float(row[f"{point}_down_mm_{side}"])

    return Half(
        brow_height=float(row[f"brow_height_mm_{side}"]),
        fissure=float(row[f"opening_mm_{side}"]),
        mrd1=math.nan,
        mrd2=math.nan,
        iris=math.nan,
        commissure=place("commissure"),
        upper_lip=place("upper_lip"),
        ala=place("ala"),
        mouth_area=math.nan,
        smile_angle=math.nan,
    )


def true_findings(rows: Mapping[Pose, pd.Series], affected: Side, numbers: FittedNumbers) -> Findings:
    """rows: of one session, rest among them."""
    pictures = {pose: true_picture(row) for pose, row in rows.items()}
    return gather_findings(pictures, affected, mm_per_unit=1.0, numbers=numbers)
