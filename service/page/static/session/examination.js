// The examination: pictures of several movements, sorted, sent and answered.
import { assess, assessAsFhir, assessClip } from "../base/client.js";
import { make } from "../base/dom.js";
import { panel } from "../base/panel.js";
import { drawAgain, text } from "../base/texts.js";
import { clipResult } from "../clip/clip_result.js";
import { poseFrames } from "../clip/pose_frames.js";
import { series } from "../intake/camera.js";
import { dropZone, PICTURES } from "../intake/drop_zone.js";
import { canRecord, recordClip } from "../intake/record_clip.js";
import { poseFiles } from "../result/answer_files.js";
import { examinationResult } from "../result/result.js";
import { card, mover, seenWords, thumbnail } from "./card.js";
import { optionsForm } from "./options.js";
import { POSES } from "./poses.js";
import { MOST_PICTURES, sessionStore } from "./store.js";

export function examinationView(view) {
  let last = null; // {answer, version}: of which pictures the answer is
  let left = new Map(); // what the answer says of pictures that lie on no card
  const options = optionsForm(() => draw());
  const store = sessionStore(() => draw());
  const { status, problem, answer, ask, clear } = panel(view);

  const cards = make("ol", { class: "cards" });
  const loose = make("div", { class: "loose", hidden: true });
  const tooMany = make("p", { class: "problem", role: "alert", hidden: true });
  const stale = make("p", { class: "stale", role: "status", hidden: true });
  const examine = make("button", { type: "button", class: "primary", id: "examine", onclick: () => send() });
  const fresh = make("button", { type: "button", id: "new-examination", hidden: true, onclick: () => {
    last = null; left = new Map(); options.reset(); store.clear(); clear(); draw();
  } });
  const guide = make("button", { type: "button", id: "guide", onclick: guideByCamera });
  const record = make("button", { type: "button", id: "record", hidden: !canRecord(), onclick: () => recordClip((clip, script) => sendClip(clip, { script })) });
  const zone = dropZone("drop_many", addMany, { multiple: true, accept: `${PICTURES},video/*` });
  const title = make("h2", { id: "examination-title", tabindex: "-1" });
  const lead = make("p", { class: "hint" });

  function draw() {
    const at = document.activeElement;
    const kept = cards.contains(at) ? [at.closest("[data-pose]").dataset.pose, at.dataset.tool] : null;
    const current = last?.version === store.version && last.options === options.key();
    const pose_read = (pose) => (current ? last.answer.poses[pose] ?? null : null);
    title.textContent = text("way_examination");
    lead.textContent = text("examination_lead");
    guide.textContent = text("guide_camera");
    record.textContent = text("record_clip");
    fresh.textContent = text("new_examination");
    cards.replaceChildren(...POSES.map((pose) => card(pose, store, pose_read(pose))));
    cards.setAttribute("aria-label", text("cards_label"));
    drawLoose(current);
    examine.disabled = store.count === 0 || store.count > MOST_PICTURES;
    examine.textContent = store.count ? text(last ? "examine_again" : "examine", { count: store.count }) : text("examine_none");
    tooMany.hidden = store.count <= MOST_PICTURES;
    tooMany.textContent = text("too_many", { most: MOST_PICTURES, count: store.count });
    stale.hidden = !last || current;
    stale.textContent = text("stale");
    fresh.hidden = store.count === 0 && answer.hidden;
    view.classList.toggle("examined", Boolean(last));
    if (kept) refocus(...kept);
  }

  /** A card is drawn anew after each change: who came by keyboard stays on it. */
  function refocus(pose, kind) {
    const tools = cards.querySelector(`[data-pose=${pose}]`);
    (tools.querySelector(`[data-tool=${kind}]`) ?? tools.querySelector("button"))?.focus();
  }

  function drawLoose(current) {
    const pictures = store.loose();
    loose.hidden = !pictures.length;
    loose.replaceChildren(make("h3", {}, text("loose_title")), make("ul", {}, ...pictures.map((picture) => {
      const read = current ? left.get(picture.id) : null;
      return make("li", {}, thumbnail(picture, text("loose_picture")),
        read ? make("p", {}, read.problem ? text(`short_${read.problem.code}`) : seenWords(null, read)) : null,
        make("div", { class: "card-tools" }, mover(null, store, picture),
          make("button", { type: "button", onclick: () => store.remove(picture.id) }, text("remove_picture"))));
    })));
  }

  async function send() {
    const version = store.version;
    const sent = options.key();
    const parts = store.parts();
    const values = options.values();
    const given = await ask((signal, tell) => assess(parts, values, signal, tell),
      (found) => examinationResult(found, { files: poseFiles(found, parts), options: values, bundle: () => assessAsFhir(parts, values) }),
      { again: send, keep: Boolean(last) }); // the answer to a clip is of other pictures
    if (!given) return;
    last = { answer: given, version, options: sent };
    if (version === store.version) left = store.sorted(given);
    draw();
    answer.querySelector("h2")?.focus({ preventScroll: true });
    answer.scrollIntoView({ block: "start" });
  }

  /** A clip is an examination of its own: the cards stay as they are. asked: what was asked for in it, where that is known. */
  async function sendClip(clip, asked = {}) {
    const values = { ...options.values(), ...asked };
    let files = null;
    const given = await ask(async (signal, tell) => {
      const found = await assessClip(clip, values, signal, tell);
      files = await poseFrames(found, clip);
      return found;
    }, (found) => clipResult(found, clip, { files, options: values }), { again: () => sendClip(clip, asked) });
    if (!given) return;
    last = null;
    draw();
    answer.scrollIntoView({ block: "start" });
  }

  /** Several files at once are sorted by the service, which grades them in the same breath. */
  async function addMany(files) {
    const clip = files.find((file) => file.type.startsWith("video/"));
    if (clip) { await sendClip(clip); return; }
    for (const file of files) await store.put(file, null);
    if (store.count <= MOST_PICTURES) await send();
  }

  function guideByCamera() {
    const open = POSES.filter((pose) => !store.at(pose) && !store.isSkipped(pose));
    series(open.length ? open : POSES, { onPhoto: (pose, photo) => store.put(photo, pose), onSkip: store.skip, onEnd: () => { if (store.count) send(); } });
  }

  view.append(make("div", { class: "title-row" }, title, fresh), lead,
    make("div", { class: "intake" }, zone.element, guide, record), tooMany, cards, loose, options.element,
    make("div", { class: "send" }, examine, stale, status), problem, answer);
  drawAgain(draw);
  draw();
}
