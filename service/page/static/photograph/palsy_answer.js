// The answer of POST /v1/palsy/grade, for people.
import { expectedGrade, gradeFound, sideFound } from "../answer/grade_and_side.js";
import { facts, provenance, quality } from "../answer/parts.js";
import { picture } from "../answer/picture.js";
import { make } from "../base/dom.js";
import { text } from "../base/texts.js";

const outOf100 = (value) => value === null ? text("not_seen") : (100 * value).toFixed(0);

export function palsyAnswer(answer, photo) {
  const { affected_side: { side }, asymmetry } = answer;
  const layers = [{ key: "heatmap", label: text("overlay_heatmap"), map: asymmetry.heatmap },
    ...(answer.roi_maps ?? []).map((map) => ({ key: map.region, label: text(map.region), map }))];
  const outlines = Object.fromEntries(answer.regions.map((region) => [region.name, region.polygon]));
  return make("div", { class: "answer-grid" },
    picture({ photo, alt: text("picture_alt"), layers, outlines, scores: asymmetry.regions }),
    make("div", { class: "answer-text" },
      gradeFound(answer,
        make("p", { class: "hint" }, expectedGrade(answer.grade.expected)),
        make("p", { class: "evidence" }, text(`evidence_${answer.evidence}`))),
      sideFound(answer),
      make("section", { class: "asymmetry" }, make("h3", {}, text("asymmetry_title")),
        make("p", {}, text("asymmetry_score", { value: outOf100(asymmetry.score) })),
        facts(Object.entries(asymmetry.regions).map(([region, value]) => [text(region), outOf100(value)])),
        make("p", { class: "hint" }, text("asymmetry_hint")),
        make("p", { class: "hint" }, text(`heatmap_${side}`))),
      quality(answer.quality),
      provenance(answer, `palsy-${answer.request_id}.json`)));
}
