"""Two photographs -> what a micro-expression model says of the motion between them: the one reading that the service
and training's `predict` share.

The way: quality of both -> registration, flow and its reliability -> graph -> calibrated probabilities -> an emotion,
where the movement is an expression. Who calls brings the graph, as a function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from face.frame.quality import Quality, QualityLimits, check_quality, measure_quality
from face.microexpression.input import MicroExpressionInput, microexpression_input
from face.microexpression.movement_kind import LEAST_LIDS, WARNED_LIPS, WARNED_TILT_DEG, WARNED_TURN_DEG, FaceChange
from face.microexpression.spec import MicroExpressionSpec
from face.photograph import Photograph
from face.probability import softmax
from face.stopwatch import Stopwatch
from face.vocabulary import MovementKind

Array = npt.NDArray[Any]
# Named arrays in, named arrays out, both with a leading batch axis.
Graph = Callable[[Mapping[str, Array]], Mapping[str, Array]]

# What is said where no emotion is named.
NO_EXPRESSION: Mapping[MovementKind, str] = {
    "blink": "Only the lids move, as in a blink: no emotion is named. Choose frames with the eyes equally open.",
    "gaze": "Only the eyes move: no emotion is named. Choose frames with the same direction of gaze.",
    "speech": "The jaw and the lips move as in speech: no emotion is named. Choose frames in which nobody speaks.",
    "head": "The head turns between onset and apex, which moves the whole face: no emotion is named. "
    "Choose frames nearer to each other.",
}


@dataclass(frozen=True, eq=False)
class ReadPair:
    """What was seen and what the model said of it.

    label, probability: None where the movement is no expression. probabilities: by emotion, what the motion would be
    if it were one. quality: of the onset, whose landmarks set the crop. warnings: sentences that say what to do.
    """

    made: MicroExpressionInput
    label: str | None
    probability: float | None
    probabilities: dict[str, float]
    quality: Quality
    warnings: tuple[str, ...]


def read_pair(
    onset: Photograph,
    apex: Photograph,
    spec: MicroExpressionSpec,
    graph: Graph,
    *,
    emotions: Sequence[str],
    temperature: float,
    limits: QualityLimits,
    watch: Stopwatch,
) -> ReadPair:
    """Stages `quality`, `flow` and `inference`. Raises the PreprocessingErrors of check_quality and
    microexpression_input."""
    with watch.stage("quality"):
        quality = measure_quality(onset.rgb, onset.face, sent_px=onset.to_sent.scale)
        apex_quality = measure_quality(apex.rgb, apex.face, sent_px=apex.to_sent.scale)
        warnings = [f"Onset: {text}" for text in onset.warnings() + check_quality(quality, limits)]
        warnings += [f"Apex: {text}" for text in apex.warnings() + check_quality(apex_quality, limits)]
    with watch.stage("flow"):
        made = microexpression_input(onset.rgb, onset.face, apex.rgb, apex.face, spec)
    with watch.stage("inference"):
        logits = graph({name: tensor[None] for name, tensor in made.tensors.items()})["emotion_logits"][0]
        shares = softmax(logits[None] / temperature)[0]
    probabilities = {name: float(share) for name, share in zip(emotions, shares, strict=True)}
    label = max(probabilities, key=lambda name: probabilities[name]) if made.moved.kind == "expression" else None
    return ReadPair(
        made=made,
        label=label,
        probability=None if label is None else probabilities[label],
        probabilities=probabilities,
        quality=quality,
        warnings=(
            *warnings,
            *movement_warnings(made.moved.kind, made.moved.reliability, made.moved.change, sure=spec.sure_reliability),
        ),
    )


def movement_warnings(kind: MovementKind, reliability: float, change: FaceChange, *, sure: float) -> list[str]:
    """Sentences on what makes the movement hard to believe or is no part of it."""
    if kind != "expression":
        return [NO_EXPRESSION[kind]]
    warnings = []
    if reliability < sure:
        warnings.append(
            f"The movement is barely more than noise, or than what the head's own motion leaves (reliability "
            f"{reliability:.2f}); choose an apex at the peak of it, and frames with less noise and compression."
        )
    if change.turned >= WARNED_TURN_DEG or change.tilted >= WARNED_TILT_DEG:
        warnings.append(
            f"The head turns by {change.turned:.1f} and tilts by {change.tilted:.1f} degrees between onset and apex, "
            "which can move the skin by itself; choose frames nearer to each other, if there are any."
        )
    if abs(change.lids) >= LEAST_LIDS:
        way = "close" if change.lids < 0 else "open"
        warnings.append(
            f"The lids {way} between onset and apex, which may be a blink; "
            "choose frames with the eyes equally open, if there are any."
        )
    if abs(change.lips) >= WARNED_LIPS:
        way = "close" if change.lips < 0 else "part"
        warnings.append(
            f"The lips {way} between onset and apex, which may be speech; "
            "choose frames in which nobody speaks, if there are any."
        )
    return warnings
