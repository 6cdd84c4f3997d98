// The answer of POST /v1/microexpression/clip: when the face moved, and calmly, when it did not.
import { facts, provenance, quality } from "../answer/parts.js";
import { make, svg, svgText } from "../base/dom.js";
import { said } from "../base/said.js";
import { number, percent, text } from "../base/texts.js";
import { pathOf, timeCursor } from "../clip/time_cursor.js";

const WIDTH = 640, HEIGHT = 150, BOTTOM = 18;

export function clipAnswer(answer, file) {
  const missing = make("p", { class: "hint", hidden: true }, text("clip_not_shown"));
  const video = make("video", { src: URL.createObjectURL(file), muted: true, playsinline: true, controls: true, preload: "auto", "aria-label": text("clip_title") });
  video.addEventListener("error", () => { missing.hidden = false; video.hidden = true; });
  return make("div", { class: "clip" },
    make("h3", { class: "headline small" }, answer.events.length ? text("events_found", { count: answer.events.length }) : text("events_none")),
    make("div", { class: "clip-grid" }, make("div", {}, video, missing), motionCurve(answer, video)),
    answer.events.length ? null : make("p", { class: "hint" }, text("events_none_hint")),
    ...answer.events.map((event) => eventFound(event, video)),
    make("p", { class: "hint" }, text("emotion_hint")),
    quality(answer.quality), provenance(answer, `microexpression-clip-${answer.request_id}.json`));
}

function eventFound(event, video) {
  return make("section", { class: "event" },
    make("button", { type: "button", onclick: () => { video.currentTime = event.apex.t_s; } },
      text("event", { from: number(event.onset.t_s, 2), apex: number(event.apex.t_s, 2), to: number(event.offset.t_s, 2) })),
    make("p", {}, make("strong", {}, event.emotion.label ? text(event.emotion.label) : text(`movement_${event.movement_kind}`)),
      event.emotion.label ? ` ${percent(event.emotion.probability)} %` : ""),
    facts([[text("motion_title"), text("motion_score", { value: number(event.score) })], [text("event_reliability"), `${percent(event.reliability)} %`]]),
    ...event.warnings.map((sentence) => said("p", { class: "hint" }, sentence)));
}

/** Motion over time, events shaded; the clip shows the frame under the cursor. */
function motionCurve({ curve, events, rest }, video) {
  const end = curve.t_s.at(-1) || 1;
  const most = Math.max(...curve.motion.filter((value) => value !== null), 0.5);
  const x = (time) => (WIDTH * time) / end, y = (value) => 6 + (1 - value / most) * (HEIGHT - 6 - BOTTOM);
  const { cursor, slider, attach } = timeCursor(video, { x, end, step: 0.005, bottom: HEIGHT - BOTTOM });
  const band = (from, to, kind) => svg("rect", { x: x(from), width: Math.max(2, x(to) - x(from)), y: 0, height: HEIGHT - BOTTOM, class: kind });
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "curves", "aria-hidden": "true" },
    band(rest.from.t_s, rest.to.t_s, "segment"), ...events.map((event) => band(event.onset.t_s, event.offset.t_s, "segment judged")),
    svg("path", { d: pathOf(curve.t_s, curve.motion, x, y), class: "left" }), cursor,
    svgText("0 s", { x: 2, y: HEIGHT - 4 }), svgText(`${number(end)} s`, { x: WIDTH - 2, y: HEIGHT - 4, "text-anchor": "end" }),
    svgText(`${number(most)} %`, { x: 2, y: 14 }));
  attach(drawing);
  return make("div", { class: "curve-chart" }, drawing, slider, make("p", { class: "hint" }, text("motion_curve_hint")));
}
