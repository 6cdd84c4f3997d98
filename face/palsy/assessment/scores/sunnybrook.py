"""Sunnybrook Facial Grading System (Ross, Fradet & Nedzelski 1996), with its parts.

Composite = 4 * sum of the voluntary movements - 5 * sum of rest - sum of synkinesis, held to 0..100 as is the custom.
An item that was not seen has no value, and the composite is then a range. The cut-offs of the shares are this
project's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from face.palsy.assessment.findings import Findings
from face.palsy.assessment.measuring.signs import RestSigns
from face.vocabulary import Pose

# The scale's five expressions.
EXPRESSIONS: tuple[Pose, ...] = ("brow_lift", "gentle_closure", "full_smile", "snarl", "pucker")
# Lower edges of 2 to 5. A 5 from 95 % on would fail most healthy people: normal movement is 7 to 9 % uneven.
_STEPS = (0.10, 0.35, 0.60, 0.80)
_EYE_MM, _MOUTH_MM = 1.5, 2.0
# Highest value of each item at rest: eye, cheek (nasolabial fold), mouth.
REST_ITEMS = {"eye": 1, "cheek": 2, "mouth": 1}


@dataclass(frozen=True)
class Sunnybrook:
    """rest: eye 0/1, cheek 0..2, mouth 0/1; voluntary: 1..5 and synkinesis 0..3 of each expression. None: not seen.
    movement_index: mean of the shares in per cent, its continuous companion for the follow-up."""

    rest: dict[str, int | None]
    rest_words: dict[str, str | None]
    voluntary: dict[Pose, int | None]
    synkinesis: dict[Pose, int | None]
    composite: int | None
    composite_range: tuple[int, int]
    movement_index: float | None


def sunnybrook(findings: Findings, *, eyelid_surgery: bool) -> Sunnybrook:
    rest, words = _rest(findings.rest, eyelid_surgery=eyelid_surgery)
    voluntary = {pose: _voluntary(findings, pose) for pose in EXPRESSIONS}
    synkinesis = {pose: _synkinesis(findings, pose) for pose in EXPRESSIONS}
    lowest = _composite(rest, voluntary, synkinesis, best=False)
    highest = _composite(rest, voluntary, synkinesis, best=True)
    shares = [findings.shares[pose].value for pose in EXPRESSIONS if pose in findings.shares]
    complete = None not in (*rest.values(), *voluntary.values(), *synkinesis.values())
    return Sunnybrook(
        rest=rest,
        rest_words=words,
        voluntary=voluntary,
        synkinesis=synkinesis,
        composite=highest if complete else None,
        composite_range=(lowest, highest),
        movement_index=100 * sum(min(1.0, share) for share in shares) / len(shares) if shares else None,
    )


def _rest(signs: RestSigns | None, *, eyelid_surgery: bool) -> tuple[dict[str, int | None], dict[str, str | None]]:
    # Depth of the nasolabial fold needs a measure of pixels that there is not yet.
    values: dict[str, int | None] = dict.fromkeys(REST_ITEMS)
    words: dict[str, str | None] = dict.fromkeys(REST_ITEMS)
    if eyelid_surgery:
        values["eye"], words["eye"] = 1, "eyelid surgery"
    elif signs is not None:
        words["eye"] = "wide" if signs.fissure >= _EYE_MM else "narrow" if signs.fissure <= -_EYE_MM else "normal"
        values["eye"] = int(words["eye"] != "normal")
    if signs is not None:
        pulled = signs.commissure <= -_MOUTH_MM or signs.commissure_outwards >= _MOUTH_MM
        words["mouth"] = "corner dropped" if signs.commissure >= _MOUTH_MM else "corner pulled" if pulled else "normal"
        values["mouth"] = int(words["mouth"] != "normal")
    return values, words


def _voluntary(findings: Findings, pose: Pose) -> int | None:
    if pose not in findings.shares:
        return None
    return 1 + sum(findings.shares[pose].value >= step for step in _STEPS)


def _synkinesis(findings: Findings, pose: Pose) -> int | None:
    found = findings.synkinesis.get(pose)
    return max(one.grade for one in found) if found else None


def _composite(
    rest: Mapping[str, int | None],
    voluntary: Mapping[Pose, int | None],
    synkinesis: Mapping[Pose, int | None],
    *,
    best: bool,
) -> int:
    """With the best or the worst value for what was not seen."""
    moved = sum((5 if best else 1) if value is None else value for value in voluntary.values())
    still = sum((0 if best else REST_ITEMS[name]) if value is None else value for name, value in rest.items())
    along = sum((0 if best else 3) if value is None else value for value in synkinesis.values())
    return max(0, min(100, 4 * moved - 5 * still - along))
