// Pictures that lie on no card: not sorted yet, or of no movement that is missing.
import { make } from "../base/dom.js";
import { text } from "../base/texts.js";
import { mover, seenWords, thumbnail } from "./card.js";

/** left: id of a picture -> what the answer says of it. */
export function loosePictures(store, left) {
  return [make("h3", {}, text(left.size ? "loose_title" : "loose_waiting")), make("ul", {}, ...store.loose().map((picture) => {
    const read = left.get(picture.id);
    return make("li", {}, thumbnail(picture, text("loose_picture")),
      read ? make("p", { class: "verdict" }, `! ${seenWords(null, read)}`) : null,
      make("div", { class: "card-tools" }, mover(null, store, picture),
        make("button", { type: "button", onclick: () => store.remove(picture.id) }, text("remove_picture"))));
  }))];
}
