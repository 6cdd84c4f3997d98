from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from service.inference.manifest import MicroexpressionManifest, PalsyManifest, parse_manifest
from tests.onnx_factory import palsy_graph, palsy_manifest

OUTPUTS = {
    "grade_logits": (5,),
    "side_logits": (3,),
    "regional_asymmetry": (4,),
    "asymmetry_map": (32, 32),
    "roi_maps": (5, 32, 32),
}


def manifest(outputs: dict[str, tuple[int, ...]] | None = None, **changes: Any) -> str:
    data = palsy_graph().SerializeToString()
    return json.dumps(palsy_manifest(data, output_shapes=outputs or OUTPUTS, **changes))


def faults(text: str) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        parse_manifest(text)
    return [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in caught.value.errors()]


def test_a_palsy_manifest_is_read_and_frozen() -> None:
    read = parse_manifest(manifest())
    assert isinstance(read, PalsyManifest)
    assert read.labels.sides == ("left", "right", "none")
    with pytest.raises(ValidationError, match="frozen"):
        read.name = "other"  # type: ignore[misc]


def test_what_was_written_is_read_back_unchanged() -> None:
    read = parse_manifest(manifest())
    assert parse_manifest(read.model_dump_json()) == read


def test_a_microexpression_manifest_is_told_apart_by_its_task() -> None:
    values = json.loads(manifest())
    values |= {
        "task": "microexpression",
        "outputs": [{"name": "emotion_logits", "dtype": "float32", "shape": [3]}],
        "labels": {"emotions": ["negative", "positive", "surprise"]},
        "calibration": {"temperature": 1.5},
        "thresholds": {},
    }
    values["input"]["tensors"] = [{"name": "flow", "dtype": "uint8", "shape": [3, 28, 28]}]
    read = parse_manifest(json.dumps(values))
    assert isinstance(read, MicroexpressionManifest)
    assert read.labels.emotions == ("negative", "positive", "surprise")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"colour": "blue"}, "palsy.colour: Extra"),
        ({"calibration__grade_temperature": 0.0}, "palsy.calibration.grade_temperature"),
        ({"calibration__coverage": "0.9"}, "palsy.calibration.coverage"),
        ({"sha256": "abc"}, "palsy.sha256"),
        ({"sha256": "0" * 64}, "is not that of files.float32"),
        ({"default_variant": "int8"}, "default_variant: 'int8' is not among files"),
        ({"thresholds__quality": {"min_face_px": 3.0}}, "unknown limit 'min_face_px'"),
        ({"thresholds__quality": {"max_yaw_deg": -1.0}}, "max_yaw_deg"),
        ({"labels__grades": ["I", "I"]}, "grades must differ"),
        ({"labels__grades": ["normal", "mild", "severe"]}, "grade_logits must have shape [2]"),
        ({"labels__sides": ["right", "left", "none"]}, "palsy.labels.sides"),
        ({"schema_version": 3}, "palsy.schema_version"),
        ({"task": "gait"}, "union_tag_invalid|palsy"),
        ({"thresholds__out_of_distribution": {"warn_above": 1.0, "refuse_above": 2.0}}, "ood_score"),
    ],
)
def test_every_wrong_field_is_named(changes: dict[str, Any], field: str) -> None:
    found = " ".join(faults(manifest(**changes)))
    assert any(part in found for part in field.split("|")), found


def test_a_missing_output_is_named() -> None:
    outputs = {name: shape for name, shape in OUTPUTS.items() if name != "roi_maps"}
    assert "outputs: roi_maps missing" in " ".join(faults(manifest(outputs=outputs)))


def test_three_grades_of_a_data_set_are_possible() -> None:
    grades = ["normal", "mild", "severe"]
    read = parse_manifest(manifest(outputs={**OUTPUTS, "grade_logits": (2,)}, labels__grades=grades))
    assert isinstance(read, PalsyManifest)
    assert list(read.labels.grades) == grades


def test_the_shipped_bundles_have_valid_manifests() -> None:
    shipped = sorted(Path("models").glob("*/manifest.json"))
    for path in shipped:
        assert parse_manifest(path.read_bytes()).task == path.parent.name
