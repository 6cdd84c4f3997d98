"""The shipped palsy bundle orders severity: the same face, warped from healthy to complete palsy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from face.frame.regions import regional_asymmetry, roi_masks
from face.landmarks.found_face import Face
from face.landmarks.landmarker import FaceLandmarker
from face.palsy.decoding import PalsyCalibration, PalsyReading, decode
from face.palsy.input import PalsyInput, PalsyInputSpec, palsy_input
from face.palsy.severity import RegionalSeverity
from model_training.simulator.photographs.fields import AskedMovement, warp_photograph
from service.inference.bundle import load_bundle
from service.inference.manifest import PalsyManifest
from service.inference.session import open_session

BUNDLE = Path(__file__).resolve().parents[2] / "models" / "palsy"

pytestmark = pytest.mark.skipif(not (BUNDLE / "manifest.json").exists(), reason="this checkout ships no palsy bundle")


def input_of(rgb: np.ndarray, landmarker: FaceLandmarker, spec: PalsyInputSpec) -> PalsyInput:
    return palsy_input(rgb, landmarker.look(rgb, policy="single", both_ways=True).face, spec)


@pytest.fixture(scope="module")
def readings(
    astronaut_rgb: np.ndarray, astronaut_face: Face, face_landmarker: FaceLandmarker
) -> dict[tuple[str, str, int], PalsyReading]:
    bundle = load_bundle(BUNDLE)
    assert isinstance(bundle.manifest, PalsyManifest)
    spec = PalsyInputSpec.from_dict(bundle.manifest.input.spec)
    session = open_session(bundle, provider="cpu", threads=1)
    calibration = PalsyCalibration.from_dict(bundle.manifest.calibration.model_dump())
    found = {}
    for pose in ("closed_smile", "brow_lift"):
        for side in ("left", "right"):
            # No slighter step: a slight palsy of a face's naturally stronger side makes that face more even.
            for severity in (0, 3, 5):
                asked = AskedMovement(pose, side, RegionalSeverity.even(float(severity)))
                warped = warp_photograph(astronaut_rgb, astronaut_face, asked)
                tensors = input_of(warped, face_landmarker, spec).tensors
                outputs = session.run({name: tensor[None] for name, tensor in tensors.items()})
                (found[pose, side, severity],) = decode(
                    outputs["grade_logits"], outputs["side_logits"], calibration=calibration
                )
    return found


@pytest.mark.parametrize("pose", ["closed_smile", "brow_lift"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_worse_palsy_gets_a_higher_grade(
    readings: dict[tuple[str, str, int], PalsyReading], pose: str, side: str
) -> None:
    healthy, obvious, complete = (readings[pose, side, severity].expected for severity in (0, 3, 5))
    assert healthy < obvious < complete
    assert complete - healthy > 1.0


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_weak_side_is_named(readings: dict[tuple[str, str, int], PalsyReading], side: str) -> None:
    assert readings["closed_smile", side, 5].side == side


@pytest.mark.parametrize(("pose", "region"), [("closed_smile", "mouth"), ("brow_lift", "forehead")])
def test_the_region_that_does_not_move_has_the_highest_score(
    astronaut_rgb: np.ndarray, astronaut_face: Face, face_landmarker: FaceLandmarker, pose: str, region: str
) -> None:
    session = open_session(load_bundle(BUNDLE), provider="cpu", threads=1)
    asked = AskedMovement(pose, "left", RegionalSeverity.even(5.0))
    warped = warp_photograph(astronaut_rgb, astronaut_face, asked)
    made = input_of(warped, face_landmarker, PalsyInputSpec())
    outputs = session.run({name: tensor[None] for name, tensor in made.tensors.items()})
    scores = regional_asymmetry(outputs["asymmetry_map"][0], roi_masks(made.aligned, size=32))
    assert max(scores, key=lambda name: scores[name]) == region
    assert scores[region] > 0.3
