// The photograph with maps over it, outlines of the regions and scores beside the place they belong to.
import { make, svg, svgText } from "../base/dom.js";
import { text } from "../base/texts.js";

// The face's outlines fill 1 / this of the picture.
const FACE_MARGIN = 1.7;
const dataUrl = (map) => `data:${map.media_type};base64,${map.data}`;
const mean = (points) => [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length);

/** Where a score is written, from the outlines of the regions: [x, y] in pixels of the photograph. */
function places(outlines) {
  const eyes = [...outlines.right_eye, ...outlines.left_eye];
  const lips = [...outlines.right_lip, ...outlines.left_lip];
  const [eyeX, eyeY] = mean(eyes);
  const [lipX, lipY] = mean(lips);
  const along = (share) => [eyeX + share * (lipX - eyeX), eyeY + share * (lipY - eyeY)];
  return { forehead: along(-0.42), eye: along(0), nose: along(0.5), mouth: along(1.05) };
}

/**
 * photo: File; layers: [{key, label, map}]; outlines: {name: [[x, y] …]} and scores: {region: 0..1}, both in the
 * pixels of the upright photograph, may be null.
 */
export function picture({ photo, alt, layers, outlines = null, scores = null }) {
  const shown = make("img", { class: "photo", alt, src: URL.createObjectURL(photo) });
  const overlay = make("img", { class: "overlay", alt: "", src: dataUrl(layers[0].map) });
  const drawing = svg("svg", { class: "outlines", "aria-hidden": "true" });
  const missing = make("p", { class: "hint", hidden: true, "data-text": "picture_not_shown" }, text("picture_not_shown"));
  const zoomed = make("div", { class: "zoom" }, shown, overlay, drawing);
  const stage = make("div", { class: "stage" }, zoomed);
  const wholeBox = make("input", { type: "checkbox", class: "whole" });

  // A face is often a small piece of the photograph: show that piece, in the photograph's own shape.
  const zoom = () => {
    const { naturalWidth: width, naturalHeight: height } = shown;
    const corners = outlines ? Object.values(outlines).flat() : [];
    const low = [0, 1].map((axis) => Math.min(...corners.map((corner) => corner[axis])));
    const high = [0, 1].map((axis) => Math.max(...corners.map((corner) => corner[axis])));
    const share = Math.max((high[0] - low[0]) / width, (high[1] - low[1]) / height) * FACE_MARGIN;
    const scale = wholeBox.checked || !corners.length || !width || share >= 1 ? 1 : 1 / share;
    const shift = [width, height].map((size, axis) => {
      const centre = (low[axis] + high[axis]) / 2 / size;
      return Math.min(0, Math.max(1 - scale, 0.5 - scale * centre)) * 100;
    });
    zoomed.style.transform = scale === 1 ? "none" : `translate(${shift[0]}%, ${shift[1]}%) scale(${scale})`;
    zoomed.style.setProperty("--zoom", scale);
  };
  wholeBox.addEventListener("change", zoom);

  const draw = () => {
    zoom();
    drawing.setAttribute("viewBox", `0 0 ${shown.naturalWidth} ${shown.naturalHeight}`);
    if (!outlines) return;
    const size = shown.naturalWidth;
    for (const [name, corners] of Object.entries(outlines)) {
      drawing.append(svg("polygon", { points: corners.map((c) => c.join(",")).join(" "), "data-region": name, class: "outline" }));
    }
    if (!scores) return;
    const width = Math.hypot(...[0, 1].map((axis) => outlines.left_eye[0][axis] - outlines.left_eye[1][axis])) || size / 5;
    for (const [region, [x, y]] of Object.entries(places(outlines))) {
      drawing.append(svgText(scores[region] === null ? "–" : (100 * scores[region]).toFixed(0), { x, y, class: "score", "font-size": width / 5, "text-anchor": "middle" }));
    }
  };
  shown.addEventListener("load", () => { URL.revokeObjectURL(shown.src); draw(); });
  shown.addEventListener("error", () => {  // TIFF, say: show the map on plain ground, in its own shape
    missing.hidden = false;
    shown.hidden = true;
    overlay.classList.add("alone");
  });

  const strength = make("input", { type: "range", min: "0", max: "100", value: "70", "aria-label": text("overlay_strength") });
  const fade = () => { overlay.style.opacity = strength.value / 100; };
  strength.addEventListener("input", fade);
  fade();

  const buttons = layers.map((layer, index) => make("button", {
    type: "button", "aria-pressed": String(index === 0), "data-layer": layer.key,
    onclick: () => {
      overlay.src = dataUrl(layer.map);
      for (const [other, button] of buttons.entries()) button.setAttribute("aria-pressed", String(other === index));
    },
  }, layer.label));
  const outlineBox = make("input", { type: "checkbox", class: "outline-box", checked: true });
  outlineBox.addEventListener("change", () => drawing.classList.toggle("off", !outlineBox.checked));

  return make("figure", { class: "picture" }, stage, missing,
    make("figcaption", {},
      scores ? make("p", { class: "hint" }, text("scores_hint")) : null,
      make("div", { class: "legend", "aria-hidden": "true" },
        make("span", {}, text("legend_low")), make("span", { class: "ramp" }), make("span", {}, text("legend_high"))),
      make("label", { class: "slider" }, make("span", {}, text("overlay")), strength),
      outlines ? make("label", { class: "check" }, outlineBox, text("show_regions")) : null,
      outlines ? make("label", { class: "check" }, wholeBox, text("show_whole")) : null,
      layers.length > 1 ? make("div", { class: "layers", role: "group", "aria-label": text("layers_title") }, make("span", { "aria-hidden": "true" }, text("layers_title")), ...buttons) : null));
}
