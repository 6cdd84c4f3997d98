// A place to drop or choose one photograph, by mouse, touch or keyboard.
import { make, text } from "./texts.js";

const TYPES = "image/jpeg,image/png,image/webp,image/bmp,image/tiff,.tif,.tiff";

/** A drop zone with the words of `key`; calls `onFile(file)` with whatever was given, so that the service can judge it. */
export function dropZone(key, onFile) {
  const input = make("input", { type: "file", accept: TYPES, class: "visually-hidden", "data-field": key });
  const name = make("span", { class: "drop-text", "data-text": key }, text(key));
  const preview = make("img", { class: "drop-preview", alt: "", hidden: true });
  const zone = make("label", { class: "drop" }, input, preview, name);
  const take = (file) => {
    if (!file) return;
    show(file);
    onFile(file);
  };
  const show = (file) => {
    if (preview.src) URL.revokeObjectURL(preview.src);
    preview.src = URL.createObjectURL(file);
    preview.hidden = false;
    preview.onerror = () => { preview.hidden = true; };
  };
  input.addEventListener("change", () => { take(input.files[0]); input.value = ""; });
  zone.addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("over"); });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    take(event.dataTransfer.files[0]);
  });
  return { element: zone, show };
}
