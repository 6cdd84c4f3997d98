// The page: its views by the address's fragment, language, colours, key, and what the models are.
import { listModels, setApiKey } from "./base/client.js";
import { byId } from "./base/dom.js";
import { askForKey } from "./base/panel.js";
import { drawAgain, text, useLanguage } from "./base/texts.js";
import { examinationView } from "./session/examination.js";
import { followUpView } from "./follow_up/follow_up.js";
import { microexpressionView } from "./microexpression/microexpression.js";
import { photographView } from "./photograph/photograph.js";

const VIEWS = ["home", "examination", "photograph", "microexpression", "follow-up"];
let models = [];
let view = "home";
const places = {}; // how far down each view was read

function showModel() {
  const task = view === "microexpression" ? "microexpression" : "palsy";
  const model = models.find((entry) => entry.task === task);
  byId("model-line").textContent = model
    ? text("model_line", { name: model.name, version: model.version, training: model.training_data }) : text("no_model");
}

/** The view that the fragment names; every other fragment (the skip link's) stays where it is. */
function route() {
  const named = location.hash.slice(1) || "home";
  if (!VIEWS.includes(named)) return;
  const moved = named !== view;
  view = named;
  for (const name of VIEWS) byId(name).hidden = name !== view;
  for (const link of document.querySelectorAll(".ways a")) {
    if (link.hash === `#${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (moved) {
    const place = places[view] ?? 0;
    requestAnimationFrame(() => window.scrollTo(0, place)); // after the browser's own jump to the section of that name
    byId("main").focus({ preventScroll: true });
  }
  showModel();
}

async function refreshModels() {
  try {
    models = (await listModels()).models;
  } catch (error) {
    if (error.code === "unauthorized") askForKey();
  }
  showModel();
}

function preferredLanguage() {
  const first = navigator.languages.map((language) => language.toLowerCase()).find((language) => /^(en|de|zh)/.test(language)) ?? "en";
  return first.startsWith("de") ? "de" : first.startsWith("zh") ? "zh-Hans" : "en";
}

async function start() {
  byId("language").value = preferredLanguage();
  await useLanguage(byId("language").value);
  examinationView(byId("examination"));
  photographView(byId("photograph"));
  microexpressionView(byId("microexpression"));
  followUpView(byId("follow-up"));
  drawAgain(showModel);
  byId("language").addEventListener("change", (event) => useLanguage(event.target.value));
  byId("theme").addEventListener("change", (event) => { document.documentElement.dataset.theme = event.target.value; });
  byId("api-key").addEventListener("input", (event) => setApiKey(event.target.value));
  byId("key-form").addEventListener("submit", (event) => event.preventDefault());
  byId("api-key").addEventListener("change", () => { refreshModels(); document.dispatchEvent(new Event("key-given")); });
  for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault()); // a missed drop must not leave the page
  window.addEventListener("hashchange", route);
  window.addEventListener("scroll", () => { places[view] = window.scrollY; });
  route();
  await refreshModels();
  document.documentElement.dataset.ready = "true";
}

start();
