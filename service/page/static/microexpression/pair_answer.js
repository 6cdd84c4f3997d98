// The answer of POST /v1/microexpression/classify, for people.
import { bars, facts, provenance, quality } from "../answer/parts.js";
import { picture } from "../answer/picture.js";
import { make } from "../base/dom.js";
import { number, text } from "../base/texts.js";

export function pairAnswer(answer, apex) {
  const { emotion, motion } = answer;
  return make("div", { class: "answer-grid" },
    picture({ photo: apex, alt: text("motion_alt"), layers: [{ key: "motion", label: text("overlay_motion"), map: motion.heatmap }] }),
    make("div", { class: "answer-text" },
      make("section", { class: "grade" }, make("h3", {}, text("emotion_title")),
        make("p", { class: "headline" }, text(emotion.label ?? `movement_${answer.movement_kind}`)),
        bars(answer.probabilities, (name) => text(name), emotion.label),
        make("p", { class: "hint" }, text("emotion_hint"))),
      make("section", { class: "asymmetry" }, make("h3", {}, text("motion_title")),
        make("p", {}, text("motion_score", { value: number(motion.score) })),
        facts(Object.entries(motion.regions).map(([region, value]) => [text(region), `${number(value)} %`])),
        make("p", { class: "hint" }, text("motion_hint"))),
      quality(answer.quality),
      provenance(answer, `microexpression-${answer.request_id}.json`)));
}
