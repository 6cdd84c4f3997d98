// Why this grade: the rules on measures, step by step, each with the grades that it speaks for.
import { make } from "../base/dom.js";
import { hasText, number, shareWords, text } from "../base/texts.js";

const GRADES = ["I", "II", "III", "IV", "V", "VI"];

/** What the step found, as the last part of its text's key; the service decided it, `points_to` tells what. */
const FOUND = {
  rest_symmetry: (step) => (step.points_to.includes("VI") ? "uneven" : "even"),
  movement_left: (step) => (step.points_to.includes("VI") ? "none" : "some"),
  forehead: (step) => (step.points_to.includes("VI") ? "none" : step.points_to.includes("III") ? "slight" : "well"),
  eye_closure: (step) => (step.points_to.includes("I") ? "complete" : "incomplete"),
  gentle_closure: (step) => (step.points_to.includes("I") ? "complete" : "incomplete"),
  mouth: (step) => (step.points_to.includes("VI") ? "barely" : step.points_to.includes("III") ? "weak" : "well"),
  synkinesis: (step) => String(Math.round(step.value)),
};

function sentence(step, lagophthalmos) {
  const key = `step_${step.step}_${FOUND[step.step]?.(step)}`;
  if (!hasText(key)) return make("span", { lang: "en" }, step.result); // a newer service than this page
  const open = lagophthalmos[step.poses[0]];
  return text(key, { share: shareWords(step.value), mm: number(step.value), open: open === undefined ? "?" : number(open), threshold: number(step.threshold) });
}

/** The grades that a step leaves, as a row of six; rows lie below each other, so that the eye finds the column that most share. */
const ladder = (grades) => make("span", { class: "ladder", "aria-hidden": "true" },
  ...GRADES.map((grade) => make("span", { class: grades.includes(grade) ? "on" : "" }, grade)));

export function decisionPath(answer) {
  return make("section", { class: "decision" },
    make("h3", {}, text("decision_title")),
    answer.decision_path.length ? make("ol", { class: "steps" }, ...answer.decision_path.map((step) => make("li", {},
      make("span", { class: "step-words" }, sentence(step, answer.lagophthalmos_mm)),
      make("span", { class: "visually-hidden" }, ` ${text("points_to", { grades: step.points_to.join(", ") })}`),
      ladder(step.points_to))))
      : make("p", {}, text("decision_none")),
    answer.rule_grade ? make("p", { class: "rule" }, text("decision_sum", { grade: answer.rule_grade })) : null,
    make("p", { class: "hint" }, text("decision_hint")));
}
