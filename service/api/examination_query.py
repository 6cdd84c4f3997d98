"""What is known of a patient beside the pictures: the query of every route that answers an examination."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query

from face.palsy.assessment.options import PUPIL_DISTANCE_RANGE_MM, ExaminationOptions, GivenSide
from service.analysis.assessment import Maps
from service.api.errors import RequestError

WantedMaps = Annotated[
    Maps, Query(description="Draw for each picture: nothing, the asymmetry map, or where the model looked too.")
]


def _known_facts(
    affected_side: Annotated[GivenSide, Query(description="The patient's side, where it is known.")] = "auto",
    effort_confirmed: Annotated[
        bool, Query(description="A movement that is not seen was tried with full effort: it counts as none.")
    ] = False,
    eyelid_surgery: Annotated[bool, Query(description="For Sunnybrook's item of the eye at rest.")] = False,
    pupil_distance_mm: Annotated[
        float | None,
        Query(
            ge=PUPIL_DISTANCE_RANGE_MM[0],
            le=PUPIL_DISTANCE_RANGE_MM[1],
            description="Distance of the pupils, as opticians measure it: a better scale than the iris.",
        ),
    ] = None,
) -> ExaminationOptions:
    return ExaminationOptions(
        affected_side=affected_side,
        effort_confirmed=effort_confirmed,
        eyelid_surgery=eyelid_surgery,
        pupil_distance_mm=pupil_distance_mm,
    )


KnownFacts = Annotated[ExaminationOptions, Depends(_known_facts)]


def refuse_maps_in_fhir(maps: Maps) -> None:
    """Raises RequestError invalid-parameters where pictures are asked of a FHIR answer."""
    if maps != "none":
        raise RequestError("invalid-parameters", "A FHIR answer carries no image: leave 'maps' out.")
