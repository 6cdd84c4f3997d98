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

from face.frame.quality import Quality, check_quality, measure_quality
from face.frame.regions import regional_asymmetry
from face.palsy.decoding import PalsyCalibration, PalsyReading, decode
from face.palsy.input import PalsyInput, PalsyInputSpec, palsy_input
from face.palsy.limits import AnswerLimits
from face.palsy.warnings import check_agreement, check_likeness, check_looks
from face.photograph import Photograph, PhotographReader
from face.stopwatch import Stopwatch
from face.vocabulary import FacePolicy, Region

Array = npt.NDArray[Any]
# Named arrays in, named arrays out, both with a leading batch axis.
Graph = Callable[[Mapping[str, Array]], Mapping[str, Array]]

# How unlike the faces of its training a face is; a graph may leave it out.
OUT_OF_DISTRIBUTION_OUTPUT = "ood_score"
ASYMMETRY_OUTPUT = "asymmetry_map"


@dataclass(frozen=True, eq=False)
class ReadPhotograph:
    """What was seen and what the model said of it.

    made: the graph's input and the way back to the photograph. outputs: of the graph, without the batch axis.
    regional: asymmetry 0..1 by region; None where the graph draws no asymmetry map. warnings: sentences that say what
    to do.
    """

    photograph: Photograph
    made: PalsyInput
    outputs: Mapping[str, Array]
    reading: PalsyReading
    regional: dict[Region, float] | None
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
    watch: Stopwatch | None = None,
) -> ReadPhotograph:
    """The whole way: bytes of an image file -> the reading with its warnings.

    Raises the PreprocessingErrors of every stage, OutOfDistribution, and what the graph raises. Stages of `watch`:
    those of `see_palsy`, inference, rendering (the regional figures are read off the map that is drawn).
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
        reading = decode(batch["grade_logits"], batch["side_logits"], calibration=calibration)[0]
        outputs = {name: np.asarray(values)[0] for name, values in batch.items()}
    if OUT_OF_DISTRIBUTION_OUTPUT in outputs:
        warnings += check_likeness(
            float(outputs[OUT_OF_DISTRIBUTION_OUTPUT]), warn_above=limits.warn_above, refuse_above=limits.refuse_above
        )
    warnings += check_agreement(reading)
    regional = None
    if ASYMMETRY_OUTPUT in outputs:
        with watch.stage("rendering"):
            regional = regional_asymmetry(outputs[ASYMMETRY_OUTPUT], made.aligned, full_scale=limits.full_scale)
    return ReadPhotograph(
        photograph=photograph,
        made=made,
        outputs=outputs,
        reading=reading,
        regional=regional,
        quality=quality,
        warnings=tuple(warnings),
    )
