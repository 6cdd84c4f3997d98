// A form on its way to the service, with word of how much of it has arrived: `fetch` tells nothing of that.

/** POST; resolves to {status, statusText, text, header(name)} whatever the status, rejects with "unreachable" or
 * "cancelled". tell("sending" or "receiving", share); came(text): what has come of the answer so far. */
export function upload(path, { body, headers, signal, tell, came }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const told = (stage) => (event) => { if (event.lengthComputable) tell(stage, event.loaded / event.total); };
    request.open("POST", path);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", told("sending"));
    request.addEventListener("progress", told("receiving"));
    request.addEventListener("progress", () => { if (request.status === 200) came(request.responseText); });
    request.addEventListener("load", () => resolve({ status: request.status, statusText: request.statusText,
      text: request.responseText, header: (name) => request.getResponseHeader(name) }));
    request.addEventListener("error", () => reject(new Error("unreachable")));
    request.addEventListener("abort", () => reject(new Error("cancelled")));
    if (signal?.aborted) { reject(new Error("cancelled")); return; }
    signal?.addEventListener("abort", () => request.abort());
    request.send(body);
  });
}
