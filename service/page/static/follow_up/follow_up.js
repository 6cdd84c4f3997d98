// Several visits of one patient, from answers that the examiner kept.
import { compare } from "../base/client.js";
import { make } from "../base/dom.js";
import { panel } from "../base/panel.js";
import { drawAgain, text } from "../base/texts.js";
import { dropZone } from "../intake/drop_zone.js";
import { changesFound } from "./changes.js";
import { chart } from "./chart.js";
import { FOLLOWED, visitOfAnswer, visitOfFile } from "./visits.js";

export function followUpView(view) {
  let visits = [];
  let chosen = [null, null]; // before, after
  const { status, problem, answer, ask, clear } = panel(view);
  const title = make("h2", { id: "follow-up-title" });
  const lead = make("p", { class: "hint" });
  const unreadable = make("p", { class: "problem", role: "alert", hidden: true });
  const list = make("div", { class: "visit-list" });
  const charts = make("div", { class: "charts" });
  const zone = dropZone("drop_answers", addFiles, { multiple: true, accept: "application/json,.json" });

  async function addFiles(files) {
    const read = await Promise.all(files.map(visitOfFile));
    const bad = files.filter((_, index) => !read[index]).map((file) => file.name);
    unreadable.hidden = !bad.length;
    unreadable.textContent = text("not_an_answer", { names: bad.join(", ") });
    add(read.filter(Boolean));
  }

  function add(more) {
    const known = new Set(visits.map((visit) => visit.answer.request_id));
    visits.push(...more.filter((visit) => !known.has(visit.answer.request_id)));
    arrange();
  }

  /** In the order of time; the first and the last are compared. */
  function arrange() {
    visits.sort((a, b) => a.date.localeCompare(b.date));
    chosen = visits.length > 1 ? [visits[0], visits.at(-1)] : [null, null];
    draw();
    compareChosen();
  }

  function compareChosen() {
    const [before, after] = chosen;
    if (!before || before === after) clear();
    else ask((signal) => compare(before.answer, after.answer, signal), changesFound);
  }

  function draw() {
    title.textContent = text("way_follow_up");
    lead.textContent = text("follow_up_lead");
    list.replaceChildren(...(visits.length ? [visitTable()] : []), ...(visits.length === 1 ? [make("p", { class: "stale" }, text("one_visit_only"))] : []));
    charts.replaceChildren(...(visits.length > 1 ? Object.entries(FOLLOWED).map(([figure, of]) => {
      const points = visits.map((visit) => ({ date: visit.date, ...of(visit.answer) })).filter((point) => point.value !== undefined);
      return points.length > 1 ? chart(figure, points) : null;
    }).filter(Boolean) : []));
  }

  function visitTable() {
    const choice = (index, visit) => make("input", { type: "radio", name: `visit-${index}`, checked: chosen[index] === visit,
      "aria-label": text(index ? "as_after" : "as_before", { date: visit.date }), onchange: () => { chosen[index] = visit; compareChosen(); } });
    return make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": text("visits_title") }, make("table", {}, make("caption", {}, text("visits_title")),
      make("thead", {}, make("tr", {}, ...["visit_date", "visit_grade", "side_title", "visit_before", "visit_after", "visit_remove"].map((key) => make("th", { scope: "col" }, text(key))))),
      make("tbody", {}, ...visits.map((visit) => make("tr", {},
        make("td", {}, make("input", { type: "date", value: visit.date, required: true, "aria-label": text("visit_date"), onchange: (event) => { if (event.target.value) { visit.date = event.target.value; arrange(); } } })),
        make("td", {}, visit.answer.grade ? visit.answer.grade.house_brackmann : "–"), make("td", {}, text(`short_side_${visit.answer.affected_side.side}`)),
        make("td", {}, choice(0, visit)), make("td", {}, choice(1, visit)),
        make("td", {}, make("button", { type: "button", "aria-label": `${text("remove_picture")}: ${visit.date}`, onclick: () => { visits = visits.filter((one) => one !== visit); arrange(); } }, "✕")))))));
  }

  document.addEventListener("follow-up", ({ detail }) => { add([visitOfAnswer(detail)]); location.hash = "follow-up"; });
  view.append(title, lead, make("div", { class: "intake" }, zone.element), unreadable, list, charts, status, problem, answer);
  drawAgain(draw);
  draw();
}
