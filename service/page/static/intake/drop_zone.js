// A place to drop or choose files, by mouse, touch or keyboard.
import { make } from "../base/dom.js";
import { drawAgain, hasText, text } from "../base/texts.js";

export const PICTURES = "image/*,.heic,.heif,.tif,.tiff,.dcm";

const CLUTTER = /^(\.|thumbs\.db$|desktop\.ini$)/i; // what systems leave in folders of pictures

/** The files of a drop; a folder's files, one level deep, where a folder was dropped. */
export async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  const files = [];
  for (const entry of entries) {
    for (const one of entry.isDirectory ? await listOf(entry) : [entry]) {
      if (one.isFile && !CLUTTER.test(one.name)) files.push(await new Promise((resolve, reject) => one.file(resolve, reject)));
    }
  }
  return files;
}

async function listOf(folder) {
  const reader = folder.createReader();
  const all = [];
  for (;;) { // a browser hands out a hundred at a time
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return all;
    all.push(...some);
  }
}

export const isClip = (file) => file.type.startsWith("video/");
const TOUCHED = matchMedia("(pointer: coarse)"); // where nothing can be dropped

/** Calls onFiles([File …]) with what is dropped on `element`. */
export function takeDrops(element, onFiles) {
  element.addEventListener("dragover", (event) => { event.preventDefault(); element.classList.add("over"); });
  element.addEventListener("dragleave", () => element.classList.remove("over"));
  element.addEventListener("drop", async (event) => {
    event.preventDefault();
    element.classList.remove("over");
    const files = await droppedFiles(event.dataTransfer);
    if (files.length) onFiles(files);
  });
}

/** A drop zone with the words of `key`; calls `onFiles` with whatever was given, so that the service can judge it: one
 * file, unless `multiple`. */
export function dropZone(key, onFiles, { multiple = false, accept = PICTURES } = {}) {
  const input = make("input", { type: "file", accept, multiple, class: "visually-hidden", "data-field": key });
  const name = make("span", { class: "drop-text" });
  const tooMany = make("span", { class: "drop-refused", role: "alert", hidden: true });
  const preview = make("img", { class: "drop-preview", alt: "", hidden: true });
  const zone = make("label", { class: "drop" }, input, preview, name, tooMany);
  const show = (file) => {
    preview.hidden = true;
    if (!file.type.startsWith("image/")) return;
    if (preview.src) URL.revokeObjectURL(preview.src);
    preview.src = URL.createObjectURL(file);
    preview.hidden = false;
    preview.onerror = () => { preview.hidden = true; };
  };
  const take = (files) => {
    tooMany.hidden = multiple || files.length === 1;
    if (!tooMany.hidden) return;
    if (!multiple) show(files[0]);
    onFiles(files);
  };
  input.addEventListener("change", () => { if (input.files.length) take([...input.files]); input.value = ""; });
  takeDrops(zone, take);
  const draw = () => {
    name.textContent = text(TOUCHED.matches && hasText(`${key}_touch`) ? `${key}_touch` : key);
    tooMany.textContent = text("one_file");
  };
  drawAgain(draw);
  draw();
  return { element: zone, show };
}
