// What must be known before the figures are believed.
import { make } from "../base/dom.js";
import { said } from "../base/said.js";
import { text } from "../base/texts.js";

// Of single pictures; the cards and the list of what was not seen say it in the reader's language.
const OF_PICTURES = /^(`unsorted-\d+`|The pictures? `.+` (is|are) the same file as )|^The picture `unsorted-\d+`/;

/** Patterns and doubts, above everything else. */
export function doubts(answer) {
  const told = new Set(Object.values(answer.poses).map((read) => read.problem?.detail));
  // Patterns come first in the service's list, and have words of our own; so have the pictures' problems.
  const rest = answer.warnings.slice(answer.patterns.length)
    .filter((sentence) => !told.has(sentence) && !told.has(sentence.replace(/^`\w+`: /, "")) && !OF_PICTURES.test(sentence));
  const few = answer.evidence.class === "single_photo"; // a grade without a movement is the doubt that must not be overlooked
  if (!few && !answer.patterns.length && !rest.length) return null;
  return make("section", { class: "problem patterns" }, make("h3", {}, text("warnings_title")),
    few ? make("p", {}, make("strong", {}, text("class_single_photo"))) : null,
    ...answer.patterns.map((pattern) => make("p", {}, make("strong", {}, text(`pattern_${pattern}`)))),
    ...rest.map((sentence) => said("p", {}, sentence)));
}
