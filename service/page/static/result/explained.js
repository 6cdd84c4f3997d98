// What the numbers mean, for who asks.
import { make } from "../base/dom.js";
import { text } from "../base/texts.js";

const POINTS = ["grade", "set", "expected", "rule", "share", "severity", "interval", "normal", "map", "side"];

export const explained = () => make("details", { class: "explained no-print" },
  make("summary", {}, text("explained_title")),
  make("dl", {}, ...POINTS.flatMap((point) => [make("dt", {}, text(`explain_${point}`)), make("dd", {}, text(`explain_${point}_text`))])));
