// One figure over several visits, as a small drawing with its table in words beside it.
import { make, svg, svgText } from "../base/dom.js";
import { number, text } from "../base/texts.js";

const WIDTH = 300, HEIGHT = 130, LEFT = 34, BOTTOM = 24, TOP = 8;
// Better is up: a lower grade, more movement.
const AXES = { expected_grade: { from: 6, to: 1, ticks: [1, 2, 3, 4, 5, 6], words: (tick) => ["I", "II", "III", "IV", "V", "VI"][tick - 1] },
  movement_index: { from: 0, to: 100, ticks: [0, 50, 100], words: String }, sunnybrook: { from: 0, to: 100, ticks: [0, 50, 100], words: String } };

/** points: [{date, value, low, high}] in order of time. */
export function chart(figure, points) {
  const { from, to, ticks, words } = AXES[figure];
  const times = points.map(({ date }) => Date.parse(date));
  const first = Math.min(...times), span = Math.max(...times) - first;
  const x = (date) => LEFT + 14 + (span ? ((Date.parse(date) - first) / span) * (WIDTH - LEFT - 40) : (WIDTH - LEFT - 40) / 2);
  const y = (value) => TOP + (1 - (value - from) / (to - from)) * (HEIGHT - TOP - BOTTOM);
  const mark = ({ date, value, low, high }) => [svg("line", { x1: x(date), x2: x(date), y1: y(low), y2: y(high), class: "whisker" }),
    svg("circle", { cx: x(date), cy: y(value), r: 4.5 })];
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", "aria-hidden": "true" },
    ...ticks.flatMap((tick) => [svg("line", { x1: LEFT, x2: WIDTH, y1: y(tick), y2: y(tick), class: "grid" }),
      svgText(words(tick), { x: LEFT - 5, y: y(tick) + 4, "text-anchor": "end" })]),
    svg("polyline", { points: points.map((point) => `${x(point.date)},${y(point.value)}`).join(" ") }),
    ...points.flatMap(mark),
    ...[points[0], points.at(-1)].filter((point, index) => index === 0 || span).map((point) => svgText(point.date, { x: x(point.date), y: HEIGHT - 6, "text-anchor": point === points[0] && span ? "start" : span ? "end" : "middle" })));
  return make("figure", { class: "chart-figure" },
    make("figcaption", {}, make("strong", {}, text(`figure_${figure}`)), make("span", { class: "hint" }, ` ${text("better_is_up")}`)), drawing,
    make("p", { class: "visually-hidden" }, points.map(({ date, value }) => `${date}: ${number(value)}`).join("; ")));
}
