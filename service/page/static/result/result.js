// The answer of POST /v1/palsy/assess, for people: what was found first, then why, then every figure.
import { expectedGrade, gradeFound, sideFound } from "../answer/grade_and_side.js";
import { make } from "../base/dom.js";
import { text } from "../base/texts.js";
import { decisionPath } from "./decision_path.js";
import { doubts } from "./doubts.js";
import { evidence, notSeen } from "./evidence.js";
import { explained } from "./explained.js";
import { faceDrawing } from "./face_drawing.js";
import { keeping, origin, reportHead } from "./report.js";
import { measureTable } from "./measures.js";
import { posePictures } from "./pose_pictures.js";
import { fngsTable, sunnybrookTable } from "./scales.js";

/** files: Pose -> File, the pictures that the answer is of; options: what was known; given: when it came; bundle(): the
 * same as FHIR; kept(): it was printed or saved; overTime: the curves of a clip. */
export function examinationResult(answer, { files, options, given, bundle, kept, overTime = null }) {
  return make("article", { class: "result", "aria-labelledby": "result-title" },
    reportHead(given),
    make("div", { class: "result-head" }, make("h2", { id: "result-title", tabindex: "-1" }, text("result_title")),
      keeping(answer, { asFhir: bundle, kept })),
    doubts(answer),
    make("div", { class: "result-first" },
      make("div", { class: "found" }, sideFound(answer), gradeFound(answer, make("p", { class: "hint" }, answer.grade ? expectedGrade(answer.grade.expected) : null))),
      faceDrawing(answer),
      make("div", { class: "reasons" }, decisionPath(answer), evidence(answer, options), notSeen(answer))),
    overTime,
    make("div", { class: "result-tables" }, sunnybrookTable(answer), fngsTable(answer)),
    measureTable(answer),
    files.size ? posePictures(answer, files) : null,
    explained(),
    origin(answer, given));
}
