"""Which bundles are served where the operator names none."""

from __future__ import annotations

from pathlib import Path

import pytest

from service import config
from service.config import Settings, shipped_models_dir
from tests.onnx_factory import write_palsy_bundle


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package's folder in an installation that has no bundle yet; the service is started elsewhere."""
    package, elsewhere = tmp_path / "site-packages" / "service", tmp_path / "elsewhere"
    package.mkdir(parents=True)
    elsewhere.mkdir()
    monkeypatch.setattr(config, "_PACKAGE", package)
    monkeypatch.chdir(elsewhere)
    return package


def test_models_here_come_first(installation: Path) -> None:
    write_palsy_bundle(installation / "bundles" / "palsy")
    write_palsy_bundle(Path("models") / "palsy")
    assert shipped_models_dir() == Path("models")


def test_one_bundle_here_counts_too(installation: Path) -> None:
    write_palsy_bundle(installation / "bundles" / "palsy")
    write_palsy_bundle(Path("models"))
    assert shipped_models_dir() == Path("models")


def test_folder_without_a_bundle_does_not_count(installation: Path) -> None:
    write_palsy_bundle(installation / "bundles" / "palsy")
    (Path("models") / "other").mkdir(parents=True)
    assert shipped_models_dir() == installation / "bundles"


def test_editable_installation_serves_the_checkout(installation: Path) -> None:
    write_palsy_bundle(installation.parent / "models" / "palsy")
    assert shipped_models_dir() == installation.parent / "models"


@pytest.mark.usefixtures("installation")
def test_where_there_is_none_the_refusal_names_models_here() -> None:
    assert shipped_models_dir() == Path("models")


def test_a_named_folder_is_taken_as_it_is(installation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_palsy_bundle(installation / "bundles" / "palsy")
    assert Settings().models_dir == installation / "bundles"
    monkeypatch.setenv("HTNET_MODELS_DIR", "of my own")
    assert Settings().models_dir == Path("of my own")
