// A micro-expression: a pair of frames, or a clip in which it is looked for.
import { classifyPair, spotClip } from "../base/client.js";
import { make } from "../base/dom.js";
import { panel } from "../base/panel.js";
import { text } from "../base/texts.js";
import { recordPair } from "../intake/camera.js";
import { dropZone } from "../intake/drop_zone.js";
import { shrink } from "../intake/shrink.js";
import { clipAnswer } from "./clip_answer.js";
import { pairAnswer } from "./pair_answer.js";

export function microexpressionView(view) {
  view.append(make("h2", { id: "microexpression-title", "data-text": "way_microexpression" }, text("way_microexpression")), make("div", { class: "visits" }, pair(), clip()));
}

const heading = (key) => make("h3", { "data-text": key }, text(key));

function pair() {
  const article = make("article", { class: "visit", id: "pair" });
  const { status, problem, answer, ask } = panel(article);
  const files = {};
  const button = make("button", {
    type: "button", class: "primary", "data-text": "classify", disabled: true,
    onclick: async () => {
      const { onset, apex } = files;
      if (await ask((signal, tell) => classifyPair(onset, apex, signal, tell), (given) => pairAnswer(given, apex))) answer.scrollIntoView();
    },
  }, text("classify"));
  const set = async (name, file) => { files[name] = await shrink(file); button.disabled = !(files.onset && files.apex); };
  const zones = { onset: dropZone("drop_onset", ([file]) => set("onset", file)), apex: dropZone("drop_apex", ([file]) => set("apex", file)) };
  const record = () => recordPair((onset, apex) => {
    zones.onset.show(onset); zones.apex.show(apex);
    set("onset", onset); set("apex", apex);
  });
  article.append(heading("pair_title"), make("div", { class: "intake" },
    make("p", { class: "hint", "data-text": "pair_hint" }, text("pair_hint")),
    make("div", { class: "pair-zones" }, zones.onset.element, zones.apex.element),
    make("button", { type: "button", "data-text": "record_pair", onclick: record }, text("record_pair")), button),
  status, problem, answer);
  return article;
}

function clip() {
  const article = make("article", { class: "visit", id: "spot" });
  const { status, problem, answer, ask } = panel(article);
  const spot = async ([file]) => {
    if (await ask((signal, tell) => spotClip(file, signal, tell), (found) => clipAnswer(found, file))) answer.scrollIntoView();
  };
  const zone = dropZone("drop_clip", spot, { accept: "video/*" });
  article.append(heading("spot_title"), make("div", { class: "intake" },
    make("p", { class: "hint", "data-text": "spot_hint" }, text("spot_hint")), zone.element), status, problem, answer);
  return article;
}
