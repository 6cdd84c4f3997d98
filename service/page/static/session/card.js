// A card for each movement: how it looks, what to ask for, and the picture that shows it.
import { make } from "../base/dom.js";
import { text } from "../base/texts.js";
import { photograph } from "../intake/camera.js";
import { isClip, PICTURES, takeDrops } from "../intake/drop_zone.js";
import { POSES, poseDrawing } from "./poses.js";

const DRAGGED = "application/x-htnet-picture";

/** `read`: what the last answer says of this movement's picture (AssessedPose), or null. addMany([File …]) takes what is no
 * picture of one movement. */
export function card(pose, store, read, addMany) {
  const picture = store.at(pose);
  const skipped = store.isSkipped(pose);
  const name = text(`pose_${pose}`);
  const take = (file) => (isClip(file) ? addMany([file]) : store.put(file, pose));
  const element = make("li", { class: `pose-card${picture ? " filled" : ""}${skipped ? " skipped" : ""}`, "data-pose": pose },
    make("h3", {}, name),
    picture ? thumbnail(picture, name) : poseDrawing(pose),
    make("p", { class: "ask" }, skipped ? text("skipped") : text(`ask_${pose}`)),
    picture && read ? verdict(pose, read, store, picture) : null,
    make("div", { class: "card-tools" },
      tool("camera", picture ? "retake" : "card_camera", name, () => photograph(take, pose)),
      chooser(pose, name, take),
      ...(picture ? [mover(pose, store, picture), tool("remove", "remove_picture", name, () => store.remove(picture.id), "✕")] : [])));
  element.addEventListener("drop", (event) => {
    const id = event.dataTransfer.getData(DRAGGED);
    if (!id) return; // files, then
    event.preventDefault();
    event.stopImmediatePropagation();
    store.place(id, pose);
  });
  takeDrops(element, (files) => (files.length === 1 ? take(files[0]) : addMany(files)));
  return element;
}

/** A picture that can be dragged to a card. */
export function thumbnail(picture, alt) {
  const shown = make("img", { src: picture.url, alt, class: "thumbnail", draggable: "true" });
  shown.addEventListener("dragstart", (event) => {
    event.dataTransfer.setData(DRAGGED, picture.id);
    event.dataTransfer.effectAllowed = "move";
  });
  shown.addEventListener("error", () => shown.replaceWith(make("span", { class: "thumbnail unseen" }, text("no_preview"))));
  return shown;
}

/** The other way to what dragging does. */
export function mover(pose, store, picture) {
  const select = make("select", { class: "move", "data-tool": "move", "aria-label": text("move_to", { pose: pose ? text(`pose_${pose}`) : text("loose_picture") }) },
    make("option", { value: "" }, text("move_short")),
    ...POSES.filter((other) => other !== pose).map((other) => make("option", { value: other }, text(`pose_${other}`))));
  select.addEventListener("change", () => { if (select.value) store.place(picture.id, select.value); });
  return select;
}

const tool = (kind, key, name, onclick, sign = text(key)) => make("button",
  { type: "button", "data-tool": kind, "aria-label": `${text(key)}: ${name}`, title: sign === text(key) ? null : text(key), onclick }, sign);

function chooser(pose, name, take) {
  const input = make("input", { type: "file", accept: PICTURES, class: "visually-hidden", "data-field": pose, "aria-label": `${text("choose_file")}: ${name}` });
  input.addEventListener("change", () => { if (input.files.length) take(input.files[0]); });
  return make("label", { class: "button" }, input, text("choose_file"));
}

function verdict(pose, read, store, picture) {
  const other = read.looks_like;
  const moved = read.status === "other_pose" && other && other !== pose;
  return make("div", { class: `verdict ${read.status}` },
    make("p", {}, `${read.status === "used" ? "✓" : "!"} ${seenWords(pose, read)}`),
    moved ? tool("move-there", "move_there", text(`pose_${other}`), () => store.place(picture.id, other)) : null);
}

/** What became of a picture, in plain words. */
export function seenWords(pose, read) {
  if (read.status === "refused" || ["same-picture", "not-needed"].includes(read.problem?.code)) return text(`short_${read.problem.code}`);
  const other = read.looks_like ? text(`pose_${read.looks_like}`) : "";
  return text(read.status === "not_seen" && pose === "rest" ? "status_not_seen_rest" : `status_${read.status}`, { other });
}
