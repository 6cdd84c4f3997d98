// What every palsy answer says first: the side and the grade, each with how sure it is.
import { make } from "../base/dom.js";
import { listed, number, percent, text } from "../base/texts.js";
import { bars } from "./parts.js";

const ARROWS = { right: "◀ ", left: "▶ " }; // as the patient faces the reader

/** A side that is not named may still be likely (answers name it only where it is likely enough): then all three shares stand there. */
export function sideFound({ affected_side: { side, probability, probabilities } }) {
  const named = side !== "none";
  const healthy = !named && probabilities.none >= Math.max(probabilities.left, probabilities.right);
  const shares = Object.fromEntries(Object.entries(probabilities).map(([name, share]) => [name, percent(share)]));
  return make("section", { class: `side side-${side}` },
    make("h3", {}, text("side_title")),
    make("p", { class: "headline" }, named ? make("span", { "aria-hidden": "true" }, ARROWS[side]) : null,
      text(named || healthy ? `short_side_${side}` : "short_side_unsure")),
    make("p", { class: "hint" }, named ? text("side_sure", { percent: percent(probability) }) : text("side_shares", shares)));
}

/** `more`: what else belongs below the grade. */
export function gradeFound({ grade, probabilities }, ...more) {
  const heading = make("h3", {}, text("grade_title"));
  if (!grade) return make("section", { class: "grade" }, heading, make("p", { class: "headline" }, text("no_grade")), make("p", {}, text("no_grade_why")));
  const set = grade.prediction_set;
  return make("section", { class: "grade" }, heading,
    make("p", { class: "headline" }, text("grade", { grade: grade.house_brackmann })),
    make("p", { class: "set" }, make("strong", {}, text(set.length === 1 ? "set_one" : "set_many", { set: listed(set, "disjunction") })), " ",
      text("set_held", { coverage: percent(grade.coverage) })),
    make("h4", {}, text("bars_title")),
    bars(probabilities, (name) => name, grade.house_brackmann, set),
    setBesideBars(grade, probabilities),
    make("p", { class: "hint" }, text(`meaning_${grade.house_brackmann}`, { grade: grade.house_brackmann })),
    ...more);
}

/** Why the set's share of cases and its bars need not agree, wherever they do not. */
function setBesideBars({ prediction_set: set, coverage }, probabilities) {
  const sum = set.reduce((whole, name) => whole + probabilities[name], 0);
  if (sum >= coverage) return null;
  return make("p", { class: "hint bars-short" }, text("bars_short", { set: listed(set, "disjunction"), sum: percent(sum), coverage: percent(coverage) }));
}

export const expectedGrade = (value) => text("expected", { value: number(value) });
