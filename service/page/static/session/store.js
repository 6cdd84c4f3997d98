// The pictures of one examination and where they lie. Nothing of it outlives the page.
import { shrink } from "../intake/shrink.js";
import { POSES } from "./poses.js";

export const MOST_PICTURES = 9; // what one request may hold

/** onChange runs after every change. A picture: {id, file, url, pose, given}; pose null: not sorted yet; given: somebody
 * said the pose, which else is the service's guess from the pictures that it had, and open to a better one. */
export function sessionStore(onChange) {
  let pictures = [];
  let skipped = new Set();
  let ids = 0;
  let version = 0; // of what would be sent

  const changed = () => { version += 1; onChange(); };
  const at = (pose) => pictures.find((picture) => picture.pose === pose) ?? null;
  const open = () => pictures.filter((picture) => !picture.given);
  const drop = (picture) => { URL.revokeObjectURL(picture.url); pictures = pictures.filter((one) => one !== picture); };

  async function put(file, pose) {
    const small = await shrink(file);
    const before = pose && at(pose);
    if (before) drop(before);
    if (pose) skipped.delete(pose);
    ids += 1;
    pictures.push({ id: `picture-${ids}`, file: small, url: URL.createObjectURL(small), pose, given: Boolean(pose) });
    changed();
  }

  return {
    at, put,
    get version() { return version; },
    get count() { return pictures.length; },
    loose: () => pictures.filter((picture) => picture.pose === null),
    isSkipped: (pose) => skipped.has(pose),
    skip(pose) { skipped.add(pose); changed(); },
    remove(id) { drop(pictures.find((picture) => picture.id === id)); changed(); },
    /** On another card; what lies there goes to where this one came from. */
    place(id, pose) {
      const picture = pictures.find((one) => one.id === id);
      if (!picture) return;
      picture.given = true;
      if (picture.pose === pose) return;
      const there = at(pose);
      if (there) Object.assign(there, { pose: picture.pose, given: there.given && Boolean(picture.pose) });
      picture.pose = pose;
      skipped.delete(pose);
      changed();
    },
    clear() { pictures.forEach(drop); skipped = new Set(); changed(); },
    /** [[field, File] …] as `assess` takes them; those that it is to sort last, as the answer numbers them. */
    parts: () => [...POSES.filter((pose) => at(pose)?.given).map((pose) => [pose, at(pose).file]),
      ...open().map((picture) => ["unsorted", picture.file])],
    /** Where the service put what it was to sort; does not make the answer older than the pictures. */
    sorted(answer) {
      const loose = open();
      for (const picture of loose) picture.pose = null;
      for (const [pose, { sent_as: name }] of Object.entries(answer.poses)) {
        const number = /^unsorted-(\d+)$/.exec(name)?.[1];
        if (number) loose[number - 1].pose = pose;
      }
      const rest = new Map(answer.unsorted.map((one) => [loose[one.sent_as.split("-")[1] - 1]?.id, one]));
      onChange();
      return rest;
    },
  };
}
