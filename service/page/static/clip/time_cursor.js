// A cursor over curves that are drawn above each other by time, tied to the clip beside them.
import { make, svg } from "../base/dom.js";
import { text } from "../base/texts.js";

/** x: seconds -> place in the drawing; end, step: of the slider, in seconds; top, bottom: of the cursor; told: called with
    each time shown. -> {cursor, slider, attach}; attach(drawing) lets a pointer over it move the cursor. */
export function timeCursor(video, { x, end, step, top = 0, bottom, told = () => {} }) {
  const cursor = svg("line", { y1: top, y2: bottom, x1: 0, x2: 0, class: "cursor" });
  const slider = make("input", { type: "range", min: 0, max: end, step, value: 0, class: "time", "aria-label": text("time_s") });
  function show(time) {
    cursor.setAttribute("x1", x(time));
    cursor.setAttribute("x2", x(time));
    slider.value = time;
    told(time);
  }
  const seek = (time) => { video.pause(); video.currentTime = time; show(time); };
  slider.addEventListener("input", () => seek(Number(slider.value)));
  video.addEventListener("timeupdate", () => show(video.currentTime));
  const attach = (drawing) => drawing.addEventListener("pointermove", (event) => {
    const box = drawing.getBoundingClientRect();
    seek(Math.max(0, Math.min(end, ((event.clientX - box.left) / box.width) * end)));
  });
  return { cursor, slider, attach };
}

/** An SVG path over times, with a gap where there is no value. */
export const pathOf = (times, values, x, y) => values.map((value, index) =>
  (value === null ? "" : `${index && values[index - 1] !== null ? "L" : "M"}${x(times[index])} ${y(value)}`)).join("");
