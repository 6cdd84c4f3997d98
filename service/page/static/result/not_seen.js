// What must be known before the figures are believed, and what was not seen, in plain words.
import { make } from "../base/dom.js";
import { text } from "../base/texts.js";
import { seenWords } from "../session/card.js";

/** Patterns and doubts, above everything else. */
export function warnings(answer) {
  const told = new Set(Object.values(answer.poses).map((read) => read.problem?.detail));
  // Patterns come first in the service's list, and have words of our own; so have the pictures' problems.
  const doubts = answer.warnings.slice(answer.patterns.length).filter((sentence) => !told.has(sentence) && !/^(`unsorted-\d+`|The picture `unsorted-\d+`)/.test(sentence));
  if (!answer.patterns.length && !doubts.length) return null;
  return make("section", { class: "problem patterns" }, make("h3", {}, text("warnings_title")),
    ...answer.patterns.map((pattern) => make("p", {}, make("strong", {}, text(`pattern_${pattern}`)))),
    ...doubts.map((sentence) => make("p", { lang: "en" }, sentence)));
}

export function notSeen(answer) {
  const items = [
    ...Object.entries(answer.poses).filter(([, read]) => read.status !== "used").map(([pose, read]) => `${text(`pose_${pose}`)}: ${seenWords(pose, read)}`),
    ...answer.evidence.missing.map((pose) => `${text(`pose_${pose}`)}: ${text("was_not_sent")}`),
    ...Object.entries(answer.regional_movement).filter(([, found]) => found.share === null)
      .map(([region]) => text("region_not_seen", { region: text(region === "nose" ? "midface" : region) })),
    ...answer.unsorted.map((read) => `${text("loose_picture")}: ${seenWords(null, read)}`),
  ];
  return make("section", { class: "not-seen" }, make("h3", {}, text("not_seen_title")),
    items.length ? make("ul", {}, ...items.map((item) => make("li", {}, item))) : make("p", {}, text("all_seen")),
    make("p", { class: "hint" }, text("not_seen_hint")));
}
