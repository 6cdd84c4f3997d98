// One photograph, the quick way in; two of them side by side where a visit is compared by eye.
import { gradePalsy } from "../base/client.js";
import { make } from "../base/dom.js";
import { panel } from "../base/panel.js";
import { drawAgain, text } from "../base/texts.js";
import { photograph } from "../intake/camera.js";
import { dropZone } from "../intake/drop_zone.js";
import { shrink } from "../intake/shrink.js";
import { palsyAnswer } from "./palsy_answer.js";

function visit(number) {
  const article = make("article", { class: "visit" });
  const { status, problem, answer, ask } = panel(article);
  const grade = async (file) => {
    const photo = await shrink(file);
    zone.show(photo);
    if (await ask((signal, tell) => gradePalsy(photo, signal, tell), (given) => palsyAnswer(given, photo))) answer.scrollIntoView();
  };
  const zone = dropZone("drop_photo", ([file]) => grade(file));
  const title = make("h3", { class: "visit-number" });
  drawAgain(() => { title.textContent = text("photograph_number", { number }); });
  title.textContent = text("photograph_number", { number });
  article.append(title, make("div", { class: "intake" }, zone.element, make("button", {
    type: "button", class: "use-camera", "data-text": "use_camera", onclick: () => photograph(grade),
  }, text("use_camera"))), status, problem, answer);
  return article;
}

export function photographView(view) {
  const visits = make("div", { class: "visits" }, visit(1));
  const button = make("button", { type: "button", id: "second-visit", "data-text": "second_visit" }, text("second_visit"));
  button.addEventListener("click", () => {
    if (visits.children.length === 1) visits.append(visit(2));
    else visits.lastElementChild.remove();
    const two = visits.children.length === 2;
    visits.classList.toggle("two", two);
    button.dataset.text = two ? "one_visit" : "second_visit";
    button.textContent = text(button.dataset.text);
  });
  view.append(
    make("h2", { id: "photograph-title", "data-text": "way_photograph" }, text("way_photograph")),
    make("p", { class: "hint" }, make("span", { "data-text": "photograph_hint" }, text("photograph_hint")), " ",
      make("a", { href: "#examination", "data-text": "way_examination" }, text("way_examination"))),
    visits, make("p", { class: "visit-tools" }, button));
}
