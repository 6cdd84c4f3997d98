// A face as it looks at the examiner: the affected half shaded, each region with its share of movement.
import { make, svg, svgText } from "../base/dom.js";
import { number, shareWords, text } from "../base/texts.js";

// The half on the left of the picture, the patient's right; the other is its mirror image about x = 110.
const SHAPES = {
  forehead: "M48 92 Q46 34 108 30 L108 84 Q74 74 48 92Z", eye: "M46 106 Q72 82 100 106 Q72 130 46 106Z",
  nose: "M50 134 Q78 140 98 120 L106 132 L108 164 Q80 172 64 158 Q54 148 50 134Z", mouth: "M70 186 Q90 174 108 180 L108 204 Q86 206 70 186Z",
};
const PLACES = { forehead: [78, 66], eye: [73, 107], nose: [79, 150], mouth: [90, 195] };
const STEPS = [0.1, 0.35, 0.6, 0.8]; // of Sunnybrook's voluntary movement

const level = (share) => (share === null || share === undefined ? "unknown" : `level-${STEPS.filter((step) => share >= step).length}`);
const words = (share) => (share === null || share === undefined ? "–" : shareWords(share));

export function faceDrawing(answer) {
  const side = answer.affected_side.side;
  const both = answer.population_shares;
  const shareOf = (half, region) => (both ? both[half]?.[region] : side === half ? answer.regional_movement[region].share : undefined);
  const half = (name, flip) => svg("g", { class: `half${side === name ? " affected" : ""}` },
    svg("g", flip ? { transform: "translate(220 0) scale(-1 1)" } : {},
      svg("path", { d: "M110 14 C56 14 30 56 34 116 C37 176 70 236 110 236Z", class: "half-ground" }),
      ...Object.entries(SHAPES).map(([region, d]) => svg("path", { d, "data-region": region,
        class: both || side === name ? level(shareOf(name, region)) : "healthy" }))),
    ...(both || side === name ? Object.entries(PLACES).map(([region, [x, y]]) => label(flip ? 220 - x : x, y, words(shareOf(name, region)))) : []));
  const drawing = svg("svg", { viewBox: "0 0 220 262", class: "face", "aria-hidden": "true" },
    half("right", false), half("left", true),
    svg("path", { d: "M110 14 L110 236", class: "midline" }),
    label(52, 256, text("patient_right"), side === "right" ? "end-label chosen" : "end-label"),
    label(168, 256, text("patient_left"), side === "left" ? "end-label chosen" : "end-label"));
  return make("section", { class: "face-section" },
    make("h3", {}, text("face_title")),
    make("figure", { class: "face-figure" }, drawing, make("figcaption", { class: "hint" }, text(both ? "face_hint_both" : side === "none" ? "face_hint_none" : "face_hint"))),
    shares(answer));
}

const label = (x, y, words, kind = "share") => svgText(words, { x, y, class: kind, "text-anchor": "middle" });

/** The same in words, with intervals. */
function shares(answer) {
  return make("table", { class: "shares" },
    make("caption", { class: "visually-hidden" }, text("shares_caption")),
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, text("region")), make("th", { scope: "col" }, text("share")), make("th", { scope: "col" }, text("severity")))),
    make("tbody", {}, ...Object.entries(answer.regional_movement).map(([region, found]) => make("tr", {},
      make("th", { scope: "row" }, text(region === "nose" ? "midface" : region)),
      make("td", {}, found.share === null ? text("not_seen") : `${shareWords(found.share)} ${text("from_to", { low: Math.round(100 * found.interval[0]), high: Math.round(100 * found.interval[1]) })}`),
      make("td", {}, found.severity === null ? "–" : number(found.severity))))));
}
