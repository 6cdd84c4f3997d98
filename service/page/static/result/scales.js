// Sunnybrook and FNGS 2.0 as tables, with ranges where something was not seen.
import { make } from "../base/dom.js";
import { text } from "../base/texts.js";

const value = (found) => (found === null || found === undefined ? "–" : String(found));
const head = (...names) => make("thead", {}, make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, name))));
const row = (name, ...cells) => make("tr", {}, make("th", { scope: "row" }, name), ...cells.map((cell) => make("td", {}, cell)));
const range = ([low, high]) => (low === high ? String(low) : text("range", { low, high }));

export function sunnybrookTable({ sunnybrook: found }) {
  const total = found.composite ?? range(found.composite_range);
  return make("section", { class: "scale" }, make("h3", {}, text("sunnybrook_title")),
    make("p", { class: "headline small" }, text("of_hundred", { value: total })),
    make("table", {}, make("caption", { class: "visually-hidden" }, text("sunnybrook_title")),
      head(text("movement"), text("voluntary"), text("synkinesis")),
      make("tbody", {}, ...Object.entries(found.voluntary).map(([pose, score]) => row(text(`pose_${pose}`), value(score), value(found.synkinesis[pose]))))),
    make("table", {}, make("caption", { class: "visually-hidden" }, text("at_rest")), head(text("at_rest"), text("score")),
      make("tbody", {}, ...Object.entries(found.rest).map(([part, score]) => row(text(`rest_${part}`), value(score))))),
    make("p", { class: "hint" }, `${text("sunnybrook_hint")} ${found.composite === null ? text("sunnybrook_range_hint") : ""}`));
}

export function fngsTable(answer) {
  const found = answer.fngs2;
  const heading = make("h3", {}, text("fngs_title"));
  if (!found) return make("section", { class: "scale" }, heading, make("p", {}, text("fngs_none")));
  return make("section", { class: "scale" }, heading,
    make("p", { class: "headline small" }, text("points_of", { value: found.total ?? range(found.total_range) }),
      found.grade ? ` · ${text("grade", { grade: found.grade })}` : ""),
    make("table", {}, make("caption", { class: "visually-hidden" }, text("fngs_title")), head(text("region"), text("score")),
      make("tbody", {}, ...Object.entries(answer.regional_movement).map(([region, one]) => row(text(`fngs_${region}`), value(one.fngs))),
        row(text("fngs_secondary"), value(found.secondary)))),
    make("p", { class: "hint" }, text("fngs_hint")),
    make("p", {}, text("movement_points", { value: value(answer.points.points_8) })));
}
