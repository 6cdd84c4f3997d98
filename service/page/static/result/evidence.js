// What an examination rests on, and what was not seen, in plain words.
import { make } from "../base/dom.js";
import { listed, text } from "../base/texts.js";
import { seenWords } from "../session/card.js";

export function evidence(answer, options) {
  const { class: kind, used, reference } = answer.evidence;
  return make("section", { class: "evidence" },
    make("h3", {}, text("evidence_title")),
    make("p", {}, make("strong", {}, text(`class_${kind}`)), " ", text("evidence_count", { count: used.length }), " ", text(`reference_${reference}`)),
    options.mirrored ? make("p", { class: "hint" }, text("was_mirrored")) : null);
}

const poseNames = (poses) => listed(poses.map((pose) => text(`pose_${pose}`)));

export function notSeen(answer) {
  const { poses, regional_movement: regions, sunnybrook } = answer;
  const missing = answer.evidence.missing.filter((pose) => !(pose in poses));
  const unmeasured = Object.keys(regions).filter((region) => regions[region].share === null).map((region) => text(region === "nose" ? "midface" : region));
  const restless = Object.keys(sunnybrook.rest).filter((part) => part !== "cheek" && sunnybrook.rest[part] === null).map((part) => text(`part_${part}`));
  const items = [
    ...grouped(Object.entries(poses).filter(([, read]) => read.status !== "used").map(([pose, read]) => [seenWords(pose, read), pose]))
      .map(([words, these]) => `${poseNames(these)}: ${words}`),
    ...(missing.length ? [text("not_sent", { poses: poseNames(missing) })] : []),
    ...(unmeasured.length ? [text("not_measured", { regions: listed(unmeasured) })] : []),
    ...(restless.length ? [text("rest_not_measured", { parts: listed(restless) })] : []),
    ...answer.unsorted.map((read) => `${text("loose_picture")}: ${seenWords(null, read)}`),
  ];
  return make("section", { class: "not-seen" }, make("h3", {}, text("not_seen_title")),
    items.length ? make("ul", {}, ...items.map((item) => make("li", {}, item))) : make("p", {}, text("all_seen")),
    make("p", { class: "hint" }, text(items.length ? "not_seen_hint" : "never_seen_hint")));
}

/** [[words, pose] …] -> [[words, [pose …]] …]: what is said of several pictures is said once. */
function grouped(pairs) {
  const by = new Map();
  for (const [words, pose] of pairs) by.set(words, [...(by.get(words) ?? []), pose]);
  return [...by];
}
