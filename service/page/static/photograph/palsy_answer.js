// The answer of POST /v1/palsy/grade, for people.
import { bars, facts, provenance, quality } from "../answer/parts.js";
import { picture } from "../answer/picture.js";
import { make } from "../base/dom.js";
import { percent, text } from "../base/texts.js";

const outOf100 = (value) => value === null ? text("not_seen") : (100 * value).toFixed(0);

export function palsyAnswer(answer, photo) {
  const { grade, affected_side: side, asymmetry } = answer;
  const layers = [{ key: "heatmap", label: text("overlay_heatmap"), map: asymmetry.heatmap },
    ...(answer.roi_maps ?? []).map((map) => ({ key: map.region, label: text(map.region), map }))];
  const outlines = Object.fromEntries(answer.regions.map((region) => [region.name, region.polygon]));
  const set = grade.prediction_set;
  const confidence = { coverage: percent(grade.coverage), set: set.join(", ") };
  return make("div", { class: "answer-grid" },
    picture({ photo, alt: text("picture_alt"), layers, outlines, scores: asymmetry.regions }),
    make("div", { class: "answer-text" },
      make("section", { class: "grade" }, make("h3", {}, text("grade_title")),
        make("p", { class: "headline" }, text("grade", { grade: grade.house_brackmann })),
        make("p", {}, text(`meaning_${grade.house_brackmann}`)),
        bars(answer.probabilities, (name) => text("grade", { grade: name }), grade.house_brackmann),
        make("p", { class: "set" }, text(set.length === 1 ? "set_one" : "set_many", confidence)),
        make("p", { class: "hint" }, text("expected", { value: grade.expected.toFixed(1) })),
        make("p", { class: "hint evidence" }, text(`evidence_${answer.evidence}`))),
      make("section", { class: "side" }, make("h3", {}, text("side_title")),
        make("p", { class: "headline small" }, text(`side_${side.side}`, { percent: percent(side.probability) }))),
      make("section", { class: "asymmetry" }, make("h3", {}, text("asymmetry_title")),
        make("p", {}, text("asymmetry_score", { value: outOf100(asymmetry.score) })),
        facts(Object.entries(asymmetry.regions).map(([region, value]) => [text(region), outOf100(value)])),
        make("p", { class: "hint" }, text("asymmetry_hint")),
        make("p", { class: "hint" }, text(`heatmap_${side.side}`))),
      quality(answer.quality),
      provenance(answer, `palsy-${answer.request_id}.json`)));
}
