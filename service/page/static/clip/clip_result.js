// The answer of POST /v1/palsy/video: that of an examination, and the clip with its curves.
import { assessClipAsFhir } from "../base/client.js";
import { download } from "../base/download.js";
import { make } from "../base/dom.js";
import { number, text } from "../base/texts.js";
import { examinationResult } from "../result/result.js";
import { curveChart } from "./curves.js";

/** file: the clip; known: {files, options, given, kept} as `examinationResult` takes them. */
export const clipResult = (answer, file, known) => examinationResult(answer,
  { ...known, bundle: () => assessClipAsFhir(file, known.options), overTime: clipOverTime(answer, file) });

function clipOverTime({ clip }, file) {
  const missing = make("p", { class: "hint", hidden: true }, text("clip_not_shown"));
  const video = make("video", { src: URL.createObjectURL(file), muted: true, playsinline: true, controls: true, preload: "auto", "aria-label": text("clip_title") });
  video.addEventListener("error", () => { missing.hidden = false; video.hidden = true; });
  const found = make("ul", { class: "clip-segments" }, ...clip.segments.map((one) => make("li", {},
    make("button", { type: "button", onclick: () => { video.currentTime = one.apex_s; } },
      text("segment", { pose: text(`pose_${one.pose}`), from: number(one.start_s), to: number(one.end_s) })),
    one.judged ? null : make("span", { class: "hint" }, ` ${text("segment_not_judged")}`))),
  ...clip.talk.map(([from, to]) => make("li", { class: "hint" }, text("clip_talk", { from: number(from), to: number(to) }))));
  return make("section", { class: "clip no-print" }, make("h3", {}, text("clip_title")),
    make("div", { class: "clip-grid" }, make("div", {}, video, missing, found),
      clip.curves ? curveChart(clip, video) : null),
    file instanceof File ? null : make("p", {}, make("button", { type: "button", class: "save-clip", // recorded just now, and nowhere else
      onclick: () => download(file, file.type, `examination-${new Date().toISOString().slice(0, 10)}.${file.type.includes("mp4") ? "mp4" : "webm"}`) }, text("save_clip"))),
    make("p", { class: "hint" }, text("clip_seen", { frames: clip.file.frames, percent: Math.round(100 * clip.file.seen_share), blinks: clip.blinks.length })));
}
