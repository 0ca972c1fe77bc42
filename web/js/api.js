// The endpoint: requests with the user's token, refusals as Problem, and the stream of events.

const TOKEN_KEY = "ballast-token"; // in sessionStorage only: it goes with the tab

export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || `status ${status}`);
    this.status = status;
    this.title = body.title || "";
    this.reasons = body.reasons || [];
    this.wouldHelp = body.would_help || [];
    this.errors = body.errors || [];
    this.requestId = body.request_id || "";
  }
}

export const token = {
  get: () => sessionStorage.getItem(TOKEN_KEY) || "",
  set: (value) => sessionStorage.setItem(TOKEN_KEY, value),
  forget: () => sessionStorage.removeItem(TOKEN_KEY),
};

function headers(more = {}) {
  const all = {Accept: "application/json", ...more};
  if (token.get()) all.Authorization = `Bearer ${token.get()}`;
  return all;
}

async function answer(response) {
  const text = await response.text();
  let body = {};
  try {
    body = text ? JSON.parse(text) : {};
  } catch {
    body = {detail: `the controller answered ${response.status} with something that is not JSON`};
  }
  if (!response.ok) throw new Problem(response.status, body);
  return body;
}

export async function get(path) {
  return answer(await fetch(path, {headers: headers(), cache: "no-store"}));
}

// All items of a list, whatever its pages.
export async function list(path, name) {
  const items = [];
  let page = "";
  do {
    const joint = path.includes("?") ? "&" : "?";
    const body = await get(`${path}${joint}limit=1000${page ? `&page_token=${page}` : ""}`);
    items.push(...(body[name] || []));
    page = body.next_page_token || "";
  } while (page);
  return items;
}

function randomKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// One change. The key makes it act once, should the connection break and the browser send it again.
export async function change(method, path, body, dryRun = false) {
  const more = {"Content-Type": "application/json"};
  if (!dryRun) more["Idempotency-Key"] = randomKey();
  const query = dryRun ? "?dry_run=true" : "";
  return answer(await fetch(path + query, {
    method, headers: headers(more), body: body ? JSON.stringify(body) : undefined, cache: "no-store",
  }));
}

// Reads server-sent events until the stream ends, breaks, or says nothing for `silence` ms. By fetch, not EventSource:
// that cannot carry a token. `onEvent(event, stop)`: `stop()` breaks it off.
export async function readEvents(since, onEvent, silence = 40000) {
  const abort = new AbortController();
  let timer = setTimeout(() => abort.abort(), silence);
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => abort.abort(), silence);
  };
  try {
    const more = {Accept: "text/event-stream"};
    if (since) more["Last-Event-ID"] = String(since);
    const response = await fetch("/v1/events", {headers: headers(more), signal: abort.signal, cache: "no-store"});
    if (!response.ok) await answer(response);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const {value, done} = await reader.read();
      if (done) return;
      heard();
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) {
        const data = block.split("\n").find((line) => line.startsWith("data: "));
        if (data) onEvent(JSON.parse(data.slice(6)), () => abort.abort());
      }
    }
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
}
