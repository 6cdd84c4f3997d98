"""How often an emotion would be named where there is none, and how often a movement of known size is found.

What decides that is before the network (face/microexpression): the table holds for every model with the same input.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from face.errors import PreprocessingError
from face.image.files import list_images
from face.landmarks.landmarker import FaceLandmarker
from face.microexpression.input import microexpression_input
from face.microexpression.reading import movement_warnings
from face.microexpression.spec import MicroExpressionSpec
from face.photograph import Photograph, PhotographReader
from model_training.data.files import TRAINING_LIMITS, read_file
from model_training.errors import TrainingError
from model_training.microexpression.simulation.face_motion import MotionStudio
from model_training.microexpression.simulation.photographed_pairs import MOVES, NOTHING, moved_pair
from model_training.microexpression.simulation.rendered_kinds import rendered_kinds

PERCENTS = (0.5, 0.75, 1.0, 2.0, 3.0)
# Faces of about the size that they have in a clip.
INTEROCULAR_PX = 110.0
NAMED, WARNED = "expression", "expression_with_a_warning"
TABLES = ("nothing_moves", "moved_by_percent", "other_people", "rendered")

Outcomes = dict[str, Counter[str]]


def false_alarms(
    photographs: Path, *, rendered_people: int, seed: int, on_progress: Callable[[int, int], object] = lambda *_: None
) -> dict[str, Any]:
    """Photographs of different people at rest -> shares by kind of pair.

    Every photograph gives one pair of each kind of nothing, two movements of each size, and one pair with the next
    person. on_progress: photographs and rendered people done, and all.
    """
    files = list_images([photographs])
    every = len(files) + rendered_people
    tables: dict[str, Outcomes] = {name: defaultdict(Counter) for name in TABLES}
    used = 0
    with closing(PhotographReader(limits=TRAINING_LIMITS)) as reader, closing(_Judge(MicroExpressionSpec())) as judge:
        before: Photograph | None = None
        for number, file in enumerate(files):
            on_progress(number, every)
            person = usable_photograph(file, reader)
            if person is None:
                continue
            used += 1
            _count_photograph(person, before, judge, np.random.default_rng([seed, number]), tables)
            before = person
        if not used:
            raise TrainingError(f"{photographs}: no photograph with exactly one face of a usable size")
        if rendered_people:
            with closing(MotionStudio(judge.spec)) as studio:
                for kind, onset, apex in rendered_kinds(studio, people=range(rendered_people), seed=seed):
                    tables["rendered"][kind][judge.outcome(onset, apex)] += 1
                    on_progress(len(files) + sum(tables["rendered"][kind].values()), every)
    about = {"photographs": used, "rendered_people": rendered_people, "seed": seed, "spec": judge.spec.fingerprint()}
    return {**about, **{name: _shares(outcomes) for name, outcomes in tables.items()}}


def _count_photograph(
    person: Photograph,
    before: Photograph | None,
    judge: _Judge,
    rng: np.random.Generator,
    tables: Mapping[str, Outcomes],
) -> None:
    for kind, make in NOTHING.items():
        tables["nothing_moves"][kind][judge.outcome(*make(person.rgb, person.face, rng))] += 1
    for percent in PERCENTS:
        for move in rng.choice(list(MOVES), 2, replace=False):
            frames = moved_pair(person.rgb, person.face, str(move), percent, rng)
            tables["moved_by_percent"][f"{percent:g}"][judge.outcome(*frames)] += 1
    if before is not None:
        tables["other_people"]["another_person"][judge.outcome(before.rgb, person.rgb)] += 1


class _Judge:
    """What would be answered to a pair of frames: a kind of movement, or the code of a refusal."""

    def __init__(self, spec: MicroExpressionSpec) -> None:
        self.spec = spec
        self._landmarker = FaceLandmarker()

    def outcome(self, onset: np.ndarray, apex: np.ndarray) -> str:
        faces = [self._landmarker.detect(frame) for frame in (onset, apex)]
        if any(len(found) != 1 for found in faces):
            return "no-face"
        try:
            moved = microexpression_input(onset, faces[0][0], apex, faces[1][0], self.spec).moved
        except PreprocessingError as refusal:
            return refusal.code
        warned = movement_warnings(moved.kind, moved.reliability, moved.change, sure=self.spec.sure_reliability)
        return WARNED if moved.kind == NAMED and warned else moved.kind

    def close(self) -> None:
        self._landmarker.close()


def usable_photograph(file: Path, reader: PhotographReader) -> Photograph | None:
    """The photograph, its face at the size of a clip's; None without exactly one face."""
    try:
        photograph = reader.read(read_file(file), policy="single")
        scale = INTEROCULAR_PX / photograph.face.interocular_px
        if scale >= 1:
            return photograph
        rgb = cv2.resize(photograph.rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        written = cv2.imencode(".png", rgb[..., ::-1])[1].tobytes()
        return reader.read(written, policy="single")
    except PreprocessingError:
        return None


def _shares(outcomes: Outcomes) -> dict[str, Any]:
    """Counts by outcome, and the shares that get an emotion, also without a warning: of nothing a false alarm, of a
    movement a find."""
    return {
        name: {
            "pairs": counts.total(),
            "emotion_named": round((counts[NAMED] + counts[WARNED]) / counts.total(), 4),
            "without_a_warning": round(counts[NAMED] / counts.total(), 4),
            "outcomes": dict(sorted(counts.items())),
        }
        for name, counts in outcomes.items()
    }


def write_false_alarms(report: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
