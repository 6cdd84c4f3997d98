// All requests to the service. The API key lives in this module's memory and nowhere else.
import { hasText, text } from "./texts.js";
import { upload } from "./upload.js";

let apiKey = "";
export const setApiKey = (key) => { apiKey = key.trim(); };

// What the same request may be answered otherwise to, a moment later.
const PASSING = ["unreachable", "overloaded", "rate-limited", "not-ready", "request-timeout", "internal-error", "audit-unavailable", "unauthorized", "other"];
// What an answer without a code of ours means: it comes from whatever stands between the service and this page.
const OF_PROXIES = { 413: "image-too-large", 429: "rate-limited", 502: "unreachable", 503: "overloaded", 504: "unreachable" };

/** What the service (or the network) refused, as a sentence about the photograph. */
export class Problem extends Error {
  constructor(code, values = {}) {
    super(code);
    this.code = code;
    this.values = values;
  }
  get passes() { return PASSING.includes(this.code); }
  sentence() {
    const key = `problem_${this.code}`;
    return hasText(key) ? text(key, this.values) : text("problem_other", this.values);
  }
}

const authorized = (headers) => (apiKey ? { ...headers, "X-API-Key": apiKey } : headers);

async function send(path, { headers = {}, ...options } = {}) {
  try {
    const answer = await fetch(path, { ...options, headers: authorized(headers), cache: "no-store", credentials: "omit" });
    if (answer.ok) return await answer.json();
    throw problemOf(await answer.json().catch(() => ({})), answer.status, answer.statusText, answer.headers.get("Retry-After"));
  } catch (error) { // also a connection that broke within the answer
    if (error instanceof Problem) throw error;
    throw new Problem(error.name === "AbortError" ? "cancelled" : "unreachable");
  }
}

function problemOf(body, status, statusText, seconds) {
  return new Problem(body.code ?? OF_PROXIES[status] ?? "other", {
    detail: body.detail ?? `${status} ${statusText}`, seconds: seconds ?? "5", request: body.request_id ?? "",
  });
}

/** parts: [[field, File or text] …]. The service never sees a file's name: it can carry the patient's. */
function form(parts) {
  const data = new FormData();
  for (const [field, part] of parts) {
    if (typeof part === "string") data.append(field, part);
    else data.append(field, part, field);
  }
  return data;
}

const nothing = () => {};

/** The answer's text. tell(stage, share) hears how far sending and the answer are; came(text) what has come of it. */
async function post(path, parts, { headers = {}, signal, tell = nothing, came = nothing } = {}) {
  const answer = await upload(path, { body: form(parts), headers: authorized(headers), signal, tell, came })
    .catch((error) => { throw new Problem(error.message); });
  if (answer.status === 200) return answer.text;
  let body = {};
  try { body = JSON.parse(answer.text); } catch { /* of a proxy, say: its status has to do */ }
  throw problemOf(body, answer.status, answer.statusText, answer.header("Retry-After"));
}
async function postForJson(...all) {
  const answer = await post(...all);
  try { return JSON.parse(answer); } catch { throw new Problem("unreachable"); } // somebody else answered: a portal that asks to log in, say
}

const query = (values) => new URLSearchParams(Object.entries(values).filter(([, value]) => value !== "" && value !== false && value !== null));

export const listModels = () => send("v1/models");
export const gradePalsy = (image, signal, tell) => postForJson("v1/palsy/grade?heatmap=true&roi_maps=true", [["image", image]], { signal, tell });
export const classifyPair = (onset, apex, signal, tell) => postForJson("v1/microexpression/classify?heatmap=true",
  [["onset", onset], ["apex", apex]], { signal, tell });

/** A light look at a camera's frame. rest: `measures` of an earlier look at rest, or null. */
export const look = (image, pose, rest) => send(`v1/palsy/look?${query({ pose })}`,
  { method: "POST", body: form([["image", image], ...(rest ? [["rest", JSON.stringify(rest)]] : [])]) });

/** An examination. parts: [[pose or "unsorted", File] …]; options: the query's. */
export const assess = (parts, options, signal, tell) => postForJson(`v1/palsy/assess?${query({ ...options, maps: "asymmetry" })}`, parts, { signal, tell });

/** From one clip; `tell(stage, share)` hears how far the service is. */
export const assessClip = (clip, options, signal, tell) => sendClip(`v1/palsy/video?${query({ ...options, maps: "asymmetry" })}`, clip, signal, tell);
export const spotClip = (clip, signal, tell) => sendClip("v1/microexpression/clip", clip, signal, tell);

async function sendClip(path, clip, signal, tell) {
  let read = 0, last = {};
  const came = (text) => {
    const end = text.lastIndexOf("\n") + 1;
    for (const line of text.slice(read, end).split("\n").filter(Boolean)) {
      last = JSON.parse(line);
      if (last.stage) tell(last.stage, last.done);
    }
    read = end;
  };
  came(await post(path, [["clip", clip]], { headers: { Accept: "application/x-ndjson" }, signal, tell, came }).catch((problem) => { throw ofClip(problem); }));
  if (last.problem) throw ofClip(problemOf(last.problem));
  if (!last.result) throw new Problem("unreachable"); // it ended without a last word
  return last.result;
}

// What is said of a picture, of a clip.
const OF_CLIPS = { "unsupported-media-type": "not-a-clip", "image-too-large": "clip-too-large", "no-usable-picture": "no-usable-clip" };
const ofClip = (problem) => new Problem(OF_CLIPS[problem.code] ?? problem.code, problem.values);

const asFhir = { headers: { Accept: "application/fhir+json" } };
/** The same examination as a FHIR bundle, as text; of pictures, or of one clip. */
export const assessAsFhir = (parts, options) => post(`v1/palsy/assess?${query(options)}`, parts, asFhir);
export const assessClipAsFhir = (clip, options) => post(`v1/palsy/video?${query(options)}`, [["clip", clip]], asFhir);

export const compare = (before, after, signal) => send("v1/palsy/compare", {
  method: "POST", body: JSON.stringify({ before, after }), headers: { "Content-Type": "application/json" }, signal,
});
