"""How well movements of a clip are found: the apex against the one that was made, and events where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from face.image.files import list_images
from face.landmarks.landmarker import FaceLandmarker
from face.microexpression.clip_frame import ClipFrame, cut_to_face
from face.microexpression.spec import MicroExpressionSpec
from face.microexpression.spotting import SpottedClip, spot
from face.photograph import PhotographReader
from model_training.data.files import TRAINING_LIMITS
from model_training.microexpression.evaluation.false_alarms import usable_photograph
from model_training.microexpression.simulation.face_motion import MotionStudio
from model_training.microexpression.simulation.moving_clips import FPS, Movement, photographed_clip, rendered_clip

APEX_WITHIN_S = 0.1
# A clip with one movement; stretches without.
MOVING_S, STILL_S = 2.4, 4.0


class _Counts:
    def __init__(self) -> None:
        self.clips = self.apexes = self.onlies = self.events = self.expressions = 0
        self.seconds = 0.0

    def add(self, found: SpottedClip, seconds: float, movement: Movement | None) -> None:
        self.clips += 1
        self.seconds += seconds
        self.events += len(found.events)
        self.expressions += sum(event.kind == "expression" for event in found.events)
        if movement is not None:
            near = [event for event in found.events if abs(event.apex / FPS - movement.apex_s) <= APEX_WITHIN_S]
            self.apexes += bool(near)
            self.onlies += bool(near) and len(found.events) == 1

    def moving(self) -> dict[str, Any]:
        return {
            "clips": self.clips,
            "apex_within_s": APEX_WITHIN_S,
            "apex_found": round(self.apexes / self.clips, 4),
            "and_nothing_else": round(self.onlies / self.clips, 4),
        }

    def still(self) -> dict[str, Any]:
        minutes = self.seconds / 60
        return {
            "people": self.clips,
            "minutes": round(minutes, 2),
            "events_a_minute": round(self.events / minutes, 2),
            "expressions_a_minute": round(self.expressions / minutes, 2),
        }


def judge_spotting(
    photographs: Path,
    *,
    portraits: int,
    rendered: int,
    seed: int,
    progress: Callable[[int, int], object] = lambda *_: None,
) -> dict[str, Any]:
    """The first `portraits` usable photographs of the folder, each a person at rest, and `rendered` people: one clip
    with a movement and one without of each; rendered people also speak. progress: people done, and all."""
    spec = MicroExpressionSpec()
    counts = {name: _Counts() for name in ("warped", "rendered", "rest_of_portraits", "rest_of_rendered", "speech")}
    every, done = portraits + rendered, 0
    with FaceLandmarker() as landmarker, closing(PhotographReader(limits=TRAINING_LIMITS)) as reader:

        def look(name: str, pictures: Iterable[np.ndarray], seconds: float, movement: Movement | None) -> None:
            counts[name].add(spot(_frames(pictures, landmarker, spec), spec), seconds, movement)

        for number, file in enumerate(list_images([photographs])):
            if done == portraits:
                break
            person = usable_photograph(file, reader)
            if person is None:
                continue
            rng = np.random.default_rng([seed, number])
            made = Movement.drawn(rng, seconds=MOVING_S)
            moving = photographed_clip(person.rgb, person.face, rng, seconds=MOVING_S, movement=made)
            look("warped", moving, MOVING_S, made)
            still = photographed_clip(person.rgb, person.face, rng, seconds=STILL_S, movement=None)
            look("rest_of_portraits", still, STILL_S, None)
            done += 1
            progress(done, every)
        with closing(MotionStudio(spec)) as studio:
            for number in range(rendered):
                rng = np.random.default_rng([seed, 1, number])
                made = Movement.drawn(rng, seconds=MOVING_S)
                look("rendered", rendered_clip(studio, rng, seconds=MOVING_S, movement=made), MOVING_S, made)
                still = rendered_clip(studio, rng, seconds=STILL_S, movement=None)
                look("rest_of_rendered", still, STILL_S, None)
                speech = rendered_clip(studio, rng, seconds=STILL_S, movement=None, speaking=True)
                look("speech", speech, STILL_S, None)
                done += 1
                progress(done, every)
    return {
        "portraits": counts["warped"].clips,
        "rendered_people": rendered,
        "seed": seed,
        "spec": spec.fingerprint(),
        "one_movement": {name: counts[name].moving() for name in ("warped", "rendered") if counts[name].clips},
        "no_expression": {
            name: counts[name].still()
            for name in ("rest_of_portraits", "rest_of_rendered", "speech")
            if counts[name].clips
        },
    }


def _frames(pictures: Iterable[np.ndarray], landmarker: FaceLandmarker, spec: MicroExpressionSpec) -> list[ClipFrame]:
    frames = []
    for number, rgb in enumerate(pictures):
        found = landmarker.detect(rgb)
        frames.append(ClipFrame(number / FPS, cut_to_face(rgb, found[0], spec) if len(found) == 1 else None))
    return frames
