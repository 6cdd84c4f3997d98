// What the examiner knows besides the pictures.
import { make } from "../base/dom.js";
import { drawAgain, text } from "../base/texts.js";

const CHECKS = ["mirrored", "effort_confirmed", "eyelid_surgery"];

export function optionsForm(onChange) {
  const checks = Object.fromEntries(CHECKS.map((name) => [name, make("input", { type: "checkbox", name })]));
  const side = make("select", { name: "affected_side" });
  const pupils = make("input", { type: "number", name: "pupil_distance_mm", min: "40", max: "85", step: "0.5", inputmode: "decimal" });
  const summary = make("summary", {});
  const fields = make("div", { class: "fields" });
  const element = make("details", { class: "options" }, summary, fields);

  function draw() {
    const chosen = side.value || "auto";
    side.replaceChildren(...["auto", "left", "right"].map((name) => make("option", { value: name }, text(`known_${name}`))));
    side.value = chosen;
    summary.textContent = text("options_title");
    fields.replaceChildren(
      ...CHECKS.map((name) => make("label", { class: "check" }, checks[name], text(`option_${name}`))),
      make("label", {}, text("option_affected_side"), " ", side),
      make("label", {}, text("option_pupil_distance"), " ", pupils));
  }
  element.addEventListener("change", onChange);
  drawAgain(draw);
  draw();

  const values = () => ({
    ...Object.fromEntries(CHECKS.map((name) => [name, checks[name].checked])),
    affected_side: side.value === "auto" ? "" : side.value,
    pupil_distance_mm: pupils.value,
  });
  return {
    element, values,
    key: () => JSON.stringify(values()),
    reset() {
      for (const name of CHECKS) checks[name].checked = false;
      side.value = "auto";
      pupils.value = "";
    },
  };
}
