"""The real app with a tiny real bundle: real landmarks, real ONNX, real lifespan."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import pytest
import skimage.data
from starlette.testclient import TestClient

from service.app import create_app
from service.config import Settings
from tests.onnx_factory import write_palsy_bundle


class Serve(Protocol):
    def __call__(self, models_dir: Path, **settings: Any) -> AbstractContextManager[TestClient]: ...


@contextmanager
def _serve(models_dir: Path, **settings: Any) -> Iterator[TestClient]:
    configured = Settings(models_dir=models_dir, **{"audit_url": "", "running_max": 1, **settings})
    # Server errors are answers here, as they are for a client.
    with TestClient(create_app(configured), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="session")
def serve() -> Serve:
    return _serve


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    models_dir = tmp_path_factory.mktemp("models")
    write_palsy_bundle(models_dir / "palsy")
    with _serve(models_dir) as running:
        yield running


def jpeg_of(rgb: np.ndarray, *, quality: int = 92) -> bytes:
    done, encoded = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return encoded.tobytes()


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """(512, 512, 3) uint8 RGB: scikit-image's astronaut (NASA, public domain)."""
    return skimage.data.astronaut()


@pytest.fixture(scope="session")
def jpeg(photo: np.ndarray) -> bytes:
    return jpeg_of(photo)
