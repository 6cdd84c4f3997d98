// The page's words: one JSON file a language, fetched from the service, never from elsewhere.

let texts = {};

export async function useLanguage(language) {
  const answer = await fetch(`texts/${language}.json`);
  if (!answer.ok) throw new Error(`no texts for ${language}: ${answer.status}`);
  texts = await answer.json();
  document.documentElement.lang = language;
  applyTexts(document);
}

/** The text of `key` with {names} filled in. An unknown key is a mistake of ours, so it shows. */
export function text(key, values = {}) {
  const pattern = texts[key];
  if (pattern === undefined) return `[${key}]`;
  return pattern.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

export const hasText = (key) => key in texts;

/** Fill every element below `root` that names its text. */
export function applyTexts(root) {
  for (const element of root.querySelectorAll("[data-text]")) element.textContent = text(element.dataset.text);
  for (const element of root.querySelectorAll("[data-label]")) element.setAttribute("aria-label", text(element.dataset.label));
}

/** <tag class=… …attributes>children</tag>; strings become text nodes, so nothing from outside is parsed as HTML. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

export const percent = (share) => (100 * share).toFixed(share > 0.995 || share < 0.005 ? 1 : 0);
