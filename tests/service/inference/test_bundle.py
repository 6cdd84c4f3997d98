from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.inference.bundle import load_bundle
from service.inference.errors import BundleError
from service.inference.session import open_session
from tests.onnx_factory import write_palsy_bundle


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return write_palsy_bundle(tmp_path / "palsy")


def test_a_sound_bundle_is_loaded(directory: Path) -> None:
    bundle = load_bundle(directory)
    assert bundle.manifest.name == "tiny"
    assert bundle.model_card.startswith("# tiny")
    assert bundle.metrics == {"quadratic_weighted_kappa": 0.0}
    assert bundle.model_path() == directory / "model.onnx"


def test_a_swapped_model_is_named_with_both_hashes(directory: Path) -> None:
    path = directory / "model.onnx"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    expected = json.loads((directory / "manifest.json").read_text())["sha256"]
    with pytest.raises(BundleError, match=r"model\.onnx: files\.float32\.sha256: SHA-256 is [0-9a-f]{64}") as caught:
        load_bundle(directory)
    assert expected in str(caught.value)
    assert caught.value.field == "files.float32.sha256"


def test_a_cut_off_model_is_named_with_both_sizes(directory: Path) -> None:
    path = directory / "model.onnx"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(BundleError, match=r"files\.float32\.bytes: has \d+ bytes, the manifest says \d+"):
        load_bundle(directory)


@pytest.mark.parametrize("name", ["manifest.json", "model.onnx", "MODEL_CARD.md", "metrics.json"])
def test_a_missing_file_is_named(directory: Path, name: str) -> None:
    (directory / name).unlink()
    with pytest.raises(BundleError, match=name):
        load_bundle(directory)


def test_another_landmark_model_is_refused_with_both_hashes(directory: Path) -> None:
    with pytest.raises(BundleError, match=f"landmark_model_sha256: .*{'1' * 64}") as caught:
        load_bundle(directory, landmark_model_sha256="1" * 64)
    assert "64184e22" in str(caught.value)


def test_a_wrong_field_is_named_with_its_value(tmp_path: Path) -> None:
    directory = write_palsy_bundle(tmp_path / "palsy", calibration__coverage=2.0)
    with pytest.raises(BundleError, match=r"manifest\.json: calibration\.coverage: .*found 2\.0"):
        load_bundle(directory)


def test_text_that_is_no_json_is_refused(directory: Path) -> None:
    (directory / "manifest.json").write_text("{")
    with pytest.raises(BundleError, match=r"manifest\.json"):
        load_bundle(directory)
    (directory / "manifest.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BundleError, match=r"manifest\.json"):
        load_bundle(directory)


def test_metrics_must_be_an_object(directory: Path) -> None:
    (directory / "metrics.json").write_text("[]")
    with pytest.raises(BundleError, match=r"metrics\.json: must hold a JSON object, found list"):
        load_bundle(directory)


def test_a_variant_that_is_not_there_is_refused(directory: Path) -> None:
    with pytest.raises(BundleError, match="has no variant 'int8'"):
        load_bundle(directory).variant("int8")


def test_a_graph_that_does_not_fit_the_manifest_is_refused(tmp_path: Path) -> None:
    outputs = [
        {"name": "grade_logits", "dtype": "float32", "shape": [5]},
        {"name": "side_logits", "dtype": "float32", "shape": [3]},
        {"name": "regional_asymmetry", "dtype": "float32", "shape": [4]},
        {"name": "asymmetry_map", "dtype": "float32", "shape": [16, 16]},
        {"name": "roi_maps", "dtype": "float32", "shape": [5, 32, 32]},
    ]
    directory = write_palsy_bundle(tmp_path / "palsy", outputs=outputs)
    with pytest.raises(BundleError, match=r"outputs\.asymmetry_map\.shape: the graph's shape is \[32, 32\]"):
        open_session(load_bundle(directory))


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    import hashlib

    directory = write_palsy_bundle(tmp_path / "palsy")
    junk = b"not a graph"
    (directory / "model.onnx").write_bytes(junk)
    manifest = json.loads((directory / "manifest.json").read_text())
    digest = hashlib.sha256(junk).hexdigest()
    manifest |= {
        "sha256": digest,
        "files": {"float32": {"file": "model.onnx", "sha256": digest, "bytes": len(junk)}},
    }
    (directory / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="ONNX Runtime cannot load it"):
        open_session(load_bundle(directory))
