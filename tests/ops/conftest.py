"""One tiny bundle for all tests that start the real service."""

from pathlib import Path

import pytest

from tests.onnx_factory import write_palsy_bundle


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_palsy_bundle(folder / "palsy")
    return folder
