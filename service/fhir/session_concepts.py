"""The part of the local code system that an examination of several movements needs."""

from __future__ import annotations

from collections.abc import Mapping

from face.palsy.assessment.scores.sunnybrook import EXPRESSIONS, REST_ITEMS
from face.vocabulary import REGIONS, Pose

_POSE_NAMES: Mapping[Pose, str] = {
    "rest": "face at rest",
    "brow_lift": "brow lift",
    "gentle_closure": "gentle eye closure",
    "tight_closure": "tight eye closure",
    "closed_smile": "smile with closed lips",
    "full_smile": "full smile",
    "snarl": "snarl",
    "pucker": "lip pucker",
}
_MEASURES: Mapping[str, tuple[str, str]] = {
    "brow_height": ("Height of the brow", "Middle of the brow above the line of the eyes."),
    "fissure": ("Palpebral fissure", "Height of the opening between the lids."),
    "mrd1": ("Margin reflex distance 1", "Upper lid margin to the middle of the pupil."),
    "mrd2": ("Margin reflex distance 2", "Lower lid margin to the middle of the pupil."),
    "brow_excursion": ("Excursion of the brow", "Rise of the brow from rest to brow lift."),
    "closure": ("Closure of the eye", "1 is closed, 0 as open as at rest."),
    "commissure_excursion": ("Excursion of the oral commissure", "Way of the corner of the mouth from rest."),
    "commissure_dx": ("Excursion of the oral commissure, outwards", "Its part away from the midline."),
    "commissure_dy": ("Excursion of the oral commissure, upwards", "Its upward part."),
    "smile_angle": ("Angle of the smile", "Lower lip's middle to the commissure, against the midline."),
    "upper_lip_rise": ("Rise of the upper lip", "From rest to snarl."),
    "ala_rise": ("Rise of the nasal ala", "From rest to snarl."),
    "pucker_excursion": ("Excursion of the oral commissure, inwards", "From rest to lip pucker."),
    "mouth_opening_area": ("Area of the mouth's opening, half", "Between the lips, on this side of the midline."),
    "mouth_width": ("Width of the mouth", "From commissure to commissure."),
    "philtrum_deviation": (
        "Deviation of the philtrum",
        "Upper lip's middle from the midline; + to the patient's left.",
    ),
    "philtrum_angle": ("Angle of the philtrum", "Against the midline."),
}


# Of two examinations, beside what has a movement or a measure of its own: code -> display.
_FOLLOWED: Mapping[str, str] = {
    "expected-grade": "expected grade",
    "sunnybrook-composite": "Sunnybrook composite score, upper end of its range",
    "movement-index": "movement index",
}


def pose_code(pose: str) -> str:
    return f"pose-{pose.replace('_', '-')}"


def measure_code(measure: str) -> str:
    return measure.replace("_", "-")


def movement_code(region: str) -> str:
    return f"movement-{region}"


def fngs_code(item: str) -> str:
    return f"fngs2-{item}"


def sunnybrook_code(part: str, item: str) -> str:
    return f"sunnybrook-{part}-{item.replace('_', '-')}"


def change_code(code: str) -> str:
    """Of what became of a figure between two examinations."""
    return f"change-{code}"


_COMPARED: Mapping[str, str] = {
    **_FOLLOWED,
    **{movement_code(region): f"movement of the region: {region}" for region in REGIONS},
    **{pose_code(pose): name for pose, name in _POSE_NAMES.items()},
    **{measure_code(measure): name[0].lower() + name[1:] for measure, (name, _) in _MEASURES.items()},
}

# Code -> display, definition.
SESSION_CONCEPTS: Mapping[str, tuple[str, str]] = {
    "pose": ("Movement that was asked for", "The movement in whose picture a figure was taken."),
    **{
        pose_code(pose): (
            f"Movement: {name}",
            "Share of the healthy half's movement that the affected half makes; absent where the movement was not made "
            "or not seen.",
        )
        for pose, name in _POSE_NAMES.items()
    },
    **{
        movement_code(region): (
            f"Movement of the region: {region}",
            "Share of the healthy half's movement, 0 to 1.2; `nose` is the midface.",
        )
        for region in REGIONS
    },
    "regional-severity": ("Severity of a region", "0 (row I of the House-Brackmann table) to 5 (row VI)."),
    "fngs2": (
        "Facial Nerve Grading System 2.0, total",
        "Sum of four regions (1 to 6 each) and secondary movement (0 to 3).",
    ),
    **{fngs_code(item): (f"FNGS 2.0: {item}", "Score of this part.") for item in (*REGIONS, "secondary")},
    "total-range": ("Range of the total", "Lowest and highest total that what was not seen leaves open."),
    "movement-points": (
        "Movement points of House and Brackmann (1985)",
        "Brow and corner of the mouth in quarters of the healthy movement, 8 in all.",
    ),
    "sunnybrook-composite": (
        "Sunnybrook composite score",
        "4 x voluntary movement - 5 x rest - synkinesis, held to 0 to 100 (Ross 1996).",
    ),
    **{sunnybrook_code("rest", item): (f"Sunnybrook, rest: {item}", "0 is normal.") for item in REST_ITEMS},
    **{
        sunnybrook_code(part, pose): (f"Sunnybrook, {part}: {_POSE_NAMES[pose]}", meaning)
        for part, meaning in (("voluntary", "1 unable to 5 complete."), ("synkinesis", "0 none to 3 disfiguring."))
        for pose in EXPRESSIONS
    },
    "movement-index": ("Movement index", "Mean of the movements' shares in per cent, for the follow-up."),
    **{
        f"auto-eface-{part}": (f"Items after eFACE: {part}", "Computed, 0 to 100; not eFACE, which is a clinician's.")
        for part in ("static", "dynamic", "synkinesis")
    },
    "lagophthalmos": ("Lagophthalmos", "What stays open of the affected eye in an eye closure."),
    **{
        f"synkinesis-{kind}": (f"Synkinesis, {kind}", "What moves along, affected half beyond the healthy one.")
        for kind in ("ocular", "oral", "brow")
    },
    "synkinesis-grade": ("Grade of the synkinesis", "0 none, 1 mild, 2 obvious, 3 disfiguring."),
    **{measure_code(measure): told for measure, told in _MEASURES.items()},
    "comparison-report": (
        "Two facial palsy assessments compared",
        "What has changed between two examinations of one patient. Preliminary until a clinician signs it.",
    ),
    **{
        change_code(code): (f"Change: {name}", "Later minus earlier examination; millimetres of both on one scale.")
        for code, name in _COMPARED.items()
    },
    "value-before": ("Value in the earlier examination", "Of the figure that is compared."),
    "value-after": ("Value in the later examination", "Of the figure that is compared."),
    "smallest-detectable-change": (
        "Smallest detectable change (95 %)",
        "Two examinations of the same palsy differ by less in 95 of 100.",
    ),
    "within-noise": ("Within noise", "No more than two examinations of the same palsy differ by."),
}
