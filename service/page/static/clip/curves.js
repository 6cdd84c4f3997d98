// Both sides of a movement over time; the clip shows the frame under the cursor.
import { make, svg } from "../base/dom.js";
import { number, text } from "../base/texts.js";

const WIDTH = 640, HEIGHT = 190, TOP = 22, BOTTOM = 20;
const KINDS = ["brow_mm", "opening", "corner_mm", "upper_lip_mm"];

/** clip: the answer's part of that name; video: the element that shows it. */
export function curveChart({ curves, segments, file }, video) {
  const end = Math.max(file.duration_s, curves.t_s.at(-1) ?? 0);
  const x = (time) => (WIDTH * time) / end;
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "curves", "aria-hidden": "true" });
  const cursor = svg("line", { y1: TOP, y2: HEIGHT - BOTTOM, class: "cursor", x1: 0, x2: 0 });
  const select = make("select", { "aria-label": text("curve_kind"), onchange: draw }, ...KINDS.map((kind) => make("option", { value: kind }, text(`curve_${kind}`))));
  const slider = make("input", { type: "range", min: 0, max: end, step: 0.04, value: 0, class: "time", "aria-label": text("time_s") });
  const words = make("output", {});

  function draw() {
    const kind = select.value;
    const all = [...curves.left[kind], ...curves.right[kind]].filter((value) => value !== null);
    const low = Math.min(0, ...all), high = Math.max(...all, 0.1);
    const y = (value) => TOP + (1 - (value - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
    drawing.replaceChildren(
      ...segments.flatMap((one) => [svg("rect", { x: x(one.start_s), width: x(one.end_s) - x(one.start_s), y: TOP, height: HEIGHT - TOP - BOTTOM, class: one.judged ? "segment judged" : "segment" }),
        words_at(x((one.start_s + one.end_s) / 2), 12, text(`pose_${one.pose}`))]),
      svg("line", { x1: 0, x2: WIDTH, y1: y(0), y2: y(0), class: "zero" }),
      svg("path", { d: path(curves.right[kind], y), class: "right" }), svg("path", { d: path(curves.left[kind], y), class: "left" }), cursor,
      words_at(16, HEIGHT - 5, "0 s"), words_at(WIDTH - 24, HEIGHT - 5, `${number(end)} s`));
  }
  /** With a gap where no face was seen. */
  const path = (values, y) => values.map((value, index) => (value === null ? "" : `${index && values[index - 1] !== null ? "L" : "M"}${x(curves.t_s[index])} ${y(value)}`)).join("");
  const words_at = (at, y, content) => { const element = svg("text", { x: at, y, "text-anchor": "middle" }); element.textContent = content; return element; };

  function show(time) {
    cursor.setAttribute("x1", x(time));
    cursor.setAttribute("x2", x(time));
    slider.value = time;
    words.textContent = ` ${number(time)} s`;
  }
  const seek = (time) => { video.pause(); video.currentTime = time; show(time); };
  drawing.addEventListener("pointermove", (event) => {
    const box = drawing.getBoundingClientRect();
    seek(Math.max(0, Math.min(end, ((event.clientX - box.left) / box.width) * end)));
  });
  slider.addEventListener("input", () => seek(Number(slider.value)));
  video.addEventListener("timeupdate", () => show(video.currentTime));
  draw();
  return make("div", { class: "curve-chart" }, make("div", { class: "curve-legend" }, select,
    make("span", { class: "right" }, `● ${text("patient_right")}`), make("span", { class: "left" }, `■ ${text("patient_left")}`)),
  drawing, slider, words);
}
