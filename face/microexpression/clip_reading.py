"""A clip -> its events with what a micro-expression model says of each: the one reading that the service and the
command line share.

The way: spotting.py finds the events -> the frames around each apex against the rest -> graph -> calibrated
probabilities, their mean -> an emotion, where the event is an expression that can be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from face.frame.quality import Quality, QualityLimits, check_quality, measure_quality
from face.microexpression.clip_frame import ClipFrame, FacePiece
from face.microexpression.input import flow_tensors
from face.microexpression.pair_motion import PairMotion, flow_disagreement
from face.microexpression.reading import NO_EXPRESSION, Graph, movement_warnings
from face.microexpression.spec import MicroExpressionSpec
from face.microexpression.spotting import Event, SpottedClip, against_rest, spot
from face.probability import softmax
from face.stopwatch import Stopwatch

# Yan et al. 2013 (J Nonverbal Behav 37:217): a micro-expression lasts for at most half a second.
LONGEST_S = 0.5
# Below, it may pass between two frames.
LEAST_FRAMES_PER_S = 20.0


@dataclass(frozen=True, eq=False)
class ReadEvent:
    """label, probability: None where no emotion is named; a warning says why. probabilities: by emotion, what the
    motion would be if it were an expression. score, regions: as of a pair, at the apex."""

    event: Event
    label: str | None
    probability: float | None
    probabilities: dict[str, float]
    score: float
    regions: dict[str, float]
    warnings: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class ReadClip:
    """times_s: (frames,). quality: of the frame at rest. warnings: on the clip as a whole."""

    times_s: tuple[float, ...]
    spotted: SpottedClip
    events: tuple[ReadEvent, ...]
    quality: Quality
    warnings: tuple[str, ...]


def read_clip(
    frames: Sequence[ClipFrame],
    spec: MicroExpressionSpec,
    graph: Graph,
    *,
    emotions: Sequence[str],
    temperature: float,
    limits: QualityLimits,
    watch: Stopwatch,
    progress: Callable[[float], object] = lambda _: None,
) -> ReadClip:
    """Stages `spotting` and `inference`. progress: as of `spot`.

    Raises what `spot` raises, and the PreprocessingErrors of check_quality for the frame at rest.
    """
    with watch.stage("spotting"):
        spotted = spot(frames, spec, progress=progress)
        rest = spotted.at_rest
        quality = measure_quality(rest.rgb, rest.face, sent_px=rest.sent_px)
        warnings = [*_clip_warnings(frames, spotted), *check_quality(quality, limits)]
    with watch.stage("inference"):
        events = []
        for event in spotted.events:
            around = _around(frames, event, rest, spec)
            flows = np.stack([flow_tensors(moved)["flow"] for moved in around])
            logits = graph({"flow": flows})["emotion_logits"]
            shares = softmax(logits / temperature).mean(axis=0)
            probabilities = {name: float(share) for name, share in zip(emotions, shares, strict=True)}
            events.append(_named(frames, event, around, probabilities, spec))
    times = tuple(frame.time_s for frame in frames)
    return ReadClip(times_s=times, spotted=spotted, events=tuple(events), quality=quality, warnings=tuple(warnings))


def _around(frames: Sequence[ClipFrame], event: Event, rest: FacePiece, spec: MicroExpressionSpec) -> list[PairMotion]:
    seen = (frames[number].seen for number in event.around)
    moved = (None if one is None else against_rest(rest, one, spec) for one in seen)
    return [one for one in moved if one is not None]


def _named(
    frames: Sequence[ClipFrame],
    event: Event,
    around: Sequence[PairMotion],
    probabilities: dict[str, float],
    spec: MicroExpressionSpec,
) -> ReadEvent:
    apex = around[int(np.argmin([abs(number - event.apex) for number in event.around]))]
    label: str | None = None
    warnings: list[str] = []
    # A turned head comes back less well, too, and says so itself.
    if event.kind != "head" and flow_disagreement(apex, spec) > spec.max_disagreement:
        warnings.append(
            "Rest and apex do not show the same face in the same scene: no emotion is named. Another person, the "
            "light, the focus or the view has changed; send the part of the clip between two such changes."
        )
    elif event.kind != "expression":
        warnings.append(NO_EXPRESSION[event.kind])
    elif apex.beyond_eyes > spec.max_motion:
        warnings.append(
            f"The face moves by {apex.beyond_eyes:.0f} % of the inter-ocular distance, a micro-expression by less than "
            f"{spec.max_motion:.0f} %: no emotion is named."
        )
    else:
        label = max(probabilities, key=lambda name: probabilities[name])
        warnings += movement_warnings(event.kind, event.reliability, apex.change, sure=spec.sure_reliability)
        lasts = frames[event.offset].time_s - frames[event.onset].time_s
        if lasts > LONGEST_S:
            warnings.append(
                f"It lasts for {lasts:.1f} s, a micro-expression for at most {LONGEST_S:g} s: an ordinary expression, "
                "or several that follow each other."
            )
        elif event.onset == 0 or event.offset == len(frames) - 1:
            way = "begins" if event.onset == 0 else "ends"
            warnings.append(
                f"The clip {way} in the middle of the movement: how long it lasts is not known. Film from before it "
                "until the face is at rest again."
            )
    return ReadEvent(
        event=event,
        label=label,
        probability=None if label is None else probabilities[label],
        probabilities=probabilities,
        score=apex.score,
        regions=apex.regions,
        warnings=tuple(warnings),
    )


def _clip_warnings(frames: Sequence[ClipFrame], spotted: SpottedClip) -> list[str]:
    warnings = []
    unknown = int(np.isnan(spotted.motion).sum())
    if unknown:
        warnings.append(
            f"In {unknown} of {len(frames)} frames no face was found, or the head had turned too far: what moved in "
            "them is not known."
        )
    frames_per_s = (len(frames) - 1) / (frames[-1].time_s - frames[0].time_s)
    if frames_per_s < LEAST_FRAMES_PER_S:
        warnings.append(
            f"The clip has {frames_per_s:.3g} frames a second; a micro-expression may pass between two of them. "
            f"Film with {LEAST_FRAMES_PER_S:.0f} or more, better 60."
        )
    return warnings
