"""How often the check for one person doubts pictures of one, and how often it notices another's among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from face.palsy.assessment.fitted import FittedNumbers
from face.palsy.assessment.measuring.picture import SessionPicture
from face.palsy.assessment.measuring.same_face import comparable, odd_one, proportions
from face.vocabulary import Pose
from model_training.errors import TrainingError

# An examination of six pictures, drawn so often from each person's.
_PICTURES, _SETS = 6, 40


@dataclass(frozen=True)
class SameFaceFigures:
    """doubted: share of sets of one person; noticed: share of sets in which one picture is another person's and that
    one is named."""

    people: int
    pictures: int
    doubted: float
    noticed: float


def judge_same_face(
    people: Mapping[str, Sequence[tuple[Pose | None, SessionPicture]]], numbers: FittedNumbers, *, seed: int = 0
) -> SameFaceFigures:
    """people: pictures of each; None: of any expression. Raises TrainingError where fewer than two people have six
    pictures that can be compared."""
    faces = {}
    for name, pictures in people.items():
        found = [
            proportions(picture) - (0.0 if pose is None else numbers.pose_offsets[pose])
            for pose, picture in pictures
            if comparable(picture)
        ]
        if len(found) >= _PICTURES:
            faces[name] = found
    if len(faces) < 2:
        raise TrainingError(
            f"{len(faces)} of {len(people)} people have {_PICTURES} pictures that can be compared (turned by 20 "
            "degrees at most); two people are needed, each with a folder of their own"
        )
    rng = np.random.default_rng(seed)
    doubted, noticed = [], []
    for name, own in faces.items():
        for _ in range(_SETS):
            drawn = [own[index] for index in rng.choice(len(own), _PICTURES, replace=False)]
            doubted.append(odd_one(drawn, numbers.within_person) is not None)
            other = faces[str(rng.choice([one for one in faces if one != name]))]
            exchanged = [other[rng.integers(len(other))], *drawn[1:]]
            noticed.append(odd_one(exchanged, numbers.within_person) == 0)
    return SameFaceFigures(
        people=len(faces),
        pictures=sum(map(len, faces.values())),
        doubted=float(np.mean(doubted)),
        noticed=float(np.mean(noticed)),
    )
