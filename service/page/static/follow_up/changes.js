// What has changed between two visits, by more than two examinations of the same palsy differ by.
import { make } from "../base/dom.js";
import { said } from "../base/said.js";
import { number, shareWords, text } from "../base/texts.js";
import { POSES } from "../session/poses.js";

const MARKS = { better: "▲", worse: "▼", changed: "◆", within_noise: "≈" };
const SHARES = ["closure"];
const DEGREES = ["smile_angle", "philtrum_angle"];

/** A change's figure as {name, pose, show}: pose null for what stands for the whole face. */
function described(figure) {
  const [first, second, side] = figure.split(".");
  if (!second) return { name: text(`figure_${first}`), pose: null, show: (value) => number(value, first === "expected_grade" ? 1 : 0) };
  if (first === "share") {
    const pose = POSES.includes(second) ? second : null;
    return { name: pose ? text("share") : text("share_of", { region: text(second === "nose" ? "midface" : second) }), pose, show: shareWords };
  }
  const where = side === "both" ? "" : ` · ${text(`patient_${side}`)}`;
  const show = SHARES.includes(first) ? shareWords : DEGREES.includes(first) ? (value) => `${number(value)}°` : (value) => `${number(value)} ${first === "mouth_opening_area" ? "mm²" : "mm"}`;
  return { name: `${text(`measure_${first}`)}${where}`, pose: second, show };
}

function table(changes, caption) {
  return make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": caption }, make("table", { class: "changes" },
    make("caption", {}, caption),
    make("thead", {}, make("tr", {}, ...["figure", "before", "after", "noise", "verdict"].map((key) => make("th", { scope: "col" }, text(`change_${key}`))))),
    make("tbody", {}, ...changes.map(({ change, name, show }) => make("tr", { class: change.verdict ?? "unknown" },
      make("th", { scope: "row" }, name), make("td", {}, show(change.before)), make("td", {}, show(change.after)),
      make("td", {}, change.sdc95 === null ? "–" : `± ${show(change.sdc95)}`),
      make("td", { class: "verdict-cell" }, change.verdict ? `${MARKS[change.verdict]} ${text(`verdict_${change.verdict}`)}` : text("verdict_unknown")))))));
}

export function changesFound(comparison) {
  const all = comparison.changes.map((change) => ({ change, ...described(change.figure) }));
  const beyond = all.filter(({ change }) => change.verdict && change.verdict !== "within_noise");
  const poses = POSES.filter((pose) => all.some((one) => one.pose === pose));
  return make("div", { class: "changes-found" },
    make("h3", { tabindex: "-1" }, text("changes_title")),
    ...comparison.warnings.map((sentence) => said("p", { class: "problem" }, sentence)),
    make("p", {}, make("strong", {}, text(beyond.length ? "changes_beyond" : "changes_none", { count: beyond.length, of: all.length })), " ",
      text(comparison.grades_overlap ? "grades_overlap" : "grades_apart")),
    table(all.filter((one) => one.pose === null), text("whole_face")),
    ...poses.map((pose) => {
      const here = all.filter((one) => one.pose === pose);
      const changed = here.filter((one) => beyond.includes(one)).length;
      return make("details", { open: changed > 0 }, make("summary", {}, text("pose_changes", { pose: text(`pose_${pose}`), count: changed, of: here.length })), table(here, text(`pose_${pose}`)));
    }),
    make("p", { class: "hint" }, text("changes_hint")));
}
