// The page's words: one JSON file a language, fetched from the service, never from elsewhere.
let texts = {};
const redraws = new Set();

/** `draw` runs again whenever the language changes. */
export const drawAgain = (draw) => { redraws.add(draw); };

const TRIES = 4, AGAIN_AFTER_MS = 1000;

/** A telephone that changes from one network to another while the page loads breaks a request, and the next one works. */
async function fetchPatiently(path, left = TRIES) {
  try {
    return await fetch(path);
  } catch (error) {
    if (left === 1) throw error;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS));
    return fetchPatiently(path, left - 1);
  }
}

async function fetchTexts(name) {
  const answer = await fetchPatiently(`texts/${name}.json`);
  if (!answer.ok) throw new Error(`no texts ${name}: ${answer.status}`);
  return answer.json();
}

/** How the service's own sentences read: [[RegExp, words with {1} for what it found] …], and words that fill them. */
export const translation = { sentences: [], words: new Map() };

const patternOf = (sentence) => new RegExp(`^${sentence.replace(/[.*+?^$()[\]\\|]/g, "\\$&").replace(/\{\d\}/g, "(.+?)")}$`);

export async function useLanguage(language) {
  const [own, service] = await Promise.all([fetchTexts(language), language === "en" ? { sentences: {}, words: {} } : fetchTexts(`${language}.service`)]);
  texts = own;
  translation.sentences = Object.entries(service.sentences).map(([sentence, words]) => [patternOf(sentence), words]);
  translation.words = new Map(Object.entries(service.words));
  document.documentElement.lang = language;
  for (const draw of redraws) draw();
  applyTexts(document);
}

/** The text of `key` with {names} filled in. An unknown key is a mistake of ours, so it shows. */
export function text(key, values = {}) {
  const pattern = texts[key];
  if (pattern === undefined) return `[${key}]`;
  return pattern.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

export const hasText = (key) => key in texts;

/** The words' own list: "a, b and c", or "a, b or c". */
export const listed = (words, type = "conjunction") => new Intl.ListFormat(document.documentElement.lang, { type }).format(words);
/** When an answer was given, in words that no reader takes for another day. */
export const momentWords = (time = new Date()) => time.toLocaleString(document.documentElement.lang, { dateStyle: "long", timeStyle: "short" });

/** Fill every element below `root` that names its text. */
export function applyTexts(root) {
  for (const element of root.querySelectorAll("[data-text]")) element.textContent = text(element.dataset.text);
  for (const element of root.querySelectorAll("[data-label]")) element.setAttribute("aria-label", text(element.dataset.label));
}

/** Whole per cent; what is nearly sure or nearly excluded is said so, and never as a round 100 or 0. */
export const percent = (share) => (share > 0.995 && share < 1 ? "> 99" : share < 0.005 && share > 0 ? "< 1" : (100 * share).toFixed(0));
/** Of the other side's movement: whole per cent, as far as the measures carry. */
export const shareWords = (share) => `${Math.round(100 * share)} %`;
export const number = (value, digits = 1) => value.toLocaleString(document.documentElement.lang,
  { minimumFractionDigits: digits, maximumFractionDigits: digits });
