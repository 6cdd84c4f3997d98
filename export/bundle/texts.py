"""manifest.json, metrics.json and MODEL_CARD.md of the graphs that lie in a folder."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from export.bundle.content import BundleContent
from export.bundle.model_card import model_card
from export.errors import ExportError
from face.landmarks.model_file import LANDMARK_MODEL_SHA256
from face.vocabulary import Task
from service.inference.bundle import MANIFEST_FILE, METRICS_FILE, MODEL_CARD_FILE
from service.inference.manifest import SCHEMA_VERSION, parse_manifest
from service.inference.session import InferenceSession

FLOAT_FILE, INT8_FILE, HALF_FILE = "model.onnx", "model.int8.onnx", "model.float16.onnx"


def write_texts(staging: Path, content: BundleContent, metrics: Mapping[str, Any], default_variant: str) -> None:
    """metrics: all figures, those of the export included. Raises ExportError naming the manifest's field that is
    wrong."""
    metrics = _plain(metrics)
    metadata = content.metadata
    inputs, outputs = InferenceSession(staging / FLOAT_FILE).signature()
    files = {
        variant: _file_entry(staging / name)
        for variant, name in (("float32", FLOAT_FILE), ("int8", INT8_FILE), ("float16", HALF_FILE))
        if (staging / name).exists()
    }
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "task": content.task,
        "name": metadata.name,
        "version": metadata.version,
        "description": metadata.description,
        "created": datetime.now(UTC).replace(microsecond=0).isoformat(),
        "input": {
            "spec": content.preprocessing["spec"],
            "fingerprint": content.preprocessing["fingerprint"],
            "tensors": [tensor.model_dump() for tensor in inputs],
        },
        "outputs": [tensor.model_dump() for tensor in outputs],
        "labels": content.labels,
        "calibration": content.calibration,
        "thresholds": {**content.thresholds, **metadata.thresholds},
        "training_data": metadata.training_data,
        "intended_use": metadata.intended_use,
        "metrics": few_figures(metrics),
        "licence": metadata.licence,
        "landmark_model_sha256": LANDMARK_MODEL_SHA256,
        "sha256": files["float32"]["sha256"],
        "files": files,
        "weights": {name: _file_entry(staging / name) for name in content.weights},
        "default_variant": default_variant,
    }
    text = json.dumps(_plain(manifest), indent=2, ensure_ascii=False) + "\n"
    try:
        parse_manifest(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"] if part not in get_args(Task))
        raise ExportError(f"the manifest would not be valid: {field or 'manifest'}: {first['msg']}") from error
    (staging / MANIFEST_FILE).write_text(text, encoding="utf-8")
    (staging / METRICS_FILE).write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    labels = tuple(str(label) for label in next(iter(content.labels.values())))
    card = content.card or model_card(task=content.task, metadata=metadata, labels=labels, metrics=metrics)
    (staging / MODEL_CARD_FILE).write_text(card, encoding="utf-8")


def few_figures(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """What the manifest shows beside the name: the figures at the top of metrics.json, those of all samples where
    `evaluate` wrote it, and those of the validation people where it is a checkpoint's own."""
    figures = {name: value for name, value in metrics.items() if isinstance(value, int | float | str)}
    figures.pop("note", None)
    figures |= metrics.get("all", {}).get("figures", {})
    return figures | {f"validation_{name}": value for name, value in metrics.get("validation", {}).items()}


def _file_entry(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return {"file": path.name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def _plain(value: Any) -> Any:
    """JSON-able: tuples as lists, NaN and infinity as null, because JSON has neither."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
