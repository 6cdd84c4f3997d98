"""A network and what is known about it -> a bundle directory, complete or not there at all.

The bundle is written beside its place, loaded and run as the service will, and only then moved into place.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError
from torch import Tensor

from export.errors import ExportError
from export.half import write_float16
from export.metadata import Metadata
from export.model_card import model_card
from export.networks import GraphNetwork
from export.onnx_graph import write_graph
from export.parity import Parity, check, compare, network_answers
from export.quantize import write_int8
from face.landmarks.detector import LANDMARK_MODEL_SHA256
from service.inference.bundle import MANIFEST_FILE, METRICS_FILE, MODEL_CARD_FILE, load_bundle
from service.inference.errors import BundleError
from service.inference.manifest import SCHEMA_VERSION, parse_manifest
from service.inference.session import InferenceSession, open_session

FLOAT_FILE, INT8_FILE, HALF_FILE = "model.onnx", "model.int8.onnx", "model.float16.onnx"
# What the graph was made of, to train on from and to calibrate anew; the service never reads it.
CHECKPOINT_FILE = "checkpoint.pt"
PARITY_SAMPLES = 8


@dataclass(frozen=True, kw_only=True)
class BundleContent:
    """What the bundle holds besides the graph. labels: the manifest's section; preprocessing: {"spec", "fingerprint"};
    checkpoint: the file that goes along."""

    task: Literal["palsy", "microexpression"]
    metadata: Metadata
    labels: Mapping[str, Any]
    calibration: Mapping[str, Any]
    preprocessing: Mapping[str, Any]
    metrics: Mapping[str, Any]
    thresholds: Mapping[str, Any]
    card: str | None = None
    checkpoint: Path | None = None


@dataclass(frozen=True)
class BundleReport:
    """parity: ONNX Runtime against torch; int8, float16: those graphs against torch, no bound of their own."""

    directory: Path
    parity: Parity
    int8: Parity | None
    float16: Parity | None
    bytes: dict[str, int]


def write_bundle(
    network: GraphNetwork,
    content: BundleContent,
    directory: Path,
    *,
    outputs: Sequence[str],
    int8: bool = True,
    float16: bool = False,
    default_variant: Literal["float32", "int8"] | None = None,
    samples: Mapping[str, Tensor] | None = None,
) -> BundleReport:
    """Writes and verifies a bundle; an existing bundle in `directory` is replaced in one step.

    network: PalsyGraph or EmotionGraph (see export.networks). float16: also the variant that a service on a GPU
    takes. samples: inputs for the parity check, by default the network's own examples. Raises ExportError; whatever was
    at `directory` before is then still there.
    """
    if not content.metrics:
        raise ExportError(
            "the model has no metrics: a bundle without figures must not be served. Run "
            "`python -m model_training evaluate` and pass its metrics.json with --metrics."
        )
    if default_variant == "int8" and not int8:
        raise ExportError("default_variant is int8, but no int8 graph was asked for")
    directory = directory.resolve()
    if directory.is_file() or (directory.exists() and any(directory.iterdir()) and not _is_bundle(directory)):
        raise ExportError(f"{directory}: exists and is not a bundle; choose another folder or remove it first")
    examples = samples or network.example_inputs(PARITY_SAMPLES)
    arrays = {name: tensor.numpy() for name, tensor in examples.items()}
    with _staging(directory) as staging:
        write_graph(network, inputs=examples, outputs=outputs, path=staging / FLOAT_FILE)
        expected = network_answers(network, arrays)
        parity = check(compare(expected, staging / FLOAT_FILE, arrays))
        int8_parity = None
        if int8:
            write_int8(staging / FLOAT_FILE, staging / INT8_FILE)
            int8_parity = compare(expected, staging / INT8_FILE, arrays)
        half_parity = None
        if float16:
            write_float16(staging / FLOAT_FILE, staging / HALF_FILE)
            half_parity = compare(expected, staging / HALF_FILE, arrays)
        export_figures = {
            name: found.as_dict()
            for name, found in (("parity", parity), ("int8", int8_parity), ("float16", half_parity))
            if found is not None
        }
        metrics = _plain({**content.metrics, "export": export_figures})
        if content.checkpoint is not None:
            shutil.copyfile(content.checkpoint, staging / CHECKPOINT_FILE)
        _write_texts(staging, content, metrics, default_variant or ("int8" if int8 else "float32"))
        sizes = {path.name: path.stat().st_size for path in sorted(staging.iterdir())}
        try:
            bundle = load_bundle(staging)
            for variant in bundle.manifest.files:
                open_session(bundle, variant=variant)
        except BundleError as error:
            raise ExportError(f"the finished bundle does not pass the service's own check: {error}") from error
    return BundleReport(directory=directory, parity=parity, int8=int8_parity, float16=half_parity, bytes=sizes)


def _is_bundle(directory: Path) -> bool:
    return (directory / MANIFEST_FILE).exists()


def _write_texts(staging: Path, content: BundleContent, metrics: dict[str, Any], default_variant: str) -> None:
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
        "default_variant": default_variant,
    }
    text = json.dumps(_plain(manifest), indent=2, ensure_ascii=False) + "\n"
    try:
        parse_manifest(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"] if part not in ("palsy", "microexpression"))
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


@contextmanager
def _staging(directory: Path) -> Iterator[Path]:
    """A folder beside `directory` that takes its place if the block succeeds and vanishes if it does not."""
    staging = directory.with_name(f".{directory.name}.{os.getpid()}.part")
    previous = directory.with_name(f".{directory.name}.{os.getpid()}.old")
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        yield staging
        if directory.exists():
            directory.rename(previous)
        try:
            staging.rename(directory)
        except OSError:
            if previous.exists():
                previous.rename(directory)
            raise
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
        raise ExportError(
            f"{directory}: could not be written ({reason}); what was there before is unchanged"
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        shutil.rmtree(previous, ignore_errors=True)
