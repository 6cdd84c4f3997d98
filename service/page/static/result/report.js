// What is kept: the printed report's head and foot, and the answer as JSON or FHIR.
import { facts } from "../answer/parts.js";
import { Problem } from "../base/client.js";
import { download, saveJson } from "../base/download.js";
import { make } from "../base/dom.js";
import { said } from "../base/said.js";
import { momentWords, text } from "../base/texts.js";
import { withoutMaps } from "./answer_files.js";

const day = () => new Date().toISOString().slice(0, 10);

/** Seen on paper only: what the file needs and the service must not know. given: when the answer came. */
export const reportHead = (given) => make("header", { class: "print-only report-head" },
  make("p", { class: "report-title" }, text("report_title")),
  make("dl", {}, ...["report_patient", "report_born", "report_examiner", "report_date"].flatMap((key) => [
    make("dt", {}, text(key)), make("dd", {}, key === "report_date" ? momentWords(given) : "")])));

/** The buttons that keep an answer. asFhir(): asks the service for the same examination as a FHIR bundle, as text;
 * kept(): is called when it was kept. */
export function keeping(answer, { asFhir, kept }) {
  const name = `examination-${day()}-${answer.request_id.slice(0, 8)}`;
  const problem = make("p", { class: "problem", role: "alert", hidden: true });
  const bundle = async (event) => {
    problem.hidden = true;
    const button = event.currentTarget;
    button.disabled = true;
    button.textContent = text("working");
    try {
      download(await asFhir(), "application/fhir+json", `${name}.fhir.json`);
      kept();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problem.textContent = error.sentence();
      problem.hidden = false;
    }
    button.disabled = false;
    button.textContent = text("save_fhir");
  };
  const button = (kind, key, onclick) => make("button", { type: "button", class: kind, onclick }, text(key));
  return make("div", { class: "keeping no-print" },
    make("div", { class: "buttons" },
      button("print", "print", () => { kept(); window.print(); }),
      button("save-json", "save_examination", () => { saveJson(withoutMaps(answer), `${name}.json`); kept(); }),
      button("save-fhir", "save_fhir", bundle),
      button("to-follow-up", "compare_earlier", () => document.dispatchEvent(new CustomEvent("follow-up", { detail: answer })))),
    make("p", { class: "hint" }, text("keep_hint")), problem);
}

/** What an answer came from, for who traces it, and the line to sign on paper. */
export function origin(answer, given) {
  const { model, session_method: method } = answer;
  return make("section", { class: "provenance" }, make("h3", {}, text("details")),
    facts([
      [text("date"), momentWords(given)],
      [text("model"), `${model.name} ${model.version} · ${method.name} ${method.version}`], [text("training_data"), make("span", { lang: "en" }, model.training_data)],
      ["SHA-256", make("code", {}, model.sha256.slice(0, 16))], [text("request"), make("code", {}, answer.request_id)],
    ]),
    said("p", { class: "hint" }, model.intended_use),
    make("p", { class: "print-only signature" }, text("report_signature")));
}
