// Each movement's picture with its map, one of them large.
import { picture } from "../answer/picture.js";
import { make } from "../base/dom.js";
import { said } from "../base/said.js";
import { listed, text } from "../base/texts.js";
import { POSES } from "../session/poses.js";

/** files: Pose -> File, of which only those that the service could read have a map. */
export function posePictures(answer, files) {
  const shown = POSES.filter((pose) => files.has(pose) && answer.poses[pose].heatmap);
  if (!shown.length) return null;
  const large = make("div", { class: "large-pose" });
  const buttons = shown.map((pose) => {
    const { heatmap, status } = answer.poses[pose];
    const url = URL.createObjectURL(files.get(pose));
    return make("button", { type: "button", class: "pose-button", "data-pose": pose, onclick: () => choose(pose) },
      make("span", { class: "pose-stack" }, make("img", { src: url, alt: "", onload: () => URL.revokeObjectURL(url) }),
        make("img", { src: `data:${heatmap.media_type};base64,${heatmap.data}`, alt: "" })),
      make("span", {}, `${status === "used" ? "" : "! "}${text(`pose_${pose}`)}`));
  });
  function choose(pose) {
    const { heatmap, regions, grade, quality } = answer.poses[pose];
    for (const [index, button] of buttons.entries()) button.setAttribute("aria-pressed", String(shown[index] === pose));
    large.replaceChildren(picture({ photo: files.get(pose), alt: text("pose_alt", { pose: text(`pose_${pose}`) }),
      layers: [{ key: "heatmap", label: text("overlay_heatmap"), map: heatmap }],
      outlines: regions.length ? Object.fromEntries(regions.map((region) => [region.name, region.polygon])) : null }),
    grade ? make("p", { class: "hint" }, text("pose_alone", { grade: grade.house_brackmann, set: listed(grade.prediction_set, "disjunction") })) : null,
    ...(quality?.warnings ?? []).map((sentence) => said("p", { class: "hint" }, sentence)));
  }
  choose(shown.find((pose) => pose !== "rest" && answer.poses[pose].status === "used") ?? shown[0]); // at rest the halves differ least
  return make("section", { class: "pose-pictures" }, make("h3", {}, text("pictures_title")),
    make("div", { class: "pose-grid" }, make("div", { class: "pose-buttons", role: "group", "aria-label": text("pictures_title") }, ...buttons), large));
}
