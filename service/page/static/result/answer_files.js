// Which file an answer's picture was made from.

/** Pose -> File. parts: [[field, File] …] as they were sent; the service numbers the unsorted ones from 1. */
export function poseFiles(answer, parts) {
  const named = new Map(parts.filter(([field]) => field !== "unsorted"));
  const loose = parts.filter(([field]) => field === "unsorted").map(([, file]) => file);
  const fileOf = (name) => named.get(name) ?? loose[Number(/^unsorted-(\d+)$/.exec(name)?.[1]) - 1];
  return new Map(Object.entries(answer.poses).map(([pose, read]) => [pose, fileOf(read.sent_as)]).filter(([, file]) => file));
}

/** The answer without its pictures: small, and all that a later comparison needs. */
export function withoutMaps(answer) {
  const bare = (read) => ({ ...read, heatmap: null, roi_maps: null });
  return { ...answer, poses: Object.fromEntries(Object.entries(answer.poses).map(([pose, read]) => [pose, bare(read)])),
    unsorted: answer.unsorted.map(bare) };
}
