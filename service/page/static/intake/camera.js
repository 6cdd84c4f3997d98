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
const framesBox = byId("camera-frames");
const CHECK_EVERY_MS = 1200;
const CHECK_WIDTH_PX = 640;
const RECORD_MS = 3000;
let asked = null; // the movement that the patient is asked for

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

/** In place of checks: where one is in a series that goes on by itself. */
export const tellStep = (words) => checks.replaceChildren(make("li", {}, words));

function refuse(message) {
  problem.textContent = message;
  problem.hidden = false;
}

/** `pose`: null for a photograph that is not one of an examination. */
export function promptFor(pose) {
  asked = pose;
  byId("camera-title").textContent = pose ? text(`pose_${pose}`) : text("camera_title");
  byId("camera-hint").textContent = pose ? text(`ask_${pose}`) : "";
  byId("camera-drawing").replaceChildren(...(pose ? [poseDrawing(pose)] : []));
}

export async function openCamera() {
  problem.hidden = true;
  framesBox.hidden = true;
  skipButton.hidden = true;
  takeButton.disabled = true;
  promptFor(null);
  showChecks({ face: null, distance: null, pose: null, light: null });
  dialog.showModal();
  // On a phone the patient is before the back camera, at a desk before the only one there is.
  const facingMode = matchMedia("(pointer: coarse)").matches ? "environment" : "user";
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, height: { ideal: 960 }, facingMode } });
    if (!dialog.open) { stream.getTracks().forEach((track) => track.stop()); return false; }
    // A face looks for itself in a mirror; the picture that is taken keeps left and right as they are.
    const facing = stream.getVideoTracks()[0].getSettings().facingMode;
    byId("camera-stage").classList.toggle("as-mirror", facing !== "environment");
    video.srcObject = stream;
    await video.play();
    takeButton.disabled = false;
    return true;
  } catch (error) {
    refuse(text("camera_refused", { reason: error.message || error.name || "https" }));
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

async function watch() {
  while (dialog.open && video.srcObject) {
    const canvas = grab(CHECK_WIDTH_PX);
    try {
      const found = await liveCheck(canvas, asFile, asked);
      if (!dialog.open) return;
      showChecks(found);
      problem.hidden = true;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
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
  const opening = openCamera();
  promptFor(pose);
  if (await opening) watch();
}

/** One movement after the other: calls onPhoto(pose, Blob) for each, onSkip(pose), and onEnd() after the last. */
export async function series(poses, { onPhoto, onSkip, onEnd }) {
  const left = [...poses];
  const next = () => {
    left.shift();
    if (left.length) promptFor(left[0]);
    else { closeCamera(); onEnd(); }
  };
  takeButton.textContent = text("take_photo");
  takeButton.onclick = async () => {
    const pose = left[0];
    takeButton.disabled = true; // one press, one picture
    onPhoto(pose, await asFile(grab()));
    takeButton.disabled = false;
    takeButton.focus();
    next();
  };
  if (left[0] === "rest") forgetRest(); // of another patient, perhaps
  skipButton.onclick = () => { onSkip(left[0]); next(); };
  const opening = openCamera();
  skipButton.hidden = false;
  promptFor(left[0]);
  if (await opening) watch();
}

/** A burst of three seconds, from which onset and apex are chosen: calls onPair(onset, apex). */
export async function recordPair(onPair) {
  takeButton.textContent = text("record");
  takeButton.onclick = async () => {
    takeButton.disabled = true;
    const frames = [];
    for (const end = performance.now() + RECORD_MS; performance.now() < end && dialog.open;) {
      frames.push(grab());
      tellStep(text("recording", { count: frames.length }));
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
    if (!dialog.open || frames.length < 2) return;
    chooseFrames(frames, onPair);
  };
  if (await openCamera()) showChecks({});
}

function chooseFrames(frames, onPair) {
  const chosen = {};
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
