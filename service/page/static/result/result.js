// The answer of POST /v1/palsy/assess, for people: what was found first, then why, then every figure.
import { make } from "../base/dom.js";
import { text } from "../base/texts.js";
import { decisionPath } from "./decision_path.js";
import { explained } from "./explained.js";
import { faceDrawing } from "./face_drawing.js";
import { evidence, gradeFound, sideFound } from "./grade_found.js";
import { keeping, reportHead } from "./report.js";
import { measureTable } from "./measures.js";
import { notSeen, warnings } from "./not_seen.js";
import { posePictures } from "./pose_pictures.js";
import { fngsTable, sunnybrookTable } from "./scales.js";

/** files: Pose -> File, the pictures that the answer is of; options: what was known; bundle(): the same as FHIR. */
export function examinationResult(answer, { files, options, bundle }) {
  return make("article", { class: "result", "aria-labelledby": "result-title" },
    reportHead(),
    make("h2", { id: "result-title", tabindex: "-1" }, text("result_title")),
    warnings(answer),
    make("div", { class: "result-first" },
      make("div", { class: "found" }, sideFound(answer), gradeFound(answer), evidence(answer, options)),
      faceDrawing(answer),
      decisionPath(answer)),
    make("div", { class: "result-tables" }, sunnybrookTable(answer), fngsTable(answer), notSeen(answer)),
    measureTable(answer),
    files.size ? posePictures(answer, files) : null,
    explained(),
    keeping(answer, bundle));
}
