// The page: tabs, language, colours, key; visits for palsy and one pair for micro-expressions.
import { photograph, recordPair } from "./camera.js";
import { classifyPair, gradePalsy, listModels, Problem, setApiKey } from "./client.js";
import { dropZone } from "./intake.js";
import { microexpressionAnswer } from "./microexpression_answer.js";
import { palsyAnswer } from "./palsy_answer.js";
import { applyTexts, make, text, useLanguage } from "./texts.js";

const byId = (id) => document.getElementById(id);
const redraws = new Set(); // what has to be written again in another language
let models = [];
let task = "palsy";

/** A panel that sends something to the service and shows the answer or the problem. */
function panel(title) {
  const article = byId("visit-template").content.firstElementChild.cloneNode(true);
  const part = (name) => article.querySelector(`.${name}`);
  let running = null; // only the newest request may write
  let shown = null;
  const draw = () => {
    part("visit-title").textContent = title();
    part("problem").hidden = !(shown?.problem);
    part("answer").hidden = !(shown?.answer);
    if (shown?.problem) part("problem").textContent = shown.problem.sentence();
    if (shown?.answer) part("answer").replaceChildren(shown.answer());
  };
  const ask = async (request, view) => {
    const mine = Symbol("request");
    running = mine;
    part("status").textContent = text("working");
    article.setAttribute("aria-busy", "true");
    try {
      const answer = await request();
      if (running !== mine) return;
      shown = { answer: () => view(answer) };
      part("status").textContent = text("done");
    } catch (error) {
      if (running !== mine) return;
      if (!(error instanceof Problem)) throw error;
      if (error.code === "unauthorized") { byId("key-form").hidden = false; byId("api-key").focus(); }
      shown = { problem: error };
      part("status").textContent = "";
    } finally {
      if (running === mine) article.removeAttribute("aria-busy");
    }
    draw();
  };
  redraws.add(draw);
  draw();
  return { article, intake: part("intake"), ask };
}

function visit(number) {
  const { article, intake, ask } = panel(() => text("visit", { number }));
  const grade = (photo) => ask(() => gradePalsy(photo), (answer) => palsyAnswer(answer, photo));
  const zone = dropZone("drop_photo", grade);
  intake.append(zone.element, make("button", {
    type: "button", class: "use-camera", "data-text": "use_camera",
    onclick: () => photograph((photo) => { zone.show(photo); grade(photo); }),
  }, text("use_camera")));
  return article;
}

function pair() {
  const { article, intake, ask } = panel(() => text("emotion_title"));
  const files = {};
  const button = make("button", {
    type: "button", class: "primary", "data-text": "classify", disabled: true,
    onclick: () => { const { onset, apex } = files; ask(() => classifyPair(onset, apex), (answer) => microexpressionAnswer(answer, apex)); },
  }, text("classify"));
  const set = (name, file) => { files[name] = file; button.disabled = !(files.onset && files.apex); };
  const zones = { onset: dropZone("drop_onset", (file) => set("onset", file)), apex: dropZone("drop_apex", (file) => set("apex", file)) };
  intake.append(make("p", { class: "hint", "data-text": "pair_hint" }, text("pair_hint")),
    make("div", { class: "pair-zones" }, zones.onset.element, zones.apex.element),
    make("button", {
      type: "button", "data-text": "record_pair",
      onclick: () => recordPair((onset, apex) => {
        zones.onset.show(onset); zones.apex.show(apex);
        set("onset", onset); set("apex", apex);
      }),
    }, text("record_pair")), button);
  return article;
}

function showModel() {
  const model = models.find((entry) => entry.task === task);
  byId("model-line").textContent = model
    ? text("model_line", { name: model.name, version: model.version, training: model.training_data }) : text("no_model");
}

function selectTab(name) {
  task = name;
  for (const tab of document.querySelectorAll("[role=tab]")) {
    const selected = tab.getAttribute("aria-controls") === name;
    tab.setAttribute("aria-selected", String(selected));
    tab.tabIndex = selected ? 0 : -1;
    byId(tab.getAttribute("aria-controls")).hidden = !selected;
  }
  showModel();
}

function secondVisit() {
  const visits = byId("visits");
  const button = byId("second-visit");
  if (visits.children.length === 1) visits.append(visit(2));
  else visits.lastElementChild.remove();
  const two = visits.children.length === 2;
  visits.classList.toggle("two", two);
  button.dataset.text = two ? "one_visit" : "second_visit";
  button.textContent = text(button.dataset.text);
}

async function refreshModels() {
  try {
    const answer = await listModels();
    models = answer.models ?? answer;
  } catch (error) {
    if (error.code === "unauthorized") byId("key-form").hidden = false;
  }
  showModel();
}

async function start() {
  const preferred = navigator.languages.map((l) => l.toLowerCase());
  const first = preferred.find((l) => /^(en|de|zh)/.test(l)) ?? "en";
  const language = first.startsWith("de") ? "de" : first.startsWith("zh") ? "zh-Hans" : "en";
  byId("language").value = language;
  await useLanguage(language);
  byId("visits").append(visit(1));
  byId("pair").append(pair());
  byId("language").addEventListener("change", async (event) => {
    await useLanguage(event.target.value);
    redraws.forEach((draw) => draw());
    applyTexts(document);
    showModel();
  });
  byId("theme").addEventListener("change", (event) => { document.documentElement.dataset.theme = event.target.value; });
  byId("api-key").addEventListener("input", (event) => setApiKey(event.target.value));
  byId("key-form").addEventListener("submit", (event) => { event.preventDefault(); refreshModels(); });
  byId("api-key").addEventListener("change", refreshModels);
  byId("second-visit").addEventListener("click", secondVisit);
  const tabs = [...document.querySelectorAll("[role=tab]")];
  for (const [index, tab] of tabs.entries()) {
    tab.addEventListener("click", () => selectTab(tab.getAttribute("aria-controls")));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = tabs[(index + step + tabs.length) % tabs.length];
      selectTab(next.getAttribute("aria-controls"));
      next.focus();
    });
  }
  for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault()); // a missed drop must not leave the page
  await refreshModels();
  document.documentElement.dataset.ready = "true";
}

start();
