// The eight things a face is asked to do, each with a drawn example.
import { svg } from "../base/dom.js";

export const POSES = ["rest", "brow_lift", "gentle_closure", "tight_closure", "closed_smile", "full_smile", "snarl", "pucker"];
export const CORE = ["rest", "brow_lift", "gentle_closure", "full_smile"];

const EYE = { open: "M-9 0 Q0 -7 9 0 Q0 6 -9 0Z", closed: "M-9 0 Q0 6 9 0", tight: "M-9 -2 L9 1 M-9 3 L-13 6 M-9 -3 L-13 -6 M9 -1 L13 -4 M9 2 L13 5" };
const MOUTH = {
  rest: "M-13 0 Q0 2 13 0", smile: "M-19 -4 Q0 10 19 -4", teeth: "M-20 -5 Q0 2 20 -5 Q12 13 0 13 Q-12 13 -20 -5Z M-17 1 Q0 6 17 1",
  snarl: "M-13 2 Q-8 -6 0 -3 Q8 -6 13 2 Q0 5 -13 2Z", pucker: "M-5 0 Q-5 -5 0 -5 Q5 -5 5 0 Q5 5 0 5 Q-5 5 -5 0Z",
};
const FACES = {
  rest: {}, brow_lift: { brow: -8, creases: "M32 27 Q50 23 68 27 M35 21 Q50 17 65 21" }, gentle_closure: { eye: "closed" },
  tight_closure: { eye: "tight", brow: 4, mouth: "rest" }, closed_smile: { mouth: "smile" }, full_smile: { mouth: "teeth" },
  snarl: { brow: 3, mouth: "snarl", creases: "M44 58 L47 62 M56 58 L53 62 M40 72 Q36 78 33 88 M60 72 Q64 78 67 88" }, pucker: { mouth: "pucker" },
};

/** A line drawing of the movement, for the eye alone: the sentence beside it says the same. */
export function poseDrawing(pose) {
  const { eye = "open", brow = 0, mouth = "rest", creases = "" } = FACES[pose];
  const side = (x, flip) => svg("g", { transform: `translate(${x} 46) scale(${flip} 1)` },
    svg("path", { d: EYE[eye] }), ...(eye === "open" ? [svg("circle", { r: 3, class: "solid" })] : []),
    svg("path", { d: `M-12 ${brow - 11} Q0 ${brow - 17} 12 ${brow - 10}`, class: "thick" }));
  return svg("svg", { viewBox: "0 0 100 120", class: "pose-drawing", "aria-hidden": "true" },
    svg("path", { d: "M16 50 Q14 6 50 6 Q86 6 84 50 Q84 112 50 114 Q16 112 16 50Z", class: "head" }),
    side(34, -1), side(66, 1),
    svg("path", { d: "M50 48 L46 68 Q50 72 54 68" }),
    svg("g", { transform: "translate(50 88)" }, svg("path", { d: MOUTH[mouth], class: "thick" })),
    ...(creases ? [svg("path", { d: creases, class: "fine" })] : []));
}
