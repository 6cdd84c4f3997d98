// The camera dialog: a guiding oval, a live check by the service itself; one photograph, a series of movements, or an onset/apex pair.
import { byId, make } from "../base/dom.js";
import { Problem } from "../base/client.js";
import { askForKey } from "../base/panel.js";
import { text } from "../base/texts.js";
import { poseDrawing } from "../session/poses.js";
import { forgetRest, liveCheck } from "./live_check.js";

const dialog = byId("camera");
const video = byId("camera-video");
const checks = byId("camera-checks");
const problem = byId("camera-problem");
const takeButton = byId("camera-take");
const skipButton = byId("camera-skip");
const backButton = byId("camera-back");
const framesBox = byId("camera-frames");
const stage = byId("camera-stage");
const CHECK_EVERY_MS = 1200;
const CHECK_WIDTH_PX = 640;
const RECORD_MS = 3000;
const REASONS = { NotAllowedError: "refused", SecurityError: "refused", NotFoundError: "missing", OverconstrainedError: "missing",
  NotReadableError: "busy", AbortError: "busy" };
let asked = null; // the movement that the patient is asked for
let opening = 0; // counts; whoever watches stops when it is no longer the opening that it began with

function grab(width = video.videoWidth) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = Math.round((width * video.videoHeight) / video.videoWidth);
  canvas.getContext("2d", { willReadFrequently: true }).drawImage(video, 0, 0, canvas.width, canvas.height);
  return canvas;
}
const asFile = (canvas) => new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.95));

function showChecks(values) {
  checks.replaceChildren(...Object.entries(values).map(([name, good]) => make("li",
    { class: good === null ? "waiting" : good ? "good" : "bad", "data-check": name },
    `${good === null ? "…" : good ? "✓" : "✗"} ${text(`check_${good === null || good ? "" : "not_"}${name}`)}`)));
}

/** Where one is in a series, or that the camera records. */
export function tellStep(words, recording = false) {
  byId("camera-step").textContent = words;
  byId("camera-step").classList.toggle("recording", recording);
}

function refuse(message) {
  problem.textContent = message;
  problem.hidden = false;
}

/** `pose`: null for a photograph that is not one of an examination. */
export function promptFor(pose) {
  asked = pose;
  heading(pose ? text(`pose_${pose}`) : text("camera_title"), pose ? text(`ask_${pose}`) : "");
  byId("camera-drawing").replaceChildren(...(pose ? [poseDrawing(pose)] : []));
}

export function heading(title, hint) {
  byId("camera-title").textContent = title;
  byId("camera-hint").textContent = hint;
}

/** Nothing to look at and nothing to press but "close": only the sentence. */
function withoutPicture(without) {
  for (const element of [stage, checks, takeButton]) element.hidden = without;
  if (without) skipButton.hidden = backButton.hidden = true;
}

export async function openCamera() {
  opening += 1;
  problem.hidden = true;
  framesBox.hidden = true;
  skipButton.hidden = backButton.hidden = true;
  takeButton.disabled = true;
  withoutPicture(false);
  tellStep("");
  promptFor(null);
  showChecks({ face: null, distance: null, pose: null, light: null });
  dialog.showModal();
  if (!navigator.mediaDevices) { withoutPicture(true); refuse(text("camera_insecure")); return false; }
  // On a phone the patient is before the back camera, at a desk before the only one there is.
  const facingMode = matchMedia("(pointer: coarse)").matches ? "environment" : "user";
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, height: { ideal: 960 }, facingMode } });
    if (!dialog.open) { stream.getTracks().forEach((track) => track.stop()); return false; }
    // A face looks for itself in a mirror; the picture that is taken keeps left and right as they are.
    const [track] = stream.getVideoTracks();
    stage.classList.toggle("as-mirror", track.getSettings().facingMode !== "environment");
    track.addEventListener("ended", () => { withoutPicture(true); refuse(text("camera_busy")); }); // unplugged, or taken by a call
    video.srcObject = stream;
    await video.play();
    takeButton.disabled = false;
    return true;
  } catch (error) {
    withoutPicture(true);
    refuse(error.name in REASONS ? text(`camera_${REASONS[error.name]}`) : text("camera_failed", { reason: error.message || error.name }));
    return false;
  }
}

export function closeCamera() {
  video.srcObject?.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
  if (dialog.open) dialog.close();
}
byId("camera-close").addEventListener("click", closeCamera);
dialog.addEventListener("close", closeCamera);

export const stopWatching = () => { opening += 1; checks.replaceChildren(); };

export async function watch() {
  const mine = opening;
  while (opening === mine && dialog.open && video.srcObject) {
    const canvas = grab(CHECK_WIDTH_PX);
    try {
      const found = await liveCheck(canvas, asFile, asked);
      if (opening !== mine || !dialog.open) return;
      showChecks(found);
      problem.hidden = true;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (opening !== mine || !dialog.open) return;
      if (error.code === "unauthorized") { closeCamera(); askForKey(); return; } // the dialog lies over the field; what was taken stays
      refuse(error.sentence());
    }
    await new Promise((resolve) => setTimeout(resolve, CHECK_EVERY_MS));
  }
}

/** One photograph from the camera: calls onPhoto(Blob). */
export async function photograph(onPhoto, pose = null) {
  takeButton.textContent = text("take_photo");
  takeButton.onclick = async () => {
    const photo = await asFile(grab());
    closeCamera();
    onPhoto(photo);
  };
  const opened = openCamera();
  promptFor(pose);
  if (await opened) watch();
}

/** One movement after the other: calls onPhoto(pose, Blob) for each, onSkip(pose), and onEnd() after the last. */
export async function series(poses, { onPhoto, onSkip, onEnd }) {
  let at = 0;
  const show = () => {
    promptFor(poses[at]);
    backButton.disabled = at === 0;
    tellStep(text("series_step", { step: at + 1, count: poses.length }));
  };
  const go = (steps) => {
    at += steps;
    if (at < poses.length) show();
    else { closeCamera(); onEnd(); }
  };
  takeButton.textContent = text("take_photo");
  takeButton.onclick = async () => {
    takeButton.disabled = true; // one press, one picture
    onPhoto(poses[at], await asFile(grab()));
    takeButton.disabled = false;
    takeButton.focus();
    go(1);
  };
  if (poses[0] === "rest") forgetRest(); // of another patient, perhaps
  skipButton.onclick = () => { onSkip(poses[at]); go(1); };
  backButton.onclick = () => go(-1); // the patient blinked
  const opened = openCamera();
  show();
  if (await opened) { skipButton.hidden = backButton.hidden = false; watch(); }
}

/** A burst of three seconds, from which onset and apex are chosen: calls onPair(onset, apex). */
export async function recordPair(onPair) {
  takeButton.textContent = text("record");
  takeButton.onclick = async () => {
    takeButton.disabled = true;
    const frames = [];
    for (const end = performance.now() + RECORD_MS; performance.now() < end && dialog.open;) {
      frames.push(grab());
      tellStep(text("recording", { count: frames.length }), true);
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
    if (!dialog.open || frames.length < 2) return;
    chooseFrames(frames, onPair);
  };
  const opened = openCamera();
  heading(text("record_pair"), text("record_pair_hint"));
  showChecks({});
  await opened;
}

function chooseFrames(frames, onPair) {
  const chosen = {};
  heading(text("record_pair"), text("choose_frames_hint"));
  tellStep("");
  stage.hidden = true; // the two pictures take its place
  for (const [name, start] of [["onset", 0], ["apex", Math.floor(frames.length / 2)]]) {
    const slider = byId(`frame-${name}`);
    const preview = byId(`preview-${name}`);
    slider.max = frames.length - 1;
    slider.oninput = () => { chosen[name] = frames[slider.value]; preview.src = chosen[name].toDataURL("image/jpeg", 0.7); };
    slider.value = start;
    slider.oninput();
  }
  framesBox.hidden = false;
  takeButton.disabled = false;
  takeButton.textContent = text("use_frames");
  takeButton.onclick = async () => {
    const files = await Promise.all([chosen.onset, chosen.apex].map(asFile));
    closeCamera();
    onPair(...files);
  };
}
