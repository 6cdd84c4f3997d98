// Earlier answers, from the examiner's disk; nothing of them is stored.
import { withoutMaps } from "../result/answer_files.js";

const isAnswer = (found) => Boolean(found?.session_method && found.evidence && found.poses && Array.isArray(found.measures));
const dayOf = (time) => new Date(time).toISOString().slice(0, 10);

/** A visit of a saved answer: {answer, date, name}; null where the file is something else. */
export async function visitOfFile(file) {
  let answer;
  try {
    answer = JSON.parse(await file.text());
  } catch {
    return null;
  }
  if (!isAnswer(answer)) return null;
  // The answer has no date: the page writes it into the file's name.
  return { answer: withoutMaps(answer), date: /\d{4}-\d{2}-\d{2}/.exec(file.name)?.[0] ?? dayOf(file.lastModified), name: file.name };
}

export const visitOfAnswer = (answer) => ({ answer: withoutMaps(answer), date: dayOf(Date.now()), name: "" });

/** What is drawn over time: name -> {value, low, high} of an answer; null where it was not seen. */
export const FOLLOWED = {
  expected_grade: ({ grade }) => grade && { value: grade.expected, low: ROMAN.indexOf(grade.prediction_set[0]) + 1, high: ROMAN.indexOf(grade.prediction_set.at(-1)) + 1 },
  movement_index: ({ sunnybrook: { movement_index: index } }) => (index === null ? null : { value: index, low: index, high: index }),
  sunnybrook: ({ sunnybrook: { composite_range: [low, high] } }) => ({ value: high, low, high }),
};
const ROMAN = ["I", "II", "III", "IV", "V", "VI"];
