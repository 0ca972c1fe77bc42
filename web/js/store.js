// What the page knows of the pool: lists read once, then kept by events. Panels subscribe to the parts that they show.

import {Problem, get, list, readEvents} from "./api.js";

const RETRY_MS = [300, 800, 2000, 4000];
const ENDED_JOBS_MAX = 12;
const ACTIVITY_MAX = 120;
const DECISIONS_MAX = 60;

export const pool = {
  hosts: new Map(), // by name
  vms: new Map(), // by uuid
  vmNames: new Map(), // name -> uuid
  jobs: new Map(), // by id
  plans: new Map(),
  decisions: new Map(),
  pools: new Map(),
  sessions: new Map(),
  activity: [], // newest first
  status: null,
  history: null, // see loadHistory
  span: "hour",
  role: null,
  mayReadSessions: true,
};

const listeners = new Map();

// `parts`: "hosts vms jobs …"; called at most once a change, panels paint with the next frame.
export function on(parts, callback) {
  for (const part of parts.split(" ")) {
    if (!listeners.has(part)) listeners.set(part, new Set());
    listeners.get(part).add(callback);
  }
}

export function tell(...parts) {
  const called = new Set();
  for (const part of parts) {
    for (const callback of listeners.get(part) || []) {
      if (!called.has(callback)) called.add(callback);
    }
  }
  for (const callback of called) callback();
}

export const isOpen = (job) => job.state === "queued" || job.state === "running";

// ---- events ----

function setVm(vm) {
  pool.vms.set(vm.uuid, vm);
  pool.vmNames.set(vm.name, vm.uuid);
}

function removeVm(name) {
  const uuid = pool.vmNames.get(name);
  pool.vmNames.delete(name);
  if (uuid && pool.vms.get(uuid)?.name === name) pool.vms.delete(uuid);
}

function trim(map, max, keep = () => false) {
  const over = [...map.values()].filter((item) => !keep(item)).sort((a, b) => b.id - a.id).slice(max);
  for (const item of over) map.delete(item.id);
}

function applyLoad(load, at) {
  const host = pool.hosts.get(load.host);
  if (host) {
    const {cpu, memory, net, memory_used_mib, memory_free_mib, last_sample_at} = load;
    Object.assign(host, {cpu, memory, net, memory_used_mib, memory_free_mib, last_sample_at});
  }
  for (const [name, cores] of Object.entries(load.vm_cpu_cores)) {
    const vm = pool.vms.get(pool.vmNames.get(name));
    if (vm) vm.cpu_cores = cores;
  }
  addToHistory(load.host, load.cpu, load.memory, Date.parse(at));
}

const maps = {host: "hosts", job: "jobs", plan: "plans", decision: "decisions", pool: "pools", session: "sessions"};
const keys = {host: "name", pool: "name"};

function remember(event) {
  const quiet = event.kind === "load" || event.kind === "vm" || event.kind === "host" ||
    (event.kind === "job" && event.object && isOpen(event.object) && event.change !== "added") ||
    (event.kind === "decision" && event.change !== "added");
  // What the log says of guests and jobs, their own events say too.
  const echo = event.kind === "notice" && event.object.severity === "info" && ["vm", "job", "plan", "desktop"].includes(event.object.subject);
  if (quiet || echo || event.change === "removed") return;
  pool.activity.unshift(event);
  pool.activity.length = Math.min(pool.activity.length, ACTIVITY_MAX);
}

// Hosts' loads push the events of a quiet pool out of the controller's memory within minutes; its jobs and decisions stay.
function ofJob(job) {
  const way = job.migration ? ` ${job.migration.from} -> ${job.migration.to}` : "";
  return {revision: `job-${job.id}`, at: job.ended_at || job.created_at, kind: "job", name: String(job.id), object: job,
    summary: `${job.kind} ${job.vm}${way} ${job.state}`};
}

function ofDecision(decision) {
  return {revision: `decision-${decision.id}`, at: decision.at, kind: "decision", name: String(decision.id), object: decision,
    summary: decision.why};
}

// The events that the controller still has, what this page has seen before, and of older ones what the lists tell.
function recall(seen, events, jobs, decisions) {
  pool.activity = [];
  events.forEach(remember);
  const known = new Set(pool.activity.map((event) => event.revision));
  pool.activity.push(...seen.filter((event) => !known.has(event.revision)));
  const told = new Set(pool.activity.map((event) => `${event.kind} ${event.name}`));
  const listed = [...jobs.map(ofJob), ...decisions.map(ofDecision)].filter((event) => !told.has(`${event.kind} ${event.name}`));
  pool.activity = [...pool.activity, ...listed].sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0)).slice(0, ACTIVITY_MAX);
}

function apply(event) {
  const removed = event.change === "removed";
  if (event.kind === "load") {
    applyLoad(event.object, event.at);
    return ["hosts", "history", "loads"];
  }
  remember(event);
  if (event.kind === "vm") {
    if (removed) removeVm(event.name);
    else if (event.object) setVm(event.object);
    return ["vms", "activity"];
  }
  const part = maps[event.kind];
  if (!part) return ["activity"];
  const key = keys[event.kind] ? event.name : Number(event.name);
  if (removed) pool[part].delete(key);
  else if (event.object) pool[part].set(key, event.object);
  if (part === "jobs") trim(pool.jobs, ENDED_JOBS_MAX, isOpen);
  if (part === "decisions") trim(pool.decisions, DECISIONS_MAX);
  return [part, "activity"];
}

// ---- the loads of the time before ----

function addToHistory(name, cpu, memory, at) {
  const history = pool.history;
  if (!history) return;
  const step = Math.floor(at / 1000 / history.step);
  if (step > history.newest) {
    const passed = Math.min(step - history.newest, history.columns);
    for (const host of history.hosts.values()) {
      for (const series of [host.cpu, host.memory]) {
        for (let i = 0; i < passed; ++i) series.push(null);
        series.splice(0, Math.max(0, series.length - history.columns));
      }
      host.samples = 0;
    }
    history.newest = step;
  }
  if (!history.hosts.has(name)) history.hosts.set(name, {cpu: [null], memory: [null], samples: 0});
  const host = history.hosts.get(name);
  const last = host.cpu.length - 1;
  const mean = (before, value) => (before === null ? value : (before * host.samples + value) / (host.samples + 1));
  if (host.samples === 0 && host.cpu[last] !== null) host.samples = 1;
  host.cpu[last] = mean(host.cpu[last], cpu * 100);
  host.memory[last] = mean(host.memory[last], memory * 100);
  host.samples += 1;
}

export async function loadHistory(span) {
  const body = await get(`/v1/history?span=${span}`);
  const hosts = new Map(body.hosts.map((host) => {
    const series = {cpu: host.cpu_percent, memory: host.memory_percent, samples: 0};
    if (!series.cpu.length) Object.assign(series, {cpu: [null], memory: [null]});
    return [host.name, series];
  }));
  pool.span = span;
  pool.history = {
    step: body.step_seconds, columns: body.columns, newest: Date.parse(body.until) / 1000 / body.step_seconds - 1, hosts,
  };
  tell("history");
}

// ---- reading everything ----

const byKey = (items, key) => new Map(items.map((item) => [item[key], item]));

async function loadSessions() {
  try {
    pool.sessions = byKey(await list("/v1/sessions", "sessions"), "id");
    pool.mayReadSessions = true;
  } catch (problem) {
    if (!(problem instanceof Problem) || problem.status !== 403) throw problem;
    pool.mayReadSessions = false;
    pool.sessions = new Map();
  }
}

async function loadVms() {
  const vms = await list("/v1/vms", "vms");
  pool.vms = new Map();
  pool.vmNames = new Map();
  vms.forEach(setVm);
  tell("vms");
}

// What a glance needs comes first; guests, of which there may be thousands, last.
async function loadAll() {
  const [status, hosts, jobs, plans, decisions, pools, past] = await Promise.all([
    get("/v1/status"), list("/v1/hosts", "hosts"), get("/v1/jobs?limit=100"), get("/v1/plans?limit=5"),
    get(`/v1/decisions?limit=${DECISIONS_MAX}`), list("/v1/pools", "pools"), get(`/v1/events?kind=notice,job,plan,decision,session&limit=${ACTIVITY_MAX}`),
    loadHistory(pool.span), loadSessions(),
  ]);
  recall(pool.activity, past.events, jobs.jobs, decisions.decisions);
  pool.status = status;
  pool.hosts = byKey(hosts, "name");
  pool.jobs = byKey(jobs.jobs, "id");
  pool.plans = byKey(plans.plans, "id");
  pool.decisions = byKey(decisions.decisions, "id");
  pool.pools = byKey(pools, "name");
  trim(pool.jobs, ENDED_JOBS_MAX, isOpen);
  tell("status", "hosts", "jobs", "plans", "decisions", "pools", "sessions", "history", "activity");
  await loadVms();
}

// Follows the pool for ever. `say(state, detail)`: "connecting", "live" or "away"; `signIn()` gets a token from the user.
export async function follow(say, signIn) {
  let revision = 0;
  let failures = 0;
  for (;;) {
    try {
      await followOnce(revision, (at) => {
        revision = at;
        failures = 0;
      }, say);
    } catch (problem) {
      if (problem instanceof Problem && problem.status === 401) {
        revision = 0;
        await signIn(problem);
        continue;
      }
      if (problem instanceof Problem && problem.status === 403) revision = 0;
      say("away", problem instanceof Problem ? problem.message : "");
    }
    if (failures > 0) say("away", "");
    await new Promise((resume) => setTimeout(resume, RETRY_MS[Math.min(failures, RETRY_MS.length - 1)]));
    failures += 1;
  }
}

// One stream. Events that come while the lists are read are applied after them: the later word holds. Nothing counts as
// heard before the lists are there: when one cannot be read, the next stream begins where this one did.
async function followOnce(revision, heard, say) {
  let waiting = null;
  let failed = null;
  let latest = revision;
  const applyNow = (event) => tell(...new Set(apply(event)));
  const stream = readEvents(revision, (event, stop) => {
    latest = event.revision;
    if (event.kind === "hello" && revision !== 0) {
      say("live");
    } else if (event.kind === "hello" || event.kind === "reset") {
      waiting = [];
      loadAll().then(() => {
        const events = waiting;
        waiting = null;
        events.forEach(applyNow);
        heard(latest);
        say("live");
      }).catch((problem) => {
        failed = problem;
        stop();
      });
    } else if (waiting) {
      waiting.push(event);
    } else {
      applyNow(event);
    }
    if (!waiting) heard(latest);
  });
  await stream.catch((problem) => {
    throw failed || problem;
  });
}
