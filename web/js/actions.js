// What an operator can do from here. Every action asks the controller first what it would do (a dry run), shows that,
// and acts only when the user says so.

import {Problem, change} from "./api.js";
import {announce, byId, h, memory, percent, plural} from "./dom.js";
import {pool} from "./store.js";

// ---- menus ----

let opener = null;
let openedAt = null; // where it stood then
let behind = null; // what has the focus again once the menu is closed

function closeMenu(refocus = false) {
  byId("menu").hidden = true;
  opener?.setAttribute("aria-expanded", "false");
  if (refocus) behind?.focus({preventScroll: true});
}

function openMenu(anchor, back, heading, items) {
  closeMenu();
  [opener, behind] = [anchor, back];
  opener.setAttribute("aria-expanded", "true");
  const menu = byId("menu");
  menu.setAttribute("aria-label", heading);
  menu.replaceChildren(h("p", {"aria-hidden": "true"}, heading), ...items.map((item) => h(item.danger ? "button.bad" : "button", {
    type: "button", role: "menuitem", disabled: item.disabled, click: () => {
      closeMenu(true);
      item.run();
    },
  }, item.label)));
  menu.hidden = false;
  const at = anchor.getBoundingClientRect();
  openedAt = at;
  menu.style.left = `${Math.max(8, Math.min(at.right - menu.offsetWidth, innerWidth - menu.offsetWidth - 8))}px`;
  const below = at.bottom + 4 + menu.offsetHeight < innerHeight;
  menu.style.top = `${below ? at.bottom + 4 : Math.max(8, at.top - menu.offsetHeight - 4)}px`;
  menu.querySelector("button:not(:disabled)")?.focus();
}

addEventListener("pointerdown", (event) => {
  if (!byId("menu").contains(event.target)) closeMenu();
});
// A scroll is told a frame later, perhaps of what came before the menu; and a page that keeps its place while something above
// grows scrolls too. Only what moves the opener away leaves the menu behind.
addEventListener("scroll", () => {
  if (byId("menu").hidden) return;
  const at = opener.getBoundingClientRect();
  if (Math.hypot(at.left - openedAt.left, at.top - openedAt.top) > 1) closeMenu();
}, true);
addEventListener("keydown", (event) => {
  const menu = byId("menu");
  if (menu.hidden) return;
  const buttons = [...menu.querySelectorAll("button:not(:disabled)")];
  const at = buttons.indexOf(document.activeElement);
  const to = {ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1}[event.key];
  if (to !== undefined) buttons[(to + buttons.length) % buttons.length]?.focus();
  else if (event.key === "Escape" || event.key === "Tab") closeMenu(true);
  else return;
  event.preventDefault();
});

// ---- what a refusal says ----

const number = (value) => (Number.isInteger(value) ? String(value) : value.toFixed(2));

const figures = (reason) => `${reason.constraint.replaceAll("_", " ")} (has ${number(reason.have)}, ${reason.have > reason.need ? "at most" : "needs"} ${number(reason.need)})`;

export function reasonsOf(problem) {
  return [
    ...problem.reasons.map((reason) => h("li", {}, h("b", {}, reason.candidate), `: ${reason.why || figures(reason)}`)),
    ...problem.errors.map((error) => h("li", {}, `${error.pointer} ${error.detail}`)),
    ...problem.wouldHelp.map((help) => h("li.good", {}, `Would help: ${help.change} – ${help.effect}`)),
  ];
}

function problemBox(problem) {
  const lost = !(problem instanceof Problem);
  return h("div.box.bad", {role: "alert"}, h("b", {}, lost ? "The controller does not answer" : problem.title || "Refused"), lost ? ". " : ": ",
    lost ? "It may have acted or not: look before you try again." : problem.message, h("ul", {}, lost ? [] : reasonsOf(problem)));
}

function decisionBox(answer) {
  const words = {already_so: "It is so already.", accepted: "It can be done.", changed: "It can be done.", granted: "It can be done."};
  return h("div.box.good", {}, words[answer.decision] || "It can be done.", answer.host ? ` Host ${answer.host}.` : "", answer.detail ? ` ${answer.detail}` : "",
    h("ul", {}, reasonsOf({reasons: answer.reasons || [], errors: [], wouldHelp: []})));
}

// ---- dialogs ----

function showDialog(content, wide = false) {
  const dialog = byId("dialog");
  dialog.classList.toggle("wide", wide);
  dialog.replaceChildren(content);
  if (!dialog.open) dialog.showModal();
  return dialog;
}

// Also while an answer was awaited: the user may have closed it, and opened another.
const isShown = (form) => byId("dialog").open && form.isConnected;

const cancelButton = (label = "Cancel") => h("button.quiet", {type: "button", click: () => byId("dialog").close()}, label);

// `what`: {title, text, method, path, body(), ok, danger, typed, fields, done}. `typed` is what the user must type first.
export function act(what) {
  const body = what.body || (() => undefined);
  const said = h("div", {"aria-live": "polite"}, h("p.box", {}, "Asking what would happen…"));
  const ok = h(what.danger ? "button.danger" : "button.primary", {type: "submit", disabled: true}, what.ok);
  const typed = what.typed ? h("input", {type: "text", autocomplete: "off", spellcheck: "false", input: ready}) : null;
  let possible = false;
  let acting = false;
  let asked = 0; // what was asked last: an answer to anything before it tells of other fields
  function ready() {
    ok.disabled = !possible || acting || (typed !== null && typed.value !== what.typed);
  }
  async function ask() {
    const question = ++asked;
    possible = false;
    ready();
    const box = await change(what.method || "POST", what.path, body(), true).then(decisionBox, problemBox);
    if (question !== asked) return;
    possible = box.classList.contains("good");
    said.replaceChildren(box);
    ready();
  }
  async function go(event) {
    event.preventDefault();
    acting = true;
    ready();
    try {
      await change(what.method || "POST", what.path, body());
      if (isShown(form)) byId("dialog").close();
      announce(what.done || `${what.title}: accepted`);
    } catch (problem) {
      asked += 1; // a dry run that has not been answered says less
      said.replaceChildren(problemBox(problem));
      if (!isShown(form)) announce(`${what.title}: ${problem.message}`);
    }
    acting = false;
    ready();
  }
  for (const field of what.fields || []) field.addEventListener("change", ask);
  const form = h("form", {submit: go}, h("h2", {id: "dialog-title"}, what.title), what.text ? h("p.faint", {}, what.text) : null,
    ...(what.fields || []), said, typed ? h("label", {}, `Type ${what.typed} to confirm`, typed) : null,
    h("div.buttons", {}, cancelButton(), ok));
  showDialog(form);
  (typed || ok).focus();
  ask();
}

// ---- hosts ----

export function hostMenu(host, anchor) {
  const path = `/v1/hosts/${encodeURIComponent(host.name)}`;
  const item = (label, action, text, danger) => ({
    label: `${label}…`, danger, run: () => act({title: `${label} ${host.name}?`, text, path: `${path}:${action}`, ok: label, danger}),
  });
  const barred = host.cordoned || host.draining;
  openMenu(anchor, anchor, host.name, [
    ...(barred ? [item("Uncordon", "uncordon", "It takes guests again, and no more are sent away.")] : []),
    ...(host.cordoned ? [] : [item("Cordon", "cordon", "It takes no more guests. Those that it has stay.")]),
    ...(host.draining ? [] : [item("Drain", "drain", `It takes no more guests, and its ${plural(host.vms, "guest")} move to other hosts.`)]),
  ]);
}

// ---- guests ----

const VERBS = {
  pause: ["Pause", "It stands still and keeps its memory."],
  unpause: ["Unpause", "It goes on where it stood."],
  save: ["Save", "Its memory goes to disk, and it leaves its host's."],
  restore: ["Restore", "It goes on from its save file."],
  start: ["Start", "It boots."],
  shutdown: ["Shut down", "Its operating system is asked to stop."],
  destroy: ["Destroy", "It ends at once, as if its power failed. What it has not written is lost."],
};

function forceField(vm, action) {
  if (vm.ours || !["shutdown", "destroy"].includes(action)) return null;
  return h("label", {}, h("span", {}, h("input", {type: "checkbox"}), " Ballast did not create this guest: do it all the same"));
}

function vmAction(vm, action) {
  const [label, text] = VERBS[action];
  const force = forceField(vm, action);
  act({
    title: `${label} ${vm.name}?`, text, path: `/v1/vms/${vm.uuid}:${action}`, ok: label,
    danger: action === "destroy", typed: action === "destroy" ? vm.name : null, fields: force ? [force] : [],
    body: () => (force?.querySelector("input").checked ? {force: true} : undefined),
  });
}

function migrate(vm) {
  const hosts = [...pool.hosts.values()].filter((host) => host.state === "up" && host.name !== vm.host)
    .sort((a, b) => a.cpu - b.cpu);
  const to = h("select", {}, h("option", {value: ""}, "where it fits best"),
    ...hosts.map((host) => h("option", {value: host.name}, `${host.name} – CPU ${percent(host.cpu)}, ${memory(host.memory_free_mib)} free`)));
  act({
    title: `Move ${vm.name}?`, text: `It runs on ${vm.host} and goes on running while it moves.`, path: `/v1/vms/${vm.uuid}:migrate`,
    ok: "Move", fields: [h("label", {}, "To", to)], body: () => (to.value ? {to: to.value} : {}),
  });
}

// `back`: what gets the focus afterwards.
export function vmMenu(vm, anchor, back = anchor) {
  const allowed = new Set(vm.allowed_actions);
  const items = ["pause", "unpause", "save", "restore", "start", "shutdown"].filter((action) => allowed.has(action))
    .map((action) => ({label: `${VERBS[action][0]}…`, run: () => vmAction(vm, action)}));
  if (allowed.has("migrate")) items.unshift({label: "Move…", run: () => migrate(vm)});
  items.push({label: vm.movable ? "Keep on its host…" : "Let balancing move it…", run: () => act({
    title: vm.movable ? `Keep ${vm.name} on its host?` : `May balancing move ${vm.name}?`, path: `/v1/vms/${vm.uuid}:set-movable`,
    ok: vm.movable ? "Keep it there" : "It may", body: () => ({movable: !vm.movable}),
  })});
  if (allowed.has("destroy")) items.push({label: "Destroy…", danger: true, run: () => vmAction(vm, "destroy")});
  if (vm.job) items.unshift({label: `Busy: ${vm.job.kind}`, disabled: true, run: () => {}});
  openMenu(anchor, back, `${vm.name} – ${vm.state}`, items);
}

export function closeSession(session) {
  act({
    title: `End the session of ${session.user}?`, text: `Session ${session.id} on ${session.vm}. What is not saved in it may be lost.`,
    method: "DELETE", path: `/v1/sessions/${session.id}`, ok: "End it", danger: true,
  });
}

export function cancelJob(job) {
  act({title: `Cancel ${job.kind} of ${job.vm}?`, path: `/v1/jobs/${job.id}:cancel`, ok: "Cancel it", text: "It ends where it can still end safely."});
}

// ---- rebalance: the plan is computed and shown; what is applied is that plan ----

const bar = (share) => {
  const inner = h("i");
  inner.style.width = `${Math.min(share, 1) * 100}%`;
  return h(share >= 0.8 ? "span.bar.hot" : "span.bar", {}, inner);
};

export function planBody(plan) {
  const after = new Map((plan.after?.hosts || []).map((host) => [host.name, host]));
  const moves = plan.moves.map((move) => h("tr", {}, h("td", {}, h("b", {}, move.vm)), h("td", {}, `${move.from} → ${move.to}`),
    h("td.num", {}, memory(move.memory_mib)), h("td", {}, move.why)));
  const hosts = (plan.before?.hosts || []).map((host) => {
    const then = after.get(host.name) || host;
    return h("tr", {}, h("th", {scope: "row"}, host.name), h("td", {}, bar(host.cpu), percent(host.cpu)), h("td", {}, bar(then.cpu), percent(then.cpu)));
  });
  const rejected = plan.rejected.slice(0, 30).map((row) => h("li", {}, h("b", {}, row.vm || "host"), row.to ? ` to ${row.to}` : "",
    `: ${row.why}`));
  return [
    h("p.box", {}, plan.conclusion || "Nothing to do."),
    moves.length ? h("div.scroll", {}, h("table.plan", {}, h("thead", {}, h("tr", {}, ...["Guest", "Way", "Memory", "Why"].map((text) => h("th", {scope: "col"}, text)))), h("tbody", {}, ...moves))) : null,
    hosts.length ? h("div.scroll", {}, h("table.plan.loads", {}, h("thead", {}, h("tr", {}, ...["Host", "CPU now", "after"].map((text) => h("th", {scope: "col"}, text)))), h("tbody", {}, ...hosts))) : null,
    rejected.length ? h("details", {}, h("summary", {}, `${plural(plan.rejected.length, "candidate")} turned down`), h("ul.rejected", {}, ...rejected)) : null,
  ];
}

const drop = (plan) => change("POST", `/v1/plans/${plan.id}:cancel`).catch(() => {});  // it would lie there as "ready"

export async function rebalance() {
  const said = h("div.plan-body", {"aria-live": "polite"}, h("p.box", {}, "Computing a plan…"));
  const ok = h("button.primary", {type: "submit", disabled: true}, "Apply");
  let plan = null; // until it is applied: afterwards it is not the dialog's to drop
  const form = h("form", {submit: async (event) => {
    event.preventDefault();
    ok.disabled = true;
    const applied = plan;
    plan = null;
    try {
      await change("POST", `/v1/plans/${applied.id}:apply`);
      announce(`Plan ${applied.id} is being applied`);
      if (isShown(form)) byId("dialog").close();
    } catch (problem) {
      said.replaceChildren(problemBox(problem));
      if (problem instanceof Problem && problem.status < 500) drop(applied); // else it may be under way
    }
  }}, h("h2", {id: "dialog-title"}, "Rebalance the pool?"), said, h("div.buttons", {}, cancelButton("Leave it"), ok));
  const dialog = showDialog(form, true);
  dialog.addEventListener("close", () => {
    if (plan) drop(plan);
    plan = null;
  }, {once: true});
  try {
    const computed = await change("POST", "/v1/plans", {});
    if (!isShown(form)) {
      drop(computed);
      return;
    }
    plan = computed;
    said.replaceChildren(...planBody(plan).filter(Boolean));
    ok.disabled = plan.moves.length === 0;
    ok.textContent = plan.moves.length ? `Apply ${plural(plan.moves.length, "move")}` : "Nothing to apply";
  } catch (problem) {
    said.replaceChildren(problemBox(problem));
  }
}

// ---- signing in ----

// Resolves with a token that the user gave. There is nothing behind this dialog: a browser lets a page refuse one Escape, not
// a second one, so what was closed is opened again.
export function askToken(problem, hadToken) {
  return new Promise((resolve) => {
    const input = h("input", {type: "password", autocomplete: "off", required: true, name: "token"});
    const dialog = showDialog(h("form", {submit: (event) => {
      event.preventDefault();
      dialog.removeEventListener("close", open);
      dialog.close();
      resolve(input.value.trim());
    }}, h("h2", {id: "dialog-title"}, "Sign in"),
    hadToken ? h("div.box.bad", {role: "alert"}, problem.message || "The token is not valid.") : h("p.faint", {}, "The controller asks for a token. It is kept in this tab only. The first start wrote one for administrators to STATE_DIR/admin.token."),
    h("label", {}, "Token", input), h("div.buttons", {}, h("button.primary", {type: "submit"}, "Sign in"))));
    const open = () => {
      if (!dialog.open) dialog.showModal();
      input.focus();
    };
    dialog.addEventListener("close", open);
    open();
  });
}
