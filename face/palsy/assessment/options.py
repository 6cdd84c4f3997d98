"""What who asks knows about an examination."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

GivenSide = Literal["auto", "left", "right"]
# Adults: 50 to 75 mm; with room for children and for measuring errors.
PUPIL_DISTANCE_RANGE_MM = (40.0, 85.0)


@dataclass(frozen=True, kw_only=True)
class ExaminationOptions:
    """affected_side: known to who asks; `auto` leaves it to the photographs. effort_confirmed: a movement that is not
    seen was tried with full effort, and counts as none. eyelid_surgery: for Sunnybrook's item of the eye."""

    affected_side: GivenSide = "auto"
    effort_confirmed: bool = False
    eyelid_surgery: bool = False
    pupil_distance_mm: float | None = None
