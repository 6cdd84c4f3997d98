// One clip of the whole examination from the camera, with a prompter that says what is to be done when.
import { byId } from "../base/dom.js";
import { text } from "../base/texts.js";
import { POSES } from "../session/poses.js";
import { closeCamera, heading, openCamera, promptFor, stopWatching, tellStep, watch } from "./camera.js";

const FIRST_REST_S = 2.5, MOVEMENT_S = 2.5, REST_S = 1.8;
const SETTLING_S = 1; // after the word: a movement is still taken back, or rest is still found
const SHORTEST_S = 0.3; // of a step that was begun when the recording was stopped
const KINDS = ["video/webm;codecs=vp8", "video/mp4;codecs=avc1.42E01F", "video/mp4"];
const BITS_PER_S = 5_000_000;

const kind = () => KINDS.find((one) => window.MediaRecorder?.isTypeSupported(one));
export const canRecord = () => Boolean(kind());

/** [{pose, from, to} …] in seconds: rest first, and after each movement. */
function programme() {
  let at = 0;
  const step = (pose, seconds) => ({ pose, from: at, to: (at += seconds) });
  return [step("rest", FIRST_REST_S), ...POSES.slice(1).flatMap((pose) => [step(pose, MOVEMENT_S), step("rest", REST_S)])];
}

/** `script` of what was asked for before the recording ended. */
function scriptOf(steps, end) {
  const part = ({ pose, from, to }) => [pose, pose === "rest" && from > 0 ? from + SETTLING_S : from, pose === "rest" ? to : to + SETTLING_S];
  return steps.map(part).filter(([, from]) => from + SHORTEST_S < end)
    .map(([pose, from, to]) => `${pose}:${from.toFixed(2)}-${Math.min(to, end).toFixed(2)}`).join(",");
}

/** Calls onClip(Blob, script) at the end, or when it is stopped; not where the dialog is closed. */
export async function recordClip(onClip) {
  const dialog = byId("camera"), button = byId("camera-take"), stream = () => byId("camera-video").srcObject;
  button.textContent = text("record_start");
  button.onclick = () => run(new MediaRecorder(stream(), { mimeType: kind(), videoBitsPerSecond: BITS_PER_S }));
  const opened = openCamera();
  heading(text("way_video"), text("record_hint"));
  if (await opened) watch(); // what the camera cannot see now, the clip will not show

  function run(recorder) {
    const steps = programme(), pieces = [], timers = [];
    let started = 0;
    button.textContent = text("record_stop");
    button.onclick = () => recorder.stop();
    stopWatching();
    recorder.addEventListener("dataavailable", ({ data }) => pieces.push(data));
    recorder.addEventListener("start", () => {
      started = performance.now();
      timers.push(...steps.map(({ pose, from }, index) => setTimeout(() => {
        promptFor(pose);
        tellStep(text("record_step", { step: index + 1, count: steps.length }), true);
      }, 1000 * from)), setTimeout(() => recorder.stop(), 1000 * steps.at(-1).to));
    });
    recorder.addEventListener("stop", () => {
      const end = (performance.now() - started) / 1000;
      timers.forEach(clearTimeout);
      if (!dialog.open) return; // closed: nobody wants it
      closeCamera();
      onClip(new Blob(pieces, { type: recorder.mimeType.split(";")[0] }), scriptOf(steps, end));
    });
    recorder.start();
  }
}
