// What healthy people move or have open, to hold a measure against: [lowest, highest] in the measure's unit. Only what is
// published: full smile 9.3 mm with a standard deviation of 2.8, drawn as mean and two of them; at rest a fissure of 10 to
// 12 mm and an upper margin 3.5 to 4.2 mm above the pupil. Brow lifts have published means (7.6 to 9.0 mm) and no spread,
// so none is drawn. Closure: from what the service calls complete.

const RANGES = { "commissure_excursion.full_smile": [3.7, 14.9], "closure.gentle_closure": [0.9, 1], "closure.tight_closure": [0.9, 1],
  "fissure.rest": [10, 12], "mrd1.rest": [3.5, 4.2] };

export const normalRange = (measure, pose) => RANGES[`${measure}.${pose}`] ?? null;
