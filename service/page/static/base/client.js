// All requests to the service. The API key lives in this module's memory and nowhere else.
import { hasText, text } from "./texts.js";

let apiKey = "";
export const setApiKey = (key) => { apiKey = key.trim(); };

/** What the service (or the network) refused, as a sentence about the photograph. */
export class Problem extends Error {
  constructor(code, values = {}) {
    super(code);
    this.code = code;
    this.values = values;
  }
  sentence() {
    const key = `problem_${this.code}`;
    return hasText(key) ? text(key, this.values) : text("problem_other", this.values);
  }
}

async function ask(path, { headers = {}, ...options } = {}) {
  const key = apiKey ? { "X-API-Key": apiKey } : {};
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { ...headers, ...key }, cache: "no-store", credentials: "omit" });
  } catch (error) {
    throw new Problem(error.name === "AbortError" ? "cancelled" : "unreachable");
  }
  if (answer.ok) return answer;
  throw problemOf(await answer.json().catch(() => ({})), answer);
}

function problemOf(body, answer) {
  return new Problem(body.code ?? "other", {
    detail: body.detail ?? (answer ? `${answer.status} ${answer.statusText}` : ""),
    seconds: answer?.headers.get("Retry-After") ?? "1",
    request: body.request_id ?? "",
  });
}

async function send(path, options) {
  const answer = await ask(path, options);
  try {
    return await answer.json();
  } catch (error) { // the connection broke within the answer
    throw new Problem(error.name === "AbortError" ? "cancelled" : "unreachable");
  }
}

/** parts: [[field, File or text] …]. The service never sees a file's name: it can carry the patient's. */
function form(parts, signal) {
  const data = new FormData();
  for (const [field, part] of parts) {
    if (typeof part === "string") data.append(field, part);
    else data.append(field, part, field);
  }
  return { method: "POST", body: data, signal };
}

const query = (values) => new URLSearchParams(Object.entries(values).filter(([, value]) => value !== "" && value !== false && value !== null));

export const listModels = () => send("v1/models");
export const gradePalsy = (image, signal) => send("v1/palsy/grade?heatmap=true&roi_maps=true", form([["image", image]], signal));
export const classifyPair = (onset, apex, signal) => send("v1/microexpression/classify?heatmap=true", form([["onset", onset], ["apex", apex]], signal));

/** A light look at a camera's frame. rest: `measures` of an earlier look at rest, or null. */
export const look = (image, pose, rest) => send(`v1/palsy/look?${query({ pose })}`, form([["image", image], ...(rest ? [["rest", JSON.stringify(rest)]] : [])]));

/** An examination. parts: [[pose or "unsorted", File] …]; options: the query's. */
export const assess = (parts, options, signal) => send(`v1/palsy/assess?${query({ ...options, maps: "asymmetry" })}`, form(parts, signal));

/** From one clip; `tell(stage, share)` hears how far the service is. */
export const assessClip = (clip, options, signal, tell) => sendClip(`v1/palsy/video?${query(options)}`, clip, signal, tell);
export const spotClip = (clip, signal, tell) => sendClip("v1/microexpression/clip", clip, signal, tell);

async function sendClip(path, clip, signal, tell) {
  const answer = await ask(path, { ...form([["clip", clip]], signal), headers: { Accept: "application/x-ndjson" } });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = "";
  for (;;) {
    let read;
    try {
      read = await reader.read();
    } catch (error) {
      throw new Problem(error.name === "AbortError" ? "cancelled" : "unreachable");
    }
    const lines = (pending + (read.value ?? "")).split("\n");
    pending = lines.pop();
    for (const line of lines.filter(Boolean)) {
      const { result, problem, stage, done } = JSON.parse(line);
      if (result) return result;
      if (problem) throw problemOf(problem);
      tell(stage, done);
    }
    if (read.done) throw new Problem("unreachable"); // it ended without a last word
  }
}

/** The same as a FHIR bundle, as text. */
export async function assessAsFhir(parts, options) {
  const answer = await ask(`v1/palsy/assess?${query(options)}`, { ...form(parts), headers: { Accept: "application/fhir+json" } });
  return answer.text();
}

export const compare = (before, after, signal) => send("v1/palsy/compare", {
  method: "POST", body: JSON.stringify({ before, after }), headers: { "Content-Type": "application/json" }, signal,
});
