// What every view does with a request: say that it runs, let it be cancelled, show the answer or the problem.
import { Problem } from "./client.js";
import { byId, make } from "./dom.js";
import { drawAgain, hasText, text } from "./texts.js";

/**
 * {status, problem, answer}: three elements to place, and ask(request, view). `request(signal, say)` gives the answer of
 * the service and may say how far it is; `view(answer)` an element. Only the newest request may write. `busy`: the element that is marked as busy.
 */
export function panel(busy) {
  const status = make("p", { class: "status", role: "status", "aria-live": "polite" });
  const problem = make("div", { class: "problem", role: "alert", hidden: true });
  const answer = make("div", { class: "answer", hidden: true });
  let running = null;
  let shown = {};

  const draw = () => {
    problem.hidden = !shown.problem;
    answer.hidden = !shown.view;
    if (shown.problem) {
      problem.replaceChildren(make("p", {}, shown.problem.sentence()),
        make("button", { type: "button", class: "again", onclick: shown.again }, text("try_again")));
    }
    if (shown.view) answer.replaceChildren(shown.view());
  };
  drawAgain(draw);

  async function ask(request, view) {
    running?.abort();
    const mine = new AbortController();
    running = mine;
    const words = make("span", {}, text("working"));
    status.replaceChildren(words, " ", make("button", { type: "button", class: "cancel", onclick: () => mine.abort() }, text("cancel")));
    busy.setAttribute("aria-busy", "true");
    let given = null;
    try {
      given = await request(mine.signal, (told) => { words.textContent = told; });
      if (running !== mine) return null;
      shown = { view: () => view(given) };
      status.textContent = text("done");
    } catch (error) {
      if (running !== mine) return null;
      if (!(error instanceof Problem)) throw error;
      status.textContent = "";
      if (error.code === "cancelled") shown = {};
      else shown = { problem: error, again: () => ask(request, view) };
      if (error.code === "unauthorized") askForKey();
    } finally {
      if (running === mine) {
        running = null;
        busy.removeAttribute("aria-busy");
      }
    }
    draw();
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

/** A clip's stage and share for `say`. */
export const stageWords = (stage, share) => text("clip_progress", { stage: hasText(`stage_${stage}`) ? text(`stage_${stage}`) : stage, percent: Math.round(100 * share) });
