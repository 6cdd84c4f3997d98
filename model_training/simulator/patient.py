"""What a patient's face does in one photograph: the palsy drawn for it, and the face-unit weights of the asked-for
pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from face.palsy.severity import MAX_SEVERITY, REGION_WEIGHTS, RegionalSeverity, house_brackmann_grade, overall_severity
from face.vocabulary import REGIONS
from model_training.simulator.head.head import UNIT_SIDES
from model_training.simulator.palsy import movement_left, synkinesis, tone_lost
from model_training.simulator.poses import UNIT_REGION, Pose

# Shares of the photographs. A palsy of both sides and a contracture are rare and flagged in the table.
HEALTHY_SHARE = 0.2
BILATERAL_SHARE = 0.02
CONTRACTURE_SHARE = 0.03
WITHOUT_SYNKINESIS_SHARE = 0.25
WEAK_EFFORT_SHARE = 0.1

# How far a region's severity strays from the overall one (standard deviation).
REGION_SPREAD = 0.25

# Units that people hold a little on both sides without being asked, and how likely each is.
HABITUAL_UNITS = (
    "mouthSmile",
    "browDown",
    "browOuterUp",
    "eyeBlink",
    "eyeSquint",
    "mouthFrown",
    "mouthPress",
    "mouthStretch",
    "cheekSquint",
)
HABIT_SHARE = 0.35


@dataclass(frozen=True)
class Palsy:
    """The state of the nerve in one photograph.

    affected: severities by side ("Left", "Right"); empty for a healthy person, both for a bilateral palsy.
    synkinesis: factor on the usual synkinesis, 0 for a recent palsy. contracture: 0 .. 1, shortened muscles at rest.
    brow_synkinesis: 0 .. 1, how far the brow rises with a smile.
    """

    affected: dict[str, RegionalSeverity]
    synkinesis: float = 1.0
    contracture: float = 0.0
    brow_synkinesis: float = 0.0

    @property
    def worse_side(self) -> str | None:
        """The side that sets the grade; None for a healthy person."""
        if not self.affected:
            return None
        return max(sorted(self.affected), key=lambda side: overall_severity(self.affected[side]))

    @property
    def severity(self) -> RegionalSeverity:
        """Severity of the worse side, 0 everywhere for a healthy person."""
        side = self.worse_side
        return RegionalSeverity.even(0.0) if side is None else self.affected[side]

    @property
    def grade(self) -> int:
        return house_brackmann_grade(self.severity)

    @property
    def side(self) -> str:
        """'left' or 'right' of the patient, 'none' for grade I."""
        return "none" if self.grade == 1 or self.worse_side is None else self.worse_side.lower()


def sample_palsy(rng: np.random.Generator) -> Palsy:
    """Draw a palsy: one photograph in five healthy, the others spread over the grades II to VI."""
    if rng.random() < HEALTHY_SHARE:
        return Palsy({})
    # Severities of 5 and more are complete palsies: no movement at all is common, not the end of a tail.
    overall = float(min(MAX_SEVERITY, rng.uniform(0.5, 5.4)))
    side = UNIT_SIDES[rng.integers(2)]
    affected = {side: regional_severity(overall, rng)}
    if rng.random() < BILATERAL_SHARE:
        other = UNIT_SIDES[1 - UNIT_SIDES.index(side)]
        affected[other] = regional_severity(overall * float(rng.uniform(0.3, 0.9)), rng)
    return with_signs(affected, overall, rng)


def with_signs(affected: dict[str, RegionalSeverity], overall: float, rng: np.random.Generator) -> Palsy:
    """A palsy of these severities with synkinesis, unless it is recent, and seldom contracture."""
    recent = rng.random() < WITHOUT_SYNKINESIS_SHARE
    contracted = overall > 1.5 and rng.random() < CONTRACTURE_SHARE
    return Palsy(
        affected,
        synkinesis=0.0 if recent else float(rng.uniform(0.6, 1.5)),
        contracture=float(rng.uniform(0.3, 1.0)) if contracted else 0.0,
    )


def regional_severity(overall: float, rng: np.random.Generator) -> RegionalSeverity:
    """Severities of the regions about an overall one; a complete palsy is complete everywhere."""
    spread = REGION_SPREAD * min(1.0, (MAX_SEVERITY - overall) / 0.5)
    strays = np.clip(rng.normal(0, spread, len(REGIONS)), -0.75, 0.75) if spread > 0 else np.zeros(len(REGIONS))
    strays -= np.dot(strays, [REGION_WEIGHTS[region] for region in REGIONS])
    values = np.clip(overall + strays, 0, MAX_SEVERITY)
    return RegionalSeverity(**{region: float(value) for region, value in zip(REGIONS, values, strict=True)})


def sample_effort(rng: np.random.Generator) -> float:
    """Effort as a share of full movement: clinical photographs are taken at maximum effort, a few patients hold
    back."""
    return float(rng.uniform(0.55, 0.8) if rng.random() < WEAK_EFFORT_SHARE else rng.uniform(0.8, 1.12))


def movement_weights(
    pose: Pose,
    palsy: Palsy,
    *,
    effort: float,
    natural_asymmetry: float = 0.0,
    rng: np.random.Generator | None = None,
) -> dict[str, float]:
    """Face-unit weights of a pose under a palsy.

    effort: factor on the asked-for movement. natural_asymmetry: as in Identity; scales how unevenly a healthy nerve
    moves both sides. Without a generator the movement is exact: no habits, no unevenness.
    """
    weights: dict[str, float] = {}
    for unit, full in pose.units.items():
        shared = 1.0 if rng is None else float(np.clip(rng.normal(1, 0.12), 0.6, 1.4))
        for side in UNIT_SIDES:
            kept = 1.0
            if side in palsy.affected:
                region = UNIT_REGION[unit]
                level = getattr(palsy.affected[side], region)
                kept = movement_left(region, level, with_effort=pose.name == "tight_closure")
            uneven = 1.0 if rng is None else float(np.clip(rng.normal(1, 0.02 + 0.025 * natural_asymmetry), 0.6, 1.4))
            weights[unit + side] = full * effort * shared * uneven * kept
    weights["jawOpen"] = pose.jaw_open * effort
    if rng is not None:
        _add_habits(weights, palsy, natural_asymmetry, rng)
    for side, severity in palsy.affected.items():
        _add_palsy_signs(weights, pose, palsy, side, severity, effort)
    # A lid cannot close further than closed: the unit is linear and would run through the cheek.
    for side in UNIT_SIDES:
        weights[f"eyeBlink{side}"] = min(weights.get(f"eyeBlink{side}", 0.0), 1.0)
    return weights


def _add_habits(weights: dict[str, float], palsy: Palsy, natural_asymmetry: float, rng: np.random.Generator) -> None:
    """What nobody asked for: a trace of a smile, a frown, half-lowered lids; a palsy weakens it like any movement."""
    for unit in HABITUAL_UNITS:
        if rng.random() >= HABIT_SHARE:
            continue
        amount, difference = abs(rng.normal(0, 0.13)), rng.normal(0, 0.015 + 0.02 * natural_asymmetry)
        for side, sign in zip(UNIT_SIDES, (1, -1), strict=True):
            kept = 1.0
            if side in palsy.affected:
                kept = movement_left(UNIT_REGION[unit], getattr(palsy.affected[side], UNIT_REGION[unit]))
            weights[unit + side] = weights.get(unit + side, 0.0) + kept * max(0.0, amount + sign * difference)
    if rng.random() < 0.25:
        weights["jawOpen"] = weights.get("jawOpen", 0.0) + float(rng.uniform(0, 0.15))


def _add_palsy_signs(
    weights: dict[str, float], pose: Pose, palsy: Palsy, side: str, severity: RegionalSeverity, effort: float
) -> None:
    """Resting tone, synkinesis, contracture, Bell's phenomenon and the pull of the healthy side, added in place."""

    def add(unit: str, amount: float) -> None:
        weights[unit] = weights.get(unit, 0.0) + amount

    other = UNIT_SIDES[1 - UNIT_SIDES.index(side)]
    add(f"mouthFrown{side}", 0.55 * tone_lost(severity.mouth))
    add(f"browDown{side}", 0.45 * tone_lost(severity.forehead))
    add(f"mouthSmile{other}", 0.07 * tone_lost(severity.mouth))
    # The retractor of the upper lid is unopposed: the eye is wider at rest, and closing leaves a slit (lagophthalmos).
    add(f"eyeWide{side}", (0.25 if pose.closes_eyes else 0.6) * tone_lost(severity.eye))
    if pose.closes_eyes:
        # Bell's phenomenon: the eyeball turns up behind the lids; seen where they do not meet.
        for closing in UNIT_SIDES:
            add(f"eyeLookUp{closing}", 0.5 * (float(np.clip(severity.eye / 3, 0, 1)) if closing == side else 0.4))
        add(f"mouthSmile{side}", 0.5 * palsy.synkinesis * synkinesis(severity.mouth) * effort)
    if pose.moves_mouth:
        add(f"eyeBlink{side}", palsy.synkinesis * synkinesis(severity.eye) * effort)
        if palsy.brow_synkinesis:
            for unit in ("browOuterUp", "frontalis"):
                add(unit + side, 0.5 * palsy.brow_synkinesis * effort)
        # The healthy side drags the whole mouth over.
        drag = "mouthLeft" if other == "Left" else "mouthRight"
        add(drag, 0.35 * min(1.0, severity.mouth / 4) * effort)
    if palsy.contracture:
        add(f"mouthSmile{side}", 0.25 * palsy.contracture)
        add(f"eyeSquint{side}", 0.5 * palsy.contracture)
        add(f"eyeBlink{side}", 0.12 * palsy.contracture)
        add(f"mouthDimple{side}", 0.2 * palsy.contracture)
