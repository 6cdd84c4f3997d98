"""One photograph -> everything that a palsy model says of it: the one reading that the service, training's `predict`
and the cache share.

The way: both looks at the face -> the graph's input -> quality -> graph -> decoding -> warnings -> regions. Who calls
brings the graph, as a function; whether ONNX Runtime or torch is behind it cannot be seen from here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from face.errors import FaceCovered
from face.frame.quality import Quality, check_quality, measure_quality
from face.frame.regions import regional_asymmetry, roi_masks
from face.palsy.decoding import PalsyCalibration, PalsyReading, at_rest, decode, holding, widened
from face.palsy.input import PalsyInput, PalsyInputSpec, palsy_input
from face.palsy.limits import AnswerLimits
from face.palsy.visibility import SEEN_MAP_OUTPUT, Visibility, check_visibility, look_what_is_seen, without_hidden
from face.palsy.warnings import check_agreement, check_likeness, check_looks
from face.photograph import Photograph, PhotographReader
from face.probability import softmax
from face.stopwatch import Stopwatch
from face.vocabulary import MOVEMENTS, FacePolicy, Pose, Region

Array = npt.NDArray[Any]
# Named arrays in, named arrays out, both with a leading batch axis.
Graph = Callable[[Mapping[str, Array]], Mapping[str, Array]]

# How unlike the faces of its training a face is; a graph may leave it out.
OUT_OF_DISTRIBUTION_OUTPUT = "ood_score"
ASYMMETRY_OUTPUT = "asymmetry_map"
# On the mosaic, with heat that is drawn.
MAP_OUTPUTS = (ASYMMETRY_OUTPUT, "roi_maps")
# What the face is asked to do, in the order of MOVEMENTS; a graph may leave it out.
MOVEMENT_OUTPUT = "movement_logits"
# Cells along a side of what is computed on the mosaic, where a graph has no map of its own.
_MAP_SIZE = 32


@dataclass(frozen=True, eq=False)
class ReadPhotograph:
    """What was seen and what the model said of it.

    made: the graph's input and the way back to the photograph. outputs: of the graph, without the batch axis; its maps
    have no heat where a region is not seen. before_turn: the reading without what a turned head takes from it, as
    examinations take it: they were fitted on these, and see the other pictures of the face. regional: asymmetry 0..1
    by region, None for one that is not seen; None where the graph draws no asymmetry map. warnings: sentences that say
    what to do.
    """

    photograph: Photograph
    made: PalsyInput
    outputs: Mapping[str, Array]
    reading: PalsyReading
    before_turn: PalsyReading
    regional: dict[Region, float | None] | None
    visibility: Visibility
    quality: Quality
    warnings: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class PalsyLook:
    """What one look sees, without a grade; as in ReadPhotograph. warnings: what would be refused is here a sentence."""

    photograph: Photograph
    made: PalsyInput
    visibility: Visibility
    quality: Quality
    warnings: tuple[str, ...]


def see_palsy(
    data: bytes,
    reader: PhotographReader,
    spec: PalsyInputSpec,
    *,
    policy: FacePolicy = "single",
    mirrored: bool = False,
    watch: Stopwatch | None = None,
) -> tuple[Photograph, PalsyInput]:
    """The way up to the graph: bytes of an image file -> the photograph, looked at both ways, and the graph's input.

    Raises the PreprocessingErrors of every stage. Stages of `watch`: decode, landmarks, preprocessing.
    """
    watch = watch or Stopwatch()
    photograph = reader.read(data, policy=policy, watch=watch, both_ways=True, mirrored=mirrored)
    with watch.stage("preprocessing"):
        return photograph, palsy_input(photograph.rgb, photograph.face, spec)


def read_palsy(
    data: bytes,
    reader: PhotographReader,
    graph: Graph,
    spec: PalsyInputSpec,
    *,
    calibration: PalsyCalibration,
    limits: AnswerLimits,
    policy: FacePolicy = "single",
    mirrored: bool = False,
    pose: Pose | None = None,
    watch: Stopwatch | None = None,
) -> ReadPhotograph:
    """The whole way: bytes of an image file -> the reading with its warnings.

    pose: what the face was asked to do; None: at rest is what the graph says is rest.
    Raises the PreprocessingErrors of every stage, FaceCovered, OutOfDistribution, and what the graph raises. Stages of
    `watch`: those of `see_palsy`, inference, rendering (the regional figures are read off the map that is drawn).
    """
    watch = watch or Stopwatch()
    photograph, made = see_palsy(data, reader, spec, policy=policy, mirrored=mirrored, watch=watch)
    with watch.stage("preprocessing"):
        quality = measure_quality(
            photograph.rgb, photograph.face, aligned=made.aligned, sent_px=photograph.to_sent.scale
        )
        warnings = photograph.warnings() + check_quality(quality, limits.quality)
        if photograph.looks is not None:
            warnings += check_looks(photograph.looks)
    with watch.stage("inference"):
        batch = graph({name: tensor[None] for name, tensor in made.tensors.items()})
        before_turn = decode(batch["grade_logits"], batch["side_logits"], calibration=calibration)[0]
        allowed = limits.turned_head.allowed_for(batch["grade_logits"], quality.yaw_deg)
        reading = holding(decode(allowed, batch["side_logits"], calibration=calibration)[0], before_turn)
        outputs = {name: np.asarray(values)[0] for name, values in batch.items()}
    with watch.stage("rendering"):
        masks, visibility = _what_is_seen(photograph, made, outputs, limits)
    warnings += check_visibility(visibility)
    if OUT_OF_DISTRIBUTION_OUTPUT in outputs:
        warnings += check_likeness(
            float(outputs[OUT_OF_DISTRIBUTION_OUTPUT]), warn_above=limits.warn_above, refuse_above=limits.refuse_above
        )
    warnings += check_agreement(reading)
    if visibility.hidden or visibility.partly or visibility.cut:
        reading = widened(reading)
    if visibility.hidden:
        outputs |= {name: without_hidden(outputs[name], masks, visibility) for name in MAP_OUTPUTS if name in outputs}
    if shows_rest(outputs.get(MOVEMENT_OUTPUT), pose):
        reading = at_rest(reading)
    regional = None
    if ASYMMETRY_OUTPUT in outputs:
        with watch.stage("rendering"):
            scores = regional_asymmetry(outputs[ASYMMETRY_OUTPUT], masks, full_scale=limits.full_scale)
            regional = {region: score if visibility.compares(region) else None for region, score in scores.items()}
    return ReadPhotograph(
        photograph=photograph,
        made=made,
        outputs=outputs,
        reading=reading,
        before_turn=before_turn,
        regional=regional,
        visibility=visibility,
        quality=quality,
        warnings=tuple(warnings),
    )


def look_palsy(
    data: bytes,
    reader: PhotographReader,
    graph: Graph,
    spec: PalsyInputSpec,
    *,
    limits: AnswerLimits,
    policy: FacePolicy = "single",
    mirrored: bool = False,
    watch: Stopwatch | None = None,
) -> PalsyLook:
    """One look, for a camera that runs: no grade, and no refusal where only the framing is at fault.

    Raises the PreprocessingErrors up to quality, and what the graph raises. Stages of `watch`: decode, landmarks,
    preprocessing, inference.
    """
    watch = watch or Stopwatch()
    photograph = reader.read(data, policy=policy, watch=watch, mirrored=mirrored)
    with watch.stage("preprocessing"):
        made = palsy_input(photograph.rgb, photograph.face, spec)
        quality = measure_quality(
            photograph.rgb, photograph.face, aligned=made.aligned, sent_px=photograph.to_sent.scale
        )
        warnings = photograph.warnings() + check_quality(quality, limits.quality)
    with watch.stage("inference"):
        batch = graph({name: tensor[None] for name, tensor in made.tensors.items()})
        outputs = {name: np.asarray(values)[0] for name, values in batch.items()}
    _, visibility = _what_is_seen(photograph, made, outputs, limits)
    try:
        warnings += check_visibility(visibility)
    except FaceCovered as error:
        warnings.append(error.message)
    return PalsyLook(photograph, made, visibility, quality, tuple(warnings))


def _what_is_seen(
    photograph: Photograph, made: PalsyInput, outputs: Mapping[str, Array], limits: AnswerLimits
) -> tuple[npt.NDArray[np.float32], Visibility]:
    """The masks of the regions on the mosaic, and what is seen of them."""
    size = outputs[ASYMMETRY_OUTPUT].shape[0] if ASYMMETRY_OUTPUT in outputs else _MAP_SIZE
    masks = roi_masks(made.aligned, size=size)
    return masks, look_what_is_seen(
        outputs.get(SEEN_MAP_OUTPUT),
        masks,
        photograph.on_sent(made.aligned),
        width=photograph.sent_width,
        height=photograph.sent_height,
        limits=limits.visibility,
    )


def shows_rest(movement_logits: Array | None, pose: Pose | None) -> bool:
    """Whether the face is at rest: by the pose that was asked for, else where the graph gives it more than one half."""
    if pose is not None:
        return pose == "rest"
    return movement_logits is not None and float(softmax(movement_logits)[MOVEMENTS.index("rest")]) > 0.5
