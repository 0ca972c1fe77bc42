// The panels beside the heat map: balancing, jobs, desktops with their sessions, denials, activity.

import {cancelJob, closeSession, planBody} from "./actions.js";
import {ago, byId, clock, h, keyed, painter, plural, seconds, setAttribute, setText} from "./dom.js";
import {isOpen, on, pool} from "./store.js";

const newestFirst = (map) => [...map.values()].sort((a, b) => b.id - a.id);
const empty = (text) => {
  const element = h("li.empty", {}, text);
  element.update = () => {};
  return element;
};
// A list of items, or one line that says that there are none.
function listOrNone(container, items, none, keyOf, create) {
  if (items.length) keyed(container, items, keyOf, create);
  else keyed(container, [{none}], () => "none", () => empty(none));
}

// ---- balancing ----

const running = () => newestFirst(pool.plans).find((plan) => plan.state === "applying");

function paintBalance() {
  const decision = newestFirst(pool.decisions).find((each) => each.origin === "balancing") || pool.status?.balance.last_decision;
  const plan = running() || newestFirst(pool.plans).find((each) => each.state === "done" && each.moves.length);
  const balance = pool.status?.balance;
  if (balance) setText(byId("policy"), balance.enabled ? `automatic, ${balance.policy}, above ${Math.round(balance.critical_load * 100)}% CPU` : `only by hand, ${balance.policy}`);
  const [why, since] = [byId("why"), byId("why-since")];
  why.parentElement.classList.toggle("faint", !decision);
  const asked = decision?.origin === "operator" ? "When last asked: " : "";
  setText(why, decision ? asked + decision.why : "Nothing has been decided yet.");
  setText(since, decision?.repeated ? ` for ${ago(decision.at)}` : "");
  keyed(byId("plan"), plan ? [plan] : [], (each) => each.id, createPlan);
}

function createMove(move) {
  const state = h("span.faint");
  const row = h("li", {}, h("i", {"aria-hidden": "true"}), h("b", {}, move.vm), h("span", {}, `${move.from} → ${move.to}`), state);
  row.update = (now) => {
    setAttribute(row, "data-state", now.state);
    setAttribute(row, "title", `${now.why}${now.outcome ? ` – ${now.outcome}` : ""}`);
    setText(state, now.state);
  };
  return row;
}

// Of a plan, only its moves' states change: what is open in it, and has the focus, stays.
function createPlan(plan) {
  const [progress, moves] = [h("span.faint"), h("ol.moves")];
  const element = h("div", {}, h("h3", {}, `Plan ${plan.id}`, progress), moves,
    h("details", {}, h("summary", {}, "why, and what it gives"), h("div.plan-body", {}, ...planBody(plan).filter(Boolean))));
  element.update = (now) => {
    const ended = now.moves.filter((move) => !["pending", "running"].includes(move.state)).length;
    setText(progress, ` ${now.state}, ${ended} of ${plural(now.moves.length, "move")}`);
    keyed(moves, now.moves.slice(0, 8).map((move, at) => ({...move, at})), (move) => move.at, createMove);
  };
  return element;
}

// ---- jobs ----

const way = (job) => (job.migration ? `${job.migration.from} → ${job.migration.to}` : job.host);

function outcome(job) {
  const since = `${ago(job.ended_at)} ago`;
  if (job.state !== "succeeded") return `${job.detail || job.fault || job.state} · ${since}`;
  return job.migration ? `${since} · took ${seconds(job.migration.total_ms)}, stopped ${seconds(job.migration.downtime_ms)}` : `done ${since}`;
}

function createJob(job) {
  const [what, name, where, text, bar] = [h("span.kind"), h("b"), h("span.where"), h("span.faint"), h("i")];
  const cancel = h("button.more", {type: "button", title: "Cancel"}, "×");
  let current = job;
  cancel.addEventListener("click", () => cancelJob(current));
  const row = h("li", {}, h("div.line", {}, what, name, where, text, cancel), h("div.progress", {}, bar));
  row.update = (now) => {
    current = now;
    const open = isOpen(now);
    setAttribute(row, "data-state", now.state);
    setText(what, now.kind);
    setText(name, now.vm);
    setText(where, way(now));
    setAttribute(where, "title", where.textContent);
    setText(text, open ? `${now.percent}% ${now.step}` : outcome(now));
    setAttribute(text, "title", text.textContent); // where it is cut
    setAttribute(cancel, "aria-label", `Cancel ${now.kind} of ${now.vm}`);
    cancel.hidden = !open || now.cancel_asked;
    bar.parentElement.hidden = !open;
    bar.style.width = `${now.percent}%`;
  };
  return row;
}

function paintJobs() {
  const jobs = newestFirst(pool.jobs);
  const open = jobs.filter(isOpen);
  setText(byId("jobs-count"), open.length ? `${open.length} under way` : "none under way");
  listOrNone(byId("jobs"), [...open, ...jobs.filter((job) => !isOpen(job))].slice(0, 14), "Nothing has been done since the start.", (job) => job.id, createJob);
}

// ---- desktops ----

const TIERS = ["ready", "paused", "saved"];

function createPool() {
  const name = h("b");
  const about = h("span.faint");
  const tiers = TIERS.map((tier) => {
    const [count, fill] = [h("span.num"), h("i")];
    return {tier, count, fill, element: h("div.tier", {}, h("span", {}, tier), h("span.bar", {}, fill), count)};
  });
  const used = h("p.faint");
  const row = h("div.pool", {}, h("div.line", {}, name, about), ...tiers.map((tier) => tier.element), used);
  row.update = (now) => {
    setText(name, now.name);
    setText(about, `${now.kind === "private" ? "private" : `${now.desktops.all || 0} of at most ${now.targets.max}`}${now.enabled ? "" : ", disabled"}`);
    for (const {tier, count, fill, element} of tiers) {
      const [have, want] = [now.desktops[tier] || 0, now.targets[tier]];
      element.hidden = now.kind === "private";
      setText(count, `${have} / ${want}`);
      setAttribute(element, "data-state", have >= want ? "full" : "short");
      fill.style.width = `${want === 0 ? 0 : Math.min(1, have / want) * 100}%`;
    }
    const words = [`${now.desktops.running || 0} in use`, `${now.grants} granted`, `${now.denials} denied`];
    if (now.desktops.failed) words.push(`${now.desktops.failed} failed`);
    setText(used, words.join(" · "));
  };
  return row;
}

function createSession(session) {
  const [user, vm, text] = [h("b"), h("span"), h("span.faint")];
  const close = h("button.more", {type: "button", title: "End the session"}, "×");
  let current = session;
  close.addEventListener("click", () => closeSession(current));
  const row = h("li", {}, h("div.line", {}, user, vm, text, close));
  row.update = (now) => {
    current = now;
    setText(user, now.user);
    setText(vm, now.vm);
    setText(text, `${now.state}${now.host ? ` on ${now.host}` : ""}, ${ago(now.opened_at || now.requested_at)}`);
    setAttribute(close, "aria-label", `End the session of ${now.user}`);
  };
  return row;
}

function paintDesktops() {
  const pools = [...pool.pools.values()].sort((a, b) => a.name.localeCompare(b.name));
  byId("desktops-panel").hidden = pools.length === 0;
  keyed(byId("pools"), pools, (each) => each.name, createPool);
  const sessions = newestFirst(pool.sessions).filter((session) => session.state !== "closed");
  setText(byId("sessions-count"), pool.mayReadSessions ? plural(sessions.length, "session") : "");
  listOrNone(byId("sessions"), sessions.slice(0, 50), pool.mayReadSessions ? "Nobody is logged in." : "Sessions are shown to helpdesk and above.",
    (session) => session.id, createSession);
}

// ---- denials ----

const DENIED = new Set(["not_placed", "session_denied", "no_move", "desktop_not_started"]);

function createDenial() {
  const [what, why, reasons] = [h("b"), h("p"), h("ul.rejected")];
  const details = h("details", {}, h("summary", {}, "candidates"), reasons);
  const row = h("li", {}, h("div.line", {}, what, h("time.faint")), why, details);
  row.update = (now) => {
    setText(what, `${now.kind.replaceAll("_", " ")}${now.vm ? `: ${now.vm}` : now.source ? `: ${now.source}` : ""}`);
    setText(row.querySelector("time"), `${clock(now.at)}${now.repeated ? `, ${now.repeated + 1} times` : ""}`);
    setText(why, now.why);
    details.hidden = now.rejected.length === 0;
    reasons.replaceChildren(...now.rejected.map((reason) => h("li", {}, h("b", {}, [reason.vm, reason.to].filter(Boolean).join(" to ") || "host"),
      `: ${reason.why}`)));
  };
  return row;
}

function paintDenials() {
  const denied = newestFirst(pool.decisions).filter((decision) => DENIED.has(decision.kind));
  byId("denials-panel").hidden = denied.length === 0;
  setText(byId("denials-count"), `${denied.length} kept`);
  keyed(byId("denials"), denied.slice(0, 6), (decision) => decision.id, createDenial);
}

// ---- activity ----

// A summary is short: of a decision the whole sentence is beside it.
const whole = (summary, why) => (summary && why?.startsWith(summary) ? why : summary);

function tone(event) {
  const object = event.object || {};
  if (object.severity === "error" || object.state === "failed") return "bad";
  return object.severity === "warning" || DENIED.has(object.kind) ? "warn" : "";
}

function createEvent(event) {
  const row = h("li", {"data-tone": tone(event)}, h("time", {datetime: event.at}, clock(event.at)), h("span.kind", {}, event.kind),
    h("span", {}, [event.kind === "notice" || ["host", "pool"].includes(event.kind) ? event.name : "", whole(event.summary, event.object?.why) || event.change].filter(Boolean).join("  ")));
  row.update = () => {};
  return row;
}

function paintActivity() {
  listOrNone(byId("activity"), pool.activity.slice(0, 60), "What happens from now on is shown here.", (event) => event.revision, createEvent);
}

export function startPanels() {
  byId("balance").append(h("p.why", {}, h("span", {id: "why"}), h("span.faint", {id: "why-since"})), h("div", {id: "plan"}));
  on("decisions plans status", painter(paintBalance));
  on("jobs", painter(paintJobs));
  on("pools sessions", painter(paintDesktops));
  on("decisions", painter(paintDenials));
  on("activity", painter(paintActivity));
  setInterval(() => {
    paintJobs();
    paintDesktops();
  }, 10000);
}
