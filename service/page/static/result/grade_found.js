// The grade with its set, the side, and what both rest on.
import { bars } from "../answer/parts.js";
import { make } from "../base/dom.js";
import { listed, number, percent, text } from "../base/texts.js";

export function sideFound({ affected_side: side }) {
  return make("section", { class: `side side-${side.side}` },
    make("h3", {}, text("side_title")),
    make("p", { class: "headline" }, side.side === "left" ? make("span", { "aria-hidden": "true" }, "▶ ") : side.side === "right" ? make("span", { "aria-hidden": "true" }, "◀ ") : null,
      text(`short_side_${side.side}`)),
    make("p", { class: "hint" }, text("side_sure", { percent: percent(side.probability) })));
}

export function gradeFound(answer) {
  const { grade, probabilities } = answer;
  const heading = make("h3", {}, text("grade_title"));
  if (!grade) return make("section", { class: "grade" }, heading, make("p", { class: "headline" }, text("no_grade")), make("p", {}, text("no_grade_why")));
  const set = grade.prediction_set;
  const values = { coverage: percent(grade.coverage), set: set.join(", ") };
  return make("section", { class: "grade" }, heading,
    make("p", { class: "headline" }, text("grade", { grade: grade.house_brackmann })),
    make("p", {}, text(`meaning_${grade.house_brackmann}`)),
    make("p", { class: "set" }, text(set.length === 1 ? "set_one" : "set_session", values)),
    bars(probabilities, (name) => name, grade.house_brackmann),
    make("p", { class: "hint" }, text("expected", { value: number(grade.expected) }), " ",
      answer.rule_grade ? text("rule_grade", { grade: answer.rule_grade }) : null));
}

export function evidence(answer, options) {
  const { class: kind, used, missing, reference } = answer.evidence;
  return make("section", { class: "evidence" },
    make("h3", {}, text("evidence_title")),
    make("p", {}, make("strong", {}, text(`class_${kind}`)), " ", text("evidence_count", { count: used.length })),
    missing.length ? make("p", {}, text("evidence_missing", { poses: listed(missing.map((pose) => text(`pose_${pose}`))) })) : null,
    make("p", { class: "hint" }, text(`reference_${reference}`)),
    options.mirrored ? make("p", { class: "hint" }, text("was_mirrored")) : null);
}
