// The camera dialog: a guiding oval, a live check of the picture by the service itself, one photograph or an onset/apex pair.
import { checkQuality } from "./client.js";
import { make, text } from "./texts.js";

const dialog = document.getElementById("camera");
const video = document.getElementById("camera-video");
const checks = document.getElementById("camera-checks");
const problem = document.getElementById("camera-problem");
const takeButton = document.getElementById("camera-take");
const framesBox = document.getElementById("camera-frames");
const CHECK_EVERY_MS = 1500;
const CHECK_WIDTH_PX = 640;
const RECORD_MS = 3000;
const DARK = 60, BRIGHT = 205, UNEVEN = 70; // mean luminance, and difference between the halves, of 255

function grab(width = video.videoWidth) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = Math.round((width * video.videoHeight) / video.videoWidth);
  canvas.getContext("2d", { willReadFrequently: true }).drawImage(video, 0, 0, canvas.width, canvas.height);
  return canvas;
}
const asFile = (canvas) => new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.95));

function lightIsGood(canvas) {
  const { width, height } = canvas;
  const left = Math.round(width * 0.3), top = Math.round(height * 0.12);
  const w = Math.round(width * 0.4), h = Math.round(height * 0.76);
  const { data } = canvas.getContext("2d").getImageData(left, top, w, h); // the box around the oval
  const sums = [0, 0];
  for (let i = 0; i < data.length; i += 4) {
    sums[(i / 4) % w < w / 2 ? 0 : 1] += 0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2];
  }
  const [a, b] = sums.map((sum) => sum / (w * h / 2));
  return (a + b) / 2 > DARK && (a + b) / 2 < BRIGHT && Math.abs(a - b) < UNEVEN;
}

/** What the service says of this frame: {face, distance, pose}, null where it could not tell. */
async function serviceCheck(canvas) {
  try {
    const { quality } = await checkQuality(await asFile(canvas));
    return { face: true, distance: quality.face_width_px > 0.2 * canvas.width, pose: Math.abs(quality.yaw_deg) < 15 && Math.abs(quality.pitch_deg) < 20 };
  } catch (error) {
    const verdict = { "no-face": { face: false }, "multiple-faces": { face: false }, "face-too-small": { face: true, distance: false },
      "face-turned-away": { face: true, pose: false } }[error.code];
    if (!verdict) throw error;
    return { distance: null, pose: null, ...verdict };
  }
}

function showChecks(values) {
  checks.replaceChildren(...Object.entries(values).map(([name, good]) => make("li",
    { class: good === null ? "waiting" : good ? "good" : "bad", "data-check": name },
    `${good === null ? "…" : good ? "✓" : "✗"} ${text(`check_${name}`)}`)));
}

function refuse(message) {
  problem.textContent = message;
  problem.hidden = false;
}

async function open() {
  problem.hidden = true;
  framesBox.hidden = true;
  takeButton.disabled = true;
  showChecks({ face: null, distance: null, pose: null, light: null });
  dialog.showModal();
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, height: { ideal: 960 }, facingMode: "user" } });
    if (!dialog.open) { stream.getTracks().forEach((track) => track.stop()); return false; }
    video.srcObject = stream;
    await video.play();
    takeButton.disabled = false;
    return true;
  } catch (error) {
    refuse(text("camera_refused", { reason: error.message || error.name || "https" }));
    return false;
  }
}

function close() {
  video.srcObject?.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
  if (dialog.open) dialog.close();
}
document.getElementById("camera-close").addEventListener("click", close);
dialog.addEventListener("close", close);

async function watch() {
  while (dialog.open && video.srcObject) {
    const canvas = grab(CHECK_WIDTH_PX);
    try {
      showChecks({ ...(await serviceCheck(canvas)), light: lightIsGood(canvas) });
      problem.hidden = true;
    } catch (error) {
      refuse(error.sentence());
    }
    await new Promise((resolve) => setTimeout(resolve, CHECK_EVERY_MS));
  }
}

/** One photograph from the camera: calls onPhoto(File). */
export async function photograph(onPhoto) {
  takeButton.textContent = text("take_photo");
  takeButton.onclick = async () => {
    const photo = await asFile(grab());
    close();
    onPhoto(photo);
  };
  if (await open()) watch();
}

/** A burst of three seconds, from which onset and apex are chosen: calls onPair(onset, apex). */
export async function recordPair(onPair) {
  takeButton.textContent = text("record");
  takeButton.onclick = async () => {
    takeButton.disabled = true;
    const frames = [];
    for (const end = performance.now() + RECORD_MS; performance.now() < end && dialog.open;) {
      frames.push(grab());
      checks.replaceChildren(make("li", {}, text("recording", { count: frames.length })));
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
    if (!dialog.open || frames.length < 2) return;
    chooseFrames(frames, onPair);
  };
  if (await open()) showChecks({});
}

function chooseFrames(frames, onPair) {
  const chosen = {};
  for (const [name, start] of [["onset", 0], ["apex", Math.floor(frames.length / 2)]]) {
    const slider = document.getElementById(`frame-${name}`);
    const preview = document.getElementById(`preview-${name}`);
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
    close();
    onPair(...files);
  };
}
