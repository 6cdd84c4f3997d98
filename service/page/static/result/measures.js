// Measures of both sides with their intervals, drawn against what healthy people have.
import { make, svg } from "../base/dom.js";
import { number, percent, shareWords, text } from "../base/texts.js";
import { normalRange } from "./normal_ranges.js";

// What an examiner asks for; the rest is a click away.
const FIRST = ["fissure.rest", "brow_excursion.brow_lift", "closure.gentle_closure", "closure.tight_closure", "commissure_excursion.closed_smile",
  "commissure_excursion.full_smile", "upper_lip_rise.snarl", "pucker_excursion.pucker"];
const UNITS = { mm: "mm", mm2: "mm²", deg: "°" };

/** [{id, pose, unit, left, right, both}] in the order of the answer. */
function paired(measures) {
  const rows = new Map();
  for (const measure of measures) {
    const name = `${measure.id}.${measure.pose}`;
    if (!rows.has(name)) rows.set(name, { name, id: measure.id, pose: measure.pose, unit: measure.unit });
    rows.get(name)[measure.side ?? "both"] = measure;
  }
  return [...rows.values()];
}

const show = (value, unit) => (unit === "1" ? shareWords(value) : `${number(value)} ${UNITS[unit]}`);

function cell(measure) {
  if (!measure) return make("td", {}, "–");
  const { unit } = measure;
  const [low, high] = measure.interval.map((end) => (unit === "1" ? Math.round(100 * Math.min(1, end)) : number(end))); // more than closed is none
  return make("td", { class: measure.reliable ? "" : "unsure" }, make("strong", {}, show(measure.value, unit)), " ",
    make("span", { class: "interval" }, text("from_to", { low, high })),
    measure.reliable ? null : make("span", { class: "unsure-mark" }, ` ${text("unsure")}`));
}

/** Both sides as points with whiskers on one axis, healthy range behind; for the eye, the table says the same. */
function plot(row, range) {
  const both = [row.left, row.right, row.both].filter(Boolean);
  const ends = [...both.flatMap((one) => one.interval), ...(range ?? [])];
  const low = Math.min(0, ...ends), high = Math.max(...ends), at = (value) => 4 + (192 * (value - low)) / (high - low || 1);
  const mark = (one, y, kind) => [svg("line", { x1: at(one.interval[0]), x2: at(one.interval[1]), y1: y, y2: y, class: `whisker ${kind}` }),
    kind === "right" ? svg("circle", { cx: at(one.value), cy: y, r: 4, class: kind }) : svg("rect", { x: at(one.value) - 4, y: y - 4, width: 8, height: 8, class: kind })];
  return svg("svg", { viewBox: "0 0 200 28", class: "interval-plot", "aria-hidden": "true" },
    ...(range ? [svg("rect", { x: at(range[0]), width: at(range[1]) - at(range[0]), y: 0, height: 28, class: "normal" })] : []),
    svg("line", { x1: at(0), x2: at(0), y1: 0, y2: 28, class: "zero" }),
    ...(row.right ? mark(row.right, 8, "right") : []), ...(row.left ? mark(row.left, 20, "left") : []), ...(row.both ? mark(row.both, 14, "left") : []));
}

function tableOf(rows, caption) {
  return make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": caption }, make("table", { class: "measures" },
    make("caption", { class: "visually-hidden" }, caption),
    make("thead", {}, make("tr", {}, ...["measure", "right_dot", "left_dot", "normal_range", "drawn"].map((key) => make("th", { scope: "col" }, text(key))))),
    make("tbody", {}, ...rows.map((row) => {
      const range = normalRange(row.id, row.pose);
      return make("tr", {}, make("th", { scope: "row" }, text(`measure_${row.id}`), make("span", { class: "hint" }, ` · ${text(`pose_${row.pose}`)}`)),
        ...(row.both ? [make("td", { colspan: 2 }, ...cell(row.both).childNodes)] : [cell(row.right), cell(row.left)]),
        make("td", {}, range ? (row.unit === "1" ? text("at_least", { value: shareWords(range[0]) }) : `${range[0]}–${range[1]} ${UNITS[row.unit]}`) : "–"),
        make("td", {}, plot(row, range)));
    }))));
}

export function measureTable(answer) {
  const rows = paired(answer.measures);
  const heading = make("h3", {}, text("measures_title"));
  if (!rows.length) return make("section", { class: "measure-section" }, heading, make("p", {}, text("measures_none")));
  const first = rows.filter((row) => FIRST.includes(row.name)).sort((a, b) => FIRST.indexOf(a.name) - FIRST.indexOf(b.name));
  const others = rows.filter((row) => !FIRST.includes(row.name));
  const left = Object.entries(answer.lagophthalmos_mm);
  return make("section", { class: "measure-section" }, heading,
    first.length ? tableOf(first, text("measures_title")) : null,
    ...left.map(([pose, mm]) => make("p", {}, text("lagophthalmos", { pose: text(`pose_${pose}`), mm: number(mm) }))),
    answer.scale ? make("p", { class: "hint" }, text(`scale_${answer.scale.source}`, { percent: percent(2 * answer.scale.relative_u) })) : null,
    others.length ? make("details", { class: "no-print" }, make("summary", {}, text("measures_all", { count: others.length })), tableOf(others, text("measures_more"))) : null);
}
