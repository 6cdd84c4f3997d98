// Parts that both answers share: bars, facts, quality, and what a report needs.
import { saveJson } from "../base/download.js";
import { make } from "../base/dom.js";
import { said } from "../base/said.js";
import { momentWords, percent, text } from "../base/texts.js";

/** A labelled bar for each class; the chosen one, and those of `set`, are marked by more than colour. */
export function bars(probabilities, label, chosen, set = []) {
  return make("ul", { class: "bars" }, ...Object.entries(probabilities).map(([name, share]) => {
    const fill = make("span", { class: "fill" });
    fill.style.width = `${100 * share}%`;
    return make("li", { class: `bar-row${name === chosen ? " chosen" : ""}${set.includes(name) ? " in-set" : ""}`, "data-class": name },
      make("span", { class: "bar-name" }, label(name)),
      make("span", { class: "track", "aria-hidden": "true" }, fill),
      make("span", { class: "bar-value" }, `${percent(share)} %`));
  }));
}

export const facts = (rows) => make("dl", { class: "facts" },
  ...rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));

export function quality(values) {
  const warnings = values.warnings ?? [];
  return make("section", { class: "quality" }, make("h3", {}, text("quality_title")),
    warnings.length
      ? make("ul", { class: "warnings" }, ...warnings.map((warning) => said("li", {}, warning)))
      : make("p", {}, text("quality_good")),
    facts([
      [text("face_width"), text("pixels", { value: values.face_width_px.toFixed(0) })],
      [text("yaw"), text("degrees", { value: values.yaw_deg.toFixed(0) })],
      [text("pitch"), text("degrees", { value: values.pitch_deg.toFixed(0) })],
      [text("roll"), text("degrees", { value: values.roll_deg.toFixed(0) })],
    ]));
}

/** Model, training data and request, then the buttons that keep the answer. */
export function provenance(answer, fileName) {
  const save = () => saveJson(answer, fileName);
  const { model } = answer;
  return make("section", { class: "provenance" }, make("h3", {}, text("details")),
    facts([
      [text("model"), `${model.name} ${model.version}`], [text("training_data"), make("span", { lang: "en" }, model.training_data)],
      ["SHA-256", make("code", {}, model.sha256.slice(0, 16))], [text("request"), make("code", {}, answer.request_id)],
      [text("time"), text("milliseconds", { value: answer.timings_ms.total.toFixed(0) })],
      [text("date"), momentWords()],
    ]),
    said("p", { class: "hint" }, model.intended_use),
    make("div", { class: "buttons no-print" },
      make("button", { type: "button", class: "save-json", onclick: save }, text("save_json")),
      make("button", { type: "button", class: "print", onclick: () => window.print() }, text("print"))));
}
