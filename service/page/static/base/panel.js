// What every view does with a request: say that it runs, let it be cancelled, show the answer or the problem.
import { Problem } from "./client.js";
import { byId, make } from "./dom.js";
import { drawAgain, hasText, text } from "./texts.js";

const CALM = ["no-motion"]; // nothing is wrong: that is what was found

/**
 * {status, problem, answer}: three elements to place, and ask(request, view, {again, keep}). `request(signal, tell)` gives
 * the answer of the service and may tell its stage and how far it is; `view(answer, when)` an element, with when it came. Only the newest request
 * may write. again(): what "try again" does, by default the same request; keep: an answer that is shown stays until there
 * is another. `busy`: the element that is marked as busy.
 */
export function panel(busy) {
  const status = make("p", { class: "status", role: "status", "aria-live": "polite" });
  const problem = make("div", { class: "problem", role: "alert", hidden: true });
  const answer = make("div", { class: "answer", hidden: true });
  let running = null;
  let shown = {};

  const drawAnswer = () => {
    answer.hidden = !shown.view;
    if (shown.view) answer.replaceChildren(shown.view());
  };
  const drawProblem = () => {
    problem.hidden = !shown.problem;
    if (shown.problem) {
      problem.replaceChildren(make("p", {}, shown.problem.sentence()),
        ...(shown.problem.passes ? [make("button", { type: "button", class: "again", onclick: shown.again }, text("try_again"))] : []));
      problem.classList.toggle("calm", CALM.includes(shown.problem.code));
    }
  };
  const draw = () => { drawProblem(); drawAnswer(); };
  drawAgain(draw);

  async function ask(request, view, { again = () => ask(request, view), keep = false } = {}) {
    running?.abort();
    const mine = new AbortController();
    running = mine;
    const words = make("span", {}, text("working"));
    status.replaceChildren(words, " ", make("button", { type: "button", class: "cancel", onclick: () => mine.abort() }, text("cancel")));
    busy.setAttribute("aria-busy", "true");
    let given = null;
    try {
      given = await request(mine.signal, (...at) => { if (running === mine) words.textContent = stageWords(...at); });
      if (running !== mine) return null;
      const when = new Date();
      shown = { view: () => view(given, when) };
      status.textContent = text("done");
    } catch (error) {
      if (running !== mine) return null;
      if (!(error instanceof Problem)) throw error;
      status.textContent = "";
      shown = { ...(keep ? { view: shown.view } : {}), ...(error.code === "cancelled" ? {} : { problem: error, again }) };
      if (error.code === "unauthorized") askForKey();
    } finally {
      if (running === mine) {
        running = null;
        busy.removeAttribute("aria-busy");
      }
    }
    drawProblem();
    if (shown.problem && shown.problem.code !== "unauthorized") problem.scrollIntoView({ block: "nearest" }); // else the field for the key is looked at
    if (given || !shown.view) drawAnswer(); // one that stays keeps what its reader has opened
    return given;
  }
  const clear = () => { running?.abort(); shown = {}; status.textContent = ""; draw(); };
  // With the key entered, what was refused for want of it goes on by itself.
  document.addEventListener("key-given", () => { if (shown.problem?.code === "unauthorized") shown.again(); });
  return { status, problem, answer, ask, clear, draw };
}

export function askForKey() {
  byId("key-form").hidden = false;
  byId("api-key").focus();
}

/** All sent: from then on the service is at work. */
const stageWords = (stage, share) => (stage === "sending" && share === 1 ? text("working")
  : text("clip_progress", { stage: hasText(`stage_${stage}`) ? text(`stage_${stage}`) : stage, percent: Math.round(100 * share) }));
