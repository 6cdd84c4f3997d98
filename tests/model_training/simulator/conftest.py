from __future__ import annotations

from collections.abc import Iterator

import pytest

from face.landmarks.landmarker import FaceLandmarker
from model_training.simulator.head.head import Head
from model_training.simulator.render.renderer import Renderer


@pytest.fixture(scope="session")
def head() -> Head:
    return Head.load()


@pytest.fixture(scope="session")
def renderer(head: Head) -> Iterator[Renderer]:
    with Renderer(head, size_px=256) as renderer:
        yield renderer


@pytest.fixture(scope="session")
def landmarker() -> Iterator[FaceLandmarker]:
    with FaceLandmarker() as landmarker:
        yield landmarker
