// The answer of POST /v1/palsy/assess, for people: what was found first, then why, then every figure.
import { make } from "../base/dom.js";
import { text } from "../base/texts.js";
import { poseFiles } from "./answer_files.js";
import { decisionPath } from "./decision_path.js";
import { explained } from "./explained.js";
import { faceDrawing } from "./face_drawing.js";
import { evidence, gradeFound, sideFound } from "./grade_found.js";
import { keeping, reportHead } from "./report.js";
import { measureTable } from "./measures.js";
import { notSeen, warnings } from "./not_seen.js";
import { posePictures } from "./pose_pictures.js";
import { fngsTable, sunnybrookTable } from "./scales.js";

/** sent: {parts, options}, what the answer is of. */
export function examinationResult(answer, sent) {
  const files = poseFiles(answer, sent.parts);
  return make("article", { class: "result", "aria-labelledby": "result-title" },
    reportHead(),
    make("h2", { id: "result-title", tabindex: "-1" }, text("result_title")),
    warnings(answer),
    make("div", { class: "result-first" },
      make("div", { class: "found" }, sideFound(answer), gradeFound(answer), evidence(answer, sent.options)),
      faceDrawing(answer),
      decisionPath(answer)),
    make("div", { class: "result-tables" }, sunnybrookTable(answer), fngsTable(answer), notSeen(answer)),
    measureTable(answer),
    files.size ? posePictures(answer, files) : null,
    explained(),
    keeping(answer, sent));
}
