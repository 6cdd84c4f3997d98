// What the service says is English; here it is said in the reader's language, as far as the sentence is a known one.
import { make } from "./dom.js";
import { hasText, text, translation } from "./texts.js";

const NAMED = /^(Onset|Apex|`[a-z_]+(?:-\d+)?`): /; // which picture a sentence is of

/** <tag …attributes>sentence</tag>, marked as English where it stays English. */
export function said(tag, attributes, sentence) {
  const bare = sentence.replace(NAMED, "");
  const of = bare === sentence ? "" : `${pictureName(NAMED.exec(sentence)[1])}: `;
  const own = translated(bare);
  return own === null ? make(tag, { ...attributes, lang: "en" }, of + withNames(bare)) : make(tag, attributes, of + own);
}

/** `full_smile`, `unsorted-2`, Onset: fields of a request, by the names that the page has for them. */
function pictureName(field) {
  const [, name, number] = /^`?(\w+?)(?:-(\d+))?`?$/.exec(field);
  if (number) return `${text("loose_picture")} ${number}`;
  const key = [`pose_${name}`, name.toLowerCase()].find(hasText);
  return key ? text(key) : field;
}
const withNames = (words) => words.replace(/`[a-z_]+(-\d+)?`/g, (field) => text("quoted", { words: pictureName(field) }));

/** null: not known, or the reader reads English. */
function translated(sentence) {
  for (const [pattern, words] of translation.sentences) {
    const found = pattern.exec(sentence);
    if (found) return words.replace(/\{(\d)\}/g, (_, number) => valueWords(found[number]));
  }
  return null;
}

/** What a sentence is filled with: a word, figures, names of pictures, or a list of parts of the face. */
function valueWords(value) {
  if (translation.words.has(value)) return translation.words.get(value);
  const parts = [...translation.words].filter(([word]) => word.length > 5 || word.startsWith(" ") || word.endsWith(" "));
  return withNames(parts.reduce((words, [word, own]) => words.replaceAll(word, own), value));
}
