// How pictures come into an examination: movement by movement with the camera, as one video, or as files.
import { make } from "../base/dom.js";
import { text } from "../base/texts.js";
import { dropZone, PICTURES } from "../intake/drop_zone.js";
import { canRecord } from "../intake/record_clip.js";

export function waysIn({ onFiles, onGuide, onRecord }) {
  const guide = make("button", { type: "button", class: "primary", id: "guide", onclick: onGuide });
  const record = make("button", { type: "button", id: "record", onclick: onRecord });
  const zone = dropZone("drop_many", onFiles, { multiple: true, accept: `${PICTURES},video/*` });
  const words = [];
  const way = (key, control) => {
    const name = make("h3", {}), hint = make("p", { class: "hint" });
    words.push([key, name, hint]);
    return make("section", { class: "way-in" }, name, hint, control);
  };
  const element = make("div", { class: "ways-in" },
    way("guide", guide), ...(canRecord() ? [way("video", record)] : []), way("files", zone.element));

  /** open: movements without a picture; taken: whether others have theirs. */
  function draw({ open, taken }) {
    for (const [key, name, hint] of words) {
      name.textContent = text(`way_${key}`);
      hint.textContent = text(`way_${key}_hint`);
    }
    guide.textContent = text(!taken ? "guide_start" : open ? "guide_on" : "guide_again", { count: open });
    record.textContent = text("record_open");
  }
  return { element, draw };
}
