"""A checkpoint of `python -m model_training train` -> everything that `write_bundle` needs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from export.bundle import BundleContent, BundleReport, write_bundle
from export.errors import ExportError
from export.metadata import Metadata
from export.microexpression import export_reference, is_reference
from export.networks import PALSY_OUTPUTS, EmotionGraph, GraphNetwork, PalsyGraph
from model_training.errors import TrainingError
from model_training.networks.htnet import HTNet
from model_training.networks.htnet_enhanced import HTNetEnhanced
from model_training.training.checkpoint import Checkpoint, load_checkpoint


def export_checkpoint(
    checkpoints: Sequence[Path],
    directory: Path,
    *,
    metadata: Metadata | None = None,
    metrics_file: Path | None = None,
    card_file: Path | None = None,
    int8: bool = True,
    float16: bool = False,
    default_variant: Literal["float32", "int8"] | None = None,
) -> BundleReport:
    """One checkpoint -> one bundle; several micro-expression checkpoints become one ensemble. Raises ExportError."""
    card = _read_text(card_file) if card_file is not None else None
    if len(checkpoints) == 1 and is_reference(checkpoints[0]):
        figures = _read_json(metrics_file) if metrics_file is not None else {}
        return export_reference(checkpoints[0], directory, metrics=figures, card=card, metadata=metadata)
    try:
        loaded = [load_checkpoint(path) for path in checkpoints]
        first = loaded[0]
        network, outputs = _network(loaded)
    except (TrainingError, ValueError) as error:
        raise ExportError(str(error)) from error
    metadata = metadata or _default_metadata(first)
    metrics = _read_json(metrics_file) if metrics_file is not None else dict(first.metrics)
    content = BundleContent(
        task="palsy" if first.task == "palsy" else "microexpression",
        metadata=metadata,
        labels={"grades": list(first.labels)} if first.task == "palsy" else {"emotions": list(first.labels)},
        calibration=_calibration(first),
        preprocessing=first.preprocessing,
        metrics=metrics,
        thresholds=dict(first.calibration.get("thresholds", {})),
        card=card,
        checkpoint=checkpoints[0] if len(checkpoints) == 1 else None,
    )
    return write_bundle(
        network, content, directory, outputs=outputs, int8=int8, float16=float16, default_variant=default_variant
    )


def _network(loaded: Sequence[Checkpoint]) -> tuple[GraphNetwork, tuple[str, ...]]:
    first = loaded[0]
    if first.task == "palsy":
        if len(loaded) > 1:
            raise ExportError("palsy bundles hold one network; give one --checkpoint")
        from model_training.networks.build import restore

        network = restore(first.config["model"], first.state_dict, source=str(first.path))
        if not isinstance(network, HTNetEnhanced):
            raise ExportError(
                f"{first.path}: a {type(network).__name__} gives no ROI maps, so it can be evaluated but not served; "
                "train an HTNetEnhanced"
            )
        return PalsyGraph(network), PALSY_OUTPUTS
    if first.task == "microexpression":
        for other in loaded[1:]:
            if (other.task, other.labels) != (first.task, first.labels):
                raise ExportError(
                    f"{other.path}: task or labels differ from those of {first.path}; an ensemble shares both"
                )
            if other.preprocessing["fingerprint"] != first.preprocessing["fingerprint"]:
                raise ExportError(f"{other.path}: was trained on another preprocessing than {first.path}")
        return EmotionGraph([_htnet(checkpoint) for checkpoint in loaded]), ("emotion_logits",)
    raise ExportError(f"{first.path}: a checkpoint for {first.task!r}; there are bundles for palsy and microexpression")


def _htnet(checkpoint: Checkpoint) -> HTNet:
    arguments = dict(checkpoint.config["model"])
    name = arguments.pop("name", None)
    if name != "HTNet":
        raise ExportError(f"{checkpoint.path}: a micro-expression network is HTNet, the checkpoint holds {name!r}")
    network = HTNet(**{**arguments, "block_repeats": tuple(arguments["block_repeats"])})
    try:
        network.load_state_dict(dict(checkpoint.state_dict))
    except RuntimeError as error:
        problem = str(error).splitlines()[0]
        raise ExportError(f"{checkpoint.path}: the weights do not fit the configuration ({problem})") from error
    return network.eval()


def _calibration(checkpoint: Checkpoint) -> dict[str, Any]:
    names = (
        ("grade_temperature", "side_temperature", "conformal_threshold", "coverage")
        if checkpoint.task == "palsy"
        else ("temperature",)
    )
    missing = [name for name in names if name not in checkpoint.calibration]
    if missing:
        raise ExportError(
            f"{checkpoint.path}: has no calibration ({', '.join(missing)} missing). Training writes it when it ends; "
            "finish the run with --resume, or export the best checkpoint of a finished run."
        )
    return {name: float(checkpoint.calibration[name]) for name in names}


def _default_metadata(checkpoint: Checkpoint) -> Metadata:
    datasets = checkpoint.training_data.get("datasets", checkpoint.training_data.get("name", "not recorded"))
    stated = ", ".join(map(str, datasets)) if isinstance(datasets, list | tuple | Mapping) else str(datasets)
    return Metadata(
        name=f"{checkpoint.task}-custom",
        version="0.1.0",
        description=f"{checkpoint.task} model exported from {Path(checkpoint.path or 'a checkpoint').name}.",
        training_data=stated,
    )


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ExportError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ExportError(f"{path}: is not UTF-8 text ({error})") from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(_read_text(path))
    except ValueError as error:
        raise ExportError(f"{path}: is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise ExportError(f"{path}: must hold a JSON object, found {type(value).__name__}")
    return value
