// The examination: pictures of several movements, sorted, sent and answered.
import { assess, assessAsFhir, assessClip } from "../base/client.js";
import { make } from "../base/dom.js";
import { panel } from "../base/panel.js";
import { drawAgain, listed, text } from "../base/texts.js";
import { holds } from "../base/unsaved.js";
import { clipResult } from "../clip/clip_result.js";
import { poseFrames } from "../clip/pose_frames.js";
import { series } from "../intake/camera.js";
import { isClip } from "../intake/drop_zone.js";
import { recordClip } from "../intake/record_clip.js";
import { poseFiles } from "../result/answer_files.js";
import { examinationResult } from "../result/result.js";
import { card } from "./card.js";
import { loosePictures } from "./loose_pictures.js";
import { optionsForm } from "./options.js";
import { CORE, POSES } from "./poses.js";
import { MOST_PICTURES, sessionStore } from "./store.js";
import { waysIn } from "./ways_in.js";

export function examinationView(view) {
  let last = null; // {answer, version, options}: of which pictures the answer is
  let left = new Map(); // what the answer says of pictures that lie on no card
  let unkept = false; // an answer that was neither printed nor saved
  let refused = null; // the key of the text that says why files were not taken
  const options = optionsForm(() => draw());
  const store = sessionStore(() => { refused = null; draw(); });
  const { status, problem, answer, ask, clear } = panel(view);

  const ways = waysIn({ onFiles: addMany, onGuide: guideByCamera, onRecord: () => recordClip((clip, script) => sendClip(clip, { script })) });
  const cards = make("ol", { class: "cards" });
  const loose = make("div", { class: "loose", hidden: true });
  const notTaken = make("p", { class: "problem", role: "alert", hidden: true });
  const stale = make("p", { class: "stale", role: "status", hidden: true });
  const examine = make("button", { type: "button", id: "examine", onclick: () => { if (!view.hasAttribute("aria-busy")) send(); } });
  const fresh = make("button", { type: "button", id: "new-examination", hidden: true, onclick: startAnew });
  const title = make("h2", { id: "examination-title", tabindex: "-1" });
  const cardsTitle = make("h3", {}), cardsHint = make("p", { class: "hint" });

  const isCurrent = () => last?.version === store.version && last.options === options.key();
  const unsaved = () => unkept || (store.count > 0 && !isCurrent());
  const openPoses = () => POSES.filter((pose) => !store.at(pose) && !store.isSkipped(pose));

  function draw() {
    const at = document.activeElement;
    const kept = cards.contains(at) ? [at.closest("[data-pose]").dataset.pose, at.dataset.tool] : null;
    const current = isCurrent();
    const pose_read = (pose) => (current ? last.answer.poses[pose] ?? null : null);
    title.textContent = text("way_examination");
    cardsTitle.textContent = text("cards_label");
    cardsHint.textContent = text("cards_hint", { poses: listed(CORE.map((pose) => text(`pose_${pose}`))) });
    fresh.textContent = text("new_examination");
    ways.draw({ open: openPoses().length, taken: POSES.some(store.at) });
    cards.replaceChildren(...POSES.map((pose) => card(pose, store, pose_read(pose), addMany)));
    cards.setAttribute("aria-label", text("cards_label"));
    loose.hidden = !store.loose().length;
    loose.replaceChildren(...loosePictures(store, current ? left : new Map()));
    examine.hidden = store.count === 0;
    examine.disabled = store.count > MOST_PICTURES;
    examine.classList.toggle("primary", !current);
    examine.textContent = text(last ? "examine_again" : "examine", { count: store.count });
    const why = store.count > MOST_PICTURES ? "too_many" : refused;
    notTaken.hidden = !why;
    notTaken.textContent = why ? text(why, { most: MOST_PICTURES, count: store.count }) : "";
    stale.hidden = !last || current;
    stale.textContent = text("stale");
    fresh.hidden = store.count === 0 && answer.hidden;
    view.classList.toggle("begun", store.count > 0);
    view.classList.toggle("examined", Boolean(last));
    holds("examination", unsaved());
    if (kept) refocus(...kept);
  }

  /** A card is drawn anew after each change: who came by keyboard stays on it. */
  function refocus(pose, kind) {
    const tools = cards.querySelector(`[data-pose=${pose}]`);
    (tools.querySelector(`[data-tool=${kind}]`) ?? tools.querySelector("button"))?.focus();
  }

  function startAnew() {
    if (unsaved() && !window.confirm(text("confirm_new"))) return;
    last = null; left = new Map(); unkept = false; refused = null;
    options.reset();
    store.clear();
    clear();
    draw();
    window.scrollTo(0, 0);
    title.focus({ preventScroll: true });
  }

  const kept = () => { unkept = false; draw(); };

  async function send() {
    const version = store.version;
    const sent = options.key();
    const parts = store.parts();
    const values = options.values();
    const given = await ask((signal, tell) => assess(parts, values, signal, tell),
      (found, when) => examinationResult(found, { files: poseFiles(found, parts), options: values, given: when, kept, bundle: () => assessAsFhir(parts, values) }),
      { again: send, keep: Boolean(last) }); // the answer to a clip is of other pictures
    if (!given) { draw(); return; }
    last = { answer: given, version, options: sent };
    unkept = true;
    if (version === store.version) left = store.sorted(given);
    show();
  }

  /** A clip is an examination of its own: the cards stay as they are. asked: what was asked for in it, where that is known. */
  async function sendClip(clip, asked = {}) {
    const values = { ...options.values(), ...asked };
    let files = null;
    const given = await ask(async (signal, tell) => {
      const found = await assessClip(clip, values, signal, tell);
      files = await poseFrames(found, clip);
      return found;
    }, (found, when) => clipResult(found, clip, { files, options: values, given: when, kept }), { again: () => sendClip(clip, asked), keep: Boolean(last) });
    unkept ||= Boolean(given) || !(clip instanceof File); // what the camera recorded lies nowhere else
    if (!given) { draw(); return; }
    last = null;
    show();
  }

  function show() {
    draw();
    answer.querySelector("h2")?.focus({ preventScroll: true });
    answer.scrollIntoView({ block: "start" });
  }

  /** Several files at once are sorted by the service, which grades them in the same breath. */
  async function addMany(files) {
    const clips = files.filter(isClip);
    refused = clips.length && files.length > 1 ? "clip_alone" : null;
    if (refused) { draw(); notTaken.scrollIntoView({ block: "nearest" }); return; }
    if (clips.length) { await sendClip(clips[0]); return; }
    for (const file of files) await store.put(file, null);
    if (store.count <= MOST_PICTURES) await send();
    else notTaken.scrollIntoView({ block: "nearest" });
  }

  function guideByCamera() {
    const open = openPoses();
    series(open.length ? open : POSES, { onPhoto: (pose, photo) => store.put(photo, pose), onSkip: (pose) => { if (!store.at(pose)) store.skip(pose); }, onEnd: () => { if (store.count) send(); } });
  }

  view.append(make("div", { class: "title-row" }, title, fresh), ways.element, notTaken,
    make("div", { class: "cards-head" }, cardsTitle, cardsHint), cards, loose, options.element,
    make("div", { class: "send" }, examine, status), problem, stale, answer);
  drawAgain(draw);
  draw();
}
