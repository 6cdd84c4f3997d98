"""What is said about a palsy answer once the network has given it: unlike faces, and sides that contradict the grade.

Here, because the service and `predict` must warn and refuse alike.
"""

from __future__ import annotations

from face.errors import OutOfDistribution
from face.landmarks.look import Look
from face.palsy.decoding import PalsyReading
from face.vocabulary import SIDES

# Beyond this, in inter-ocular distances, both looks at a face contradict each other: more than 95 % of portraits and
# 99 % of simulated patients stay below.
USUAL_DISAGREEMENT = 0.07


def check_looks(looks: Look) -> list[str]:
    """A warning where the look at the mirrored photograph found no face, or another shape of it."""
    if looks.disagreement is None:
        return ["The face is not found in the mirrored photograph: its landmarks are uncertain; trust the answer less."]
    if looks.disagreement > USUAL_DISAGREEMENT:
        return [
            f"The landmarks differ between the photograph and its mirror image (by {looks.disagreement:.2f} of the "
            f"distance between the eyes, usual is up to {USUAL_DISAGREEMENT:.2f}); trust the answer less."
        ]
    return []


def check_likeness(score: float, *, warn_above: float | None, refuse_above: float | None) -> list[str]:
    """A warning for a face unlike those learned from. score: the graph's `ood_score`; None: no limit of that kind.

    Raises:
        OutOfDistribution: score above `refuse_above`.
    """
    if refuse_above is not None and score > refuse_above:
        raise OutOfDistribution(
            f"The face is too unlike those that the model has learned from (score {score:.2f}, at most "
            f"{refuse_above:.2f} is answered). Take a photograph from the front, evenly lit, with nothing covering "
            "the face."
        )
    if warn_above is not None and score > warn_above:
        return [
            f"The face is unlike most of those that the model has learned from (score {score:.2f}, usual is up to "
            f"{warn_above:.2f}); trust the answer less."
        ]
    return []


def check_agreement(reading: PalsyReading) -> list[str]:
    """A warning where the side that goes with the grade is not the side head's own first choice."""
    own = SIDES[int(reading.side_probabilities.argmax())]
    if own == reading.side:
        return []
    if reading.side == "none":
        reason = (
            "The grade is that of a healthy face" if reading.index == 0 else "The weakness is too slight to name a side"
        )
        return [f"{reason}, yet the {own} side looks weaker; compare with further photographs."]
    return [
        "The grade is that of a palsy, yet neither side looks clearly weaker: the side is uncertain, and a weakness of "
        "both sides cannot be told from one photograph."
    ]
