// What is kept: the printed report's head and foot, and the answer as JSON or FHIR.
import { facts } from "../answer/parts.js";
import { Problem } from "../base/client.js";
import { download, saveJson } from "../base/download.js";
import { make } from "../base/dom.js";
import { text } from "../base/texts.js";
import { withoutMaps } from "./answer_files.js";

const now = () => new Date().toLocaleString(document.documentElement.lang, { dateStyle: "long", timeStyle: "short" });
const day = () => new Date().toISOString().slice(0, 10);

/** Seen on paper only: what the file needs and the service must not know. */
export const reportHead = () => make("header", { class: "print-only report-head" },
  make("p", { class: "report-title" }, text("report_title")),
  make("dl", {}, ...["report_patient", "report_born", "report_examiner", "report_date"].flatMap((key) => [
    make("dt", {}, text(key)), make("dd", {}, key === "report_date" ? now() : "")])));

/** asFhir(): asks the service for the same examination as a FHIR bundle, as text. */
export function keeping(answer, asFhir) {
  const { model, session_method: method } = answer;
  const problem = make("p", { class: "problem", role: "alert", hidden: true });
  const bundle = async (event) => {
    problem.hidden = true;
    const button = event.currentTarget;
    button.disabled = true;
    try {
      download(await asFhir(), "application/fhir+json", `examination-${day()}-${answer.request_id.slice(0, 8)}.fhir.json`);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problem.textContent = error.sentence();
      problem.hidden = false;
    }
    button.disabled = false;
  };
  return make("section", { class: "provenance" }, make("h3", {}, text("details")),
    facts([
      [text("model"), `${model.name} ${model.version} · ${method.name} ${method.version}`], [text("training_data"), model.training_data],
      ["SHA-256", make("code", {}, model.sha256.slice(0, 16))], [text("request"), make("code", {}, answer.request_id)],
      [text("date"), now()],
    ]),
    make("p", { class: "hint", lang: "en" }, model.intended_use),
    make("p", { class: "print-only signature" }, text("report_signature")),
    make("div", { class: "buttons no-print" },
      make("button", { type: "button", class: "print", onclick: () => window.print() }, text("print")),
      make("button", { type: "button", class: "save-json", onclick: () => saveJson(withoutMaps(answer), `examination-${day()}-${answer.request_id.slice(0, 8)}.json`) }, text("save_json")),
      make("button", { type: "button", class: "save-fhir", onclick: bundle }, text("save_fhir"))),
    make("p", { class: "no-print" }, make("button", { type: "button", class: "to-follow-up",
      onclick: () => document.dispatchEvent(new CustomEvent("follow-up", { detail: answer })) }, text("compare_earlier"))),
    make("p", { class: "hint no-print" }, text("keep_hint")), problem);
}
