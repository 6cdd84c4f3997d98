// Something to keep, handed to the browser as a file.
import { make } from "./dom.js";

export function download(content, mediaType, name) {
  const link = make("a", { href: URL.createObjectURL(new Blob([content], { type: mediaType })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

export const saveJson = (answer, name) => download(JSON.stringify(answer, null, 1), "application/json", name);
