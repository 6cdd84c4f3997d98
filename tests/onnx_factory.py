"""A tiny palsy bundle made in code: real names, shapes and files, answers chosen by the test."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from face.landmarks.model_file import LANDMARK_MODEL_SHA256
from face.palsy.input import PalsyInputSpec

MAP_SIZE = 32
GRADE_III = (6.0, 3.0, -2.0, -4.0, -6.0)
GRADE_I = (-3.0, -5.0, -6.0, -7.0, -8.0)
SIDE_LEFT = (4.0, -4.0, 0.0)
SIDE_NONE = (-2.0, -2.0, 4.0)


def left_mouth_map() -> np.ndarray:
    """(32, 32) float32: heat on the patient's left mouth corner only (the lower right quarter of the mosaic)."""
    values = np.zeros((MAP_SIZE, MAP_SIZE), dtype=np.float32)
    values[20:28, 18:26] = 1.0
    return values


def quarter_roi_maps() -> np.ndarray:
    """(5, 32, 32) float32 in the order forehead, left eye, nose, right eye, mouth."""
    values = np.zeros((5, MAP_SIZE, MAP_SIZE), dtype=np.float32)
    values[0, :6] = 1.0
    values[1, 6:14, 18:] = 1.0
    values[2, 12:20, 12:20] = 1.0
    values[3, 6:14, :14] = 1.0
    values[4, 20:] = 1.0
    return values


def palsy_graph(
    *,
    grade_logits: tuple[float, ...] = GRADE_III,
    side_logits: tuple[float, float, float] = SIDE_LEFT,
    regional_asymmetry: tuple[float, float, float, float] = (0.2, 0.4, 0.3, 0.9),
    asymmetry_map: np.ndarray | None = None,
    roi_maps: np.ndarray | None = None,
    ood_score: float | None = None,
    seen_map: np.ndarray | None = None,
    movement_logits: tuple[float, float, float, float] | None = None,
    not_finite: bool = False,
) -> onnx.ModelProto:
    """Constants for outputs, repeated along the batch; both inputs are read. not_finite: the grade is NaN."""
    outputs: dict[str, np.ndarray] = {
        "grade_logits": np.array(grade_logits, dtype=np.float32),
        "side_logits": np.array(side_logits, dtype=np.float32),
        "regional_asymmetry": np.array(regional_asymmetry, dtype=np.float32),
        "asymmetry_map": left_mouth_map() if asymmetry_map is None else asymmetry_map.astype(np.float32),
        "roi_maps": quarter_roi_maps() if roi_maps is None else roi_maps.astype(np.float32),
    }
    if seen_map is not None:
        outputs["seen_map"] = seen_map.astype(np.float32)
    if movement_logits is not None:
        outputs["movement_logits"] = np.array(movement_logits, dtype=np.float32)
    if ood_score is not None:
        outputs["ood_score"] = np.array(ood_score, dtype=np.float32)
    if not_finite:
        outputs["grade_logits"][:] = np.nan
    nodes = [
        helper.make_node("Cast", ["images"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels", "image_axes"], ["grey"], keepdims=0),
        helper.make_node("ReduceMean", ["landmarks", "point_axes"], ["centre"], keepdims=0),
        helper.make_node("Add", ["grey", "centre"], ["read"]),
        helper.make_node("Mul", ["read", "zero"], ["nothing"]),
    ]
    constants = {
        "image_axes": np.array([1, 2, 3], dtype=np.int64),
        "point_axes": np.array([1, 2], dtype=np.int64),
        "zero": np.array(0.0, dtype=np.float32),
    }
    for name, value in outputs.items():
        constants[f"{name}_value"] = value[None]
        constants[f"{name}_shape"] = np.array([-1] + [1] * value.ndim, dtype=np.int64)
        nodes.append(helper.make_node("Reshape", ["nothing", f"{name}_shape"], [f"{name}_batch"]))
        nodes.append(helper.make_node("Add", [f"{name}_batch", f"{name}_value"], [name]))
    graph = helper.make_graph(
        nodes,
        "tiny-palsy",
        [
            helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", 1, 224, 224]),
            helper.make_tensor_value_info("landmarks", TensorProto.FLOAT, ["N", 478, 3]),
        ],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *value.shape])
            for name, value in outputs.items()
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 10
    onnx.checker.check_model(model)
    return model


def palsy_manifest(model: bytes, *, output_shapes: Mapping[str, tuple[int, ...]], **changes: Any) -> dict[str, Any]:
    """The manifest of one float32 graph. changes: dotted field names with `__` for the dot, e.g. labels__grades."""
    spec = PalsyInputSpec()
    digest = hashlib.sha256(model).hexdigest()
    manifest: dict[str, Any] = {
        "schema_version": 1,
        "task": "palsy",
        "name": "tiny",
        "version": "0.0.1",
        "description": "Made in a test.",
        "created": "2026-01-01T00:00:00Z",
        "input": {
            "spec": spec.to_dict(),
            "fingerprint": spec.fingerprint(),
            "tensors": [
                {"name": name, "dtype": dtype, "shape": list(shape)}
                for name, (dtype, shape) in spec.tensor_shapes().items()
            ],
        },
        "outputs": [{"name": name, "dtype": "float32", "shape": list(shape)} for name, shape in output_shapes.items()],
        "labels": {"grades": ["I", "II", "III", "IV", "V", "VI"]},
        "calibration": {
            "grade_temperature": 1.0, "side_temperature": 1.0, "conformal_threshold": 0.9, "coverage": 0.9,
        },
        "thresholds": {"quality": {}, "out_of_distribution": None, "heatmap_full_scale": 1.0},
        "training_data": "None: constants.",
        "intended_use": "Tests.",
        "metrics": {"quadratic_weighted_kappa": 0.0},
        "licence": "Apache-2.0",
        "landmark_model_sha256": LANDMARK_MODEL_SHA256,
        "sha256": digest,
        "files": {"float32": {"file": "model.onnx", "sha256": digest, "bytes": len(model)}},
        "default_variant": "float32",
    }  # fmt: skip
    for name, value in changes.items():
        *sections, key = name.split("__")
        target = manifest
        for section in sections:
            target = target[section]
        target[key] = value
    return manifest


def write_palsy_bundle(directory: Path, *, graph: Mapping[str, Any] | None = None, **changes: Any) -> Path:
    """A bundle in `directory`. graph: arguments of palsy_graph; changes: see palsy_manifest."""
    directory.mkdir(parents=True, exist_ok=True)
    model = palsy_graph(**(graph or {}))
    data = model.SerializeToString()
    outputs = {
        value.name: tuple(axis.dim_value for axis in value.type.tensor_type.shape.dim[1:])
        for value in model.graph.output
    }
    (directory / "model.onnx").write_bytes(data)
    (directory / "manifest.json").write_text(json.dumps(palsy_manifest(data, output_shapes=outputs, **changes)))
    (directory / "MODEL_CARD.md").write_text("# tiny\n\nMade in a test.\n")
    (directory / "metrics.json").write_text(json.dumps({"quadratic_weighted_kappa": 0.0}))
    return directory
