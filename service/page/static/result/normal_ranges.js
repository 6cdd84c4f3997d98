// What healthy people move or have open, to hold a measure against: [lowest, highest] in the measure's unit.
// Excursions: mean and two standard deviations as the service takes them (smile 9 mm, brow lift 8 mm, SD 3);
// closure: from what the service calls complete; lids at rest: the range that ophthalmology teaches for adults.

const RANGES = { "brow_excursion.brow_lift": [2, 14], "commissure_excursion.closed_smile": [3, 15], "commissure_excursion.full_smile": [3, 15],
  "closure.gentle_closure": [0.9, 1], "closure.tight_closure": [0.9, 1], "fissure.rest": [7, 12], "mrd1.rest": [2.5, 5.5] };

export const normalRange = (measure, pose) => RANGES[`${measure}.${pose}`] ?? null;
