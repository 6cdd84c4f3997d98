// What can be said of a camera's frame before the picture is taken.
import { look } from "../base/client.js";

const DARK = 60, BRIGHT = 205, UNEVEN = 70; // mean luminance, and difference between the halves, of 255
const FACE_SHARE = 0.2, YAW_DEG = 15, PITCH_DEG = 20;

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

const REFUSED = { "no-face": { face: false }, "multiple-faces": { face: false }, "face-too-small": { face: true, distance: false },
  "face-turned-away": { face: true, pose: false } };

let rest = null; // measures of the last good look at rest, which every movement is compared with
export const forgetRest = () => { rest = null; };

/** {face, distance, pose, light, movement}: true, false, or null where it could not be told; `movement` (was it made?)
 * only where one is asked for. */
export async function liveCheck(canvas, asFile, asked) {
  const light = lightIsGood(canvas);
  const waiting = asked && asked !== "rest" ? { movement: null } : {};
  try {
    const { quality, measures, made } = await look(await asFile(canvas), asked, rest);
    const facing = Math.abs(quality.yaw_deg) < YAW_DEG && Math.abs(quality.pitch_deg) < PITCH_DEG;
    if (asked === "rest" && facing) rest = measures;
    return { face: true, distance: quality.face_width_px > FACE_SHARE * canvas.width, pose: facing, light, ...(waiting.movement === null ? { movement: made } : {}) };
  } catch (error) {
    const verdict = REFUSED[error.code];
    if (!verdict) throw error;
    return { distance: null, pose: null, ...verdict, light, ...waiting };
  }
}
