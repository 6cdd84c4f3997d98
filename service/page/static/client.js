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

async function send(path, options = {}) {
  const headers = apiKey ? { "X-API-Key": apiKey } : {};
  let answer;
  try {
    answer = await fetch(path, { ...options, headers, cache: "no-store", credentials: "omit" });
  } catch {
    throw new Problem("unreachable");
  }
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  throw new Problem(body.code ?? "other", {
    detail: body.detail ?? `${answer.status} ${answer.statusText}`,
    seconds: answer.headers.get("Retry-After") ?? "1",
    request: body.request_id ?? "",
  });
}

function form(files) {
  const data = new FormData();
  // the service never sees the file's name: it can carry the patient's
  for (const [field, file] of Object.entries(files)) data.append(field, file, field);
  return { method: "POST", body: data };
}

export const gradePalsy = (image) => send("v1/palsy/grade?heatmap=true&roi_maps=true", form({ image }));
export const checkQuality = (image) => send("v1/palsy/grade?heatmap=false&roi_maps=false", form({ image }));
export const classifyPair = (onset, apex) => send("v1/microexpression/classify?heatmap=true", form({ onset, apex }));
export const listModels = () => send("v1/models");
