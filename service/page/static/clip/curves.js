// Both sides of a movement over time; the clip shows the frame under the cursor.
import { make, svg, svgText } from "../base/dom.js";
import { number, shareWords, text } from "../base/texts.js";
import { pathOf, timeCursor } from "./time_cursor.js";

const WIDTH = 640, HEIGHT = 190, TOP = 22, BOTTOM = 20;
const KINDS = ["brow_mm", "opening", "corner_mm", "upper_lip_mm"];
const mm = (value) => `${number(value)} mm`;
const UNIT = { brow_mm: mm, opening: shareWords, corner_mm: mm, upper_lip_mm: mm };

/** clip: the answer's part of that name; video: the element that shows it. */
export function curveChart({ curves, segments, file }, video) {
  const end = Math.max(file.duration_s, curves.t_s.at(-1) ?? 0);
  const x = (time) => (WIDTH * time) / end;
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "curves", "aria-hidden": "true" });
  const select = make("select", { "aria-label": text("curve_kind"), onchange: draw }, ...KINDS.map((kind) => make("option", { value: kind }, text(`curve_${kind}`))));
  const words = make("output", {});
  const { cursor, slider, attach } = timeCursor(video, { x, end, step: 0.04, top: TOP, bottom: HEIGHT - BOTTOM,
    told: (time) => { words.textContent = ` ${number(time)} s`; } });

  function draw() {
    const kind = select.value;
    const all = [...curves.left[kind], ...curves.right[kind]].filter((value) => value !== null);
    const low = Math.min(0, ...all), high = Math.max(...all, 0.1);
    const y = (value) => TOP + (1 - (value - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
    drawing.replaceChildren(
      ...segments.flatMap((one) => [svg("rect", { x: x(one.start_s), width: x(one.end_s) - x(one.start_s), y: TOP, height: HEIGHT - TOP - BOTTOM, class: one.judged ? "segment judged" : "segment" }),
        svgText(text(`pose_${one.pose}`), { x: x((one.start_s + one.end_s) / 2), y: 12, "text-anchor": "middle" })]),
      svg("line", { x1: 0, x2: WIDTH, y1: y(0), y2: y(0), class: "zero" }),
      svg("path", { d: path(curves.right[kind], y), class: "right" }), svg("path", { d: path(curves.left[kind], y), class: "left" }), cursor,
      svgText("0 s", { x: 2, y: HEIGHT - 5 }), svgText(`${number(end)} s`, { x: WIDTH - 2, y: HEIGHT - 5, "text-anchor": "end" }),
      svgText(UNIT[kind](high), { x: 2, y: TOP + 12 }));
  }
  const path = (values, y) => pathOf(curves.t_s, values, x, y);

  attach(drawing);
  draw();
  return make("div", { class: "curve-chart" }, make("div", { class: "curve-legend" }, select,
    make("span", { class: "right" }, `● ${text("patient_right")}`), make("span", { class: "left" }, `■ ${text("patient_left")}`)),
  drawing, slider, words);
}
