// The pictures that the service took out of a clip, taken again here: they did not have to travel back.

const LONGEST_WAIT_MS = 5000;
const AFTER_S = 0.001; // the service rounds a picture's time to the millisecond, and shortly before it stands the one before

/** Pose -> Blob; empty where this browser cannot decode the clip. */
export async function poseFrames(answer, file) {
  const { rest, segments } = answer.clip;
  const times = [["rest", rest.time_s], ...segments.filter((one) => one.judged).map((one) => [one.pose, one.apex_s])];
  const video = document.createElement("video");
  const frames = new Map();
  video.muted = true;
  video.preload = "auto";
  video.src = URL.createObjectURL(file);
  try {
    await happens(video, "loadeddata");
    for (const [pose, time] of times) {
      const seeked = happens(video, "seeked");
      video.currentTime = time + AFTER_S;
      await seeked;
      frames.set(pose, await still(video));
    }
  } catch {
    frames.clear();
  }
  URL.revokeObjectURL(video.src);
  return frames;
}

function still(video) {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
}

const happens = (video, name) => new Promise((resolve, reject) => {
  video.addEventListener(name, resolve, { once: true });
  video.addEventListener("error", reject, { once: true });
  setTimeout(reject, LONGEST_WAIT_MS);
});
