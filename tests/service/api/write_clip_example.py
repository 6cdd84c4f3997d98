"""Writes the OpenAPI example of a clip's answer: the shipped model's answer for a photograph whose brows go up.

python -m tests.service.api.write_clip_example
"""

from __future__ import annotations

import json

import cv2
import numpy as np
from starlette.testclient import TestClient

from face.landmarks.landmarker import FaceLandmarker
from service.api.schemas.microexpression_clip import EXAMPLE as CLIP_EXAMPLE
from service.app import create_app
from service.config import Settings
from tests import factories
from tests.clip_factory import h264_clip
from tests.face.microexpression.test_input import BROW_RAISE, warped
from tests.service.api.write_assessment_example import ROOT, rounded

CLIP_URL = "/v1/microexpression/clip"
FPS = 30


def raised_brows(landmarker: FaceLandmarker) -> list[np.ndarray]:
    """22 pictures: brows that go up for a sixth of a second, after a third of a second of rest."""
    rgb = cv2.resize(factories.astronaut()[20:240, 114:334], (352, 352), interpolation=cv2.INTER_CUBIC)
    (face,) = landmarker.detect(rgb)
    rng = np.random.default_rng(11)
    profile = [0.0] * 9 + [1.2, 2.6, 3.4, 2.4, 1.0] + [0.0] * 8
    moved = [warped(rgb, face, BROW_RAISE, percent) if percent else rgb for percent in profile]
    return [np.clip(one + rng.normal(0, 1, one.shape) + 0.5, 0, 255).astype(np.uint8) for one in moved]


def clip_of(pictures: list[np.ndarray]) -> bytes:
    return h264_clip(pictures, durations=[600 // FPS] * len(pictures))


def main() -> None:
    with FaceLandmarker() as landmarker:
        clip = clip_of(raised_brows(landmarker))
    with TestClient(create_app(Settings(models_dir=ROOT / "models", audit_url="", running_max=1))) as client:
        answer = client.post(CLIP_URL, files={"clip": ("clip.mp4", clip, "video/mp4")}).json()
    answer["request_id"] = "3f2504e04f8941d39a0c0305e82c3301"
    CLIP_EXAMPLE.write_text(json.dumps(rounded(answer), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
