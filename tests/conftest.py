"""Fixtures that every part of the tests may use: real photographs and the real landmark model."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import numpy as np
import pytest

from face.landmarks.found_face import Face
from face.landmarks.landmarker import FaceLandmarker
from tests import factories


@pytest.fixture(scope="session")
def astronaut_rgb() -> np.ndarray:
    """(512, 512, 3) uint8, read-only."""
    return factories.astronaut()


@pytest.fixture(scope="session")
def astronaut_jpeg() -> bytes:
    return factories.jpeg(factories.astronaut())


@pytest.fixture(scope="session")
def face_landmarker() -> Iterator[FaceLandmarker]:
    with FaceLandmarker() as landmarker:
        yield landmarker


@pytest.fixture(scope="session")
def astronaut_face(face_landmarker: FaceLandmarker) -> Face:
    (face,) = face_landmarker.detect(factories.astronaut())
    return face


@pytest.fixture(scope="session")
def profile_jpeg(astronaut_face: Face) -> bytes:
    """The astronaut with the head turned far to her left: found, but refused."""
    return factories.jpeg(factories.turned_face(factories.astronaut(), astronaut_face, yaw_deg=60))


@pytest.fixture(autouse=True, scope="session")
def ctrl_c_interrupts() -> Iterator[None]:
    """A shell's background jobs ignore Ctrl-C; the tests that send it would see nothing of it there."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
