// What would be lost if the page were left now: nothing is stored anywhere, so the browser asks before it goes.
const held = new Set();

export function holds(name, something) {
  if (something) held.add(name);
  else held.delete(name);
}

window.addEventListener("beforeunload", (event) => { if (held.size) event.preventDefault(); });
