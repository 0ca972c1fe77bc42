// Hosts x time: a strip of CPU and memory for each host, its present load, and migrations as arrows beside them.

import {calm, h, keyed, memory, painter, percent, plural, setAttribute, setText, svg, byId} from "./dom.js";
import {isOpen, loadHistory, on, pool} from "./store.js";
import {hostMenu} from "./actions.js";

// One ramp for both: calm below, warm from the load on that counts as too much. [share, light theme, dark theme]
const RAMP = [
  [0, [233, 240, 240], [19, 35, 42]],
  [0.3, [172, 216, 211], [24, 78, 84]],
  [0.6, [82, 168, 163], [47, 143, 137]],
  [0.79, [28, 118, 120], [126, 203, 176]],
  [0.8, [240, 173, 60], [240, 180, 70]],
  [0.9, [226, 110, 44], [238, 122, 60]],
  [1, [190, 38, 32], [255, 84, 72]],
];
const STRIP_CPU_ROWS = 3; // of the canvas; memory has one below
const shown = {columns: 240, chosen: false}; // of the history

export const isDark = () => {
  const theme = document.documentElement.dataset.theme;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};

export function colour(share) {
  const theme = isDark() ? 2 : 1;
  const value = Math.min(Math.max(share, 0), 1);
  const upper = Math.max(1, RAMP.findIndex((stop) => stop[0] >= value));
  const [from, to] = [RAMP[upper - 1], RAMP[upper]];
  const part = (value - from[0]) / (to[0] - from[0]);
  return from[theme].map((channel, i) => Math.round(channel + (to[theme][i] - channel) * part));
}

function drawStrip(canvas, series, columns) {
  const context = canvas.getContext("2d");
  const rows = STRIP_CPU_ROWS + 1;
  if (canvas.width !== columns) canvas.width = columns;
  const image = context.createImageData(columns, rows);
  const put = (column, row, value) => {
    if (value === null || value === undefined) return;
    const [r, g, b] = colour(value / 100);
    image.data.set([r, g, b, 255], (row * columns + column) * 4);
  };
  const from = Math.max(0, series.cpu.length - columns);
  const first = columns - series.cpu.length;
  for (let i = from; i < series.cpu.length; ++i) {
    for (let row = 0; row < STRIP_CPU_ROWS; ++row) put(first + i, row, series.cpu[i]);
    put(first + i, STRIP_CPU_ROWS, series.memory[i]);
  }
  context.putImageData(image, 0, 0);
}

const loadClass = (share) => (share >= 0.9 ? "bad" : share >= 0.8 ? "warn" : "");

function createRow(host) {
  const canvas = h("canvas.strip", {width: 240, height: STRIP_CPU_ROWS + 1, role: "img"});
  const name = h("b");
  const chip = h("span.chip");
  const vms = h("span.faint.count");
  const cpu = h("span.load");
  const mem = h("span.load.faint");
  const more = h("button.more", {type: "button", "aria-haspopup": "menu"}, "⋯");
  const row = h("div.lane", {role: "listitem"}, h("div.who", {}, name, chip), canvas, cpu, mem, vms, more);
  let current = host;
  more.addEventListener("click", () => hostMenu(current, more));
  row.update = (now) => {
    current = now;
    setText(name, now.name);
    setText(chip, now.state);
    setAttribute(chip, "data-state", now.state);
    chip.hidden = now.state === "up";
    setAttribute(row, "title", now.state_reason || "");
    setAttribute(name, "title", now.name); // where it is cut
    const gone = now.state === "down"; // its load is of when it was last heard of
    const [cpuNow, memNow] = gone ? [null, null] : [now.cpu, now.memory];
    setText(vms, plural(now.vms, "guest"));
    setText(cpu, percent(cpuNow));
    setText(mem, percent(memNow));
    cpu.className = `load ${loadClass(cpuNow)}`;
    setAttribute(mem, "title", gone ? "" : `${memory(now.memory_used_mib)} of ${memory(now.memory_mib)} given to guests`);
    setAttribute(more, "aria-label", `Actions on ${now.name}`);
    const series = pool.history?.hosts.get(now.name);
    setAttribute(canvas, "aria-label", `${now.name}: ${gone ? "down" : `CPU ${percent(now.cpu)}, memory ${percent(now.memory)}`}`);
    if (series) drawStrip(canvas, series, shown.columns);
  };
  return row;
}

// ---- arrows ----

const LABEL_PX = 13; // what is written of one takes so much

// `labels`: the heights at which others have written already.
function arrow(job, rows, gutter, order, labels) {
  const from = rows.get(job.migration.from);
  const to = rows.get(job.migration.to);
  if (!from || !to) return null;
  const y = (row) => row.offsetTop + row.offsetHeight / 2;
  const [y1, y2] = [y(from), y(to)];
  const bulge = Math.min(gutter - 14, 26 + order * 15 + Math.abs(y2 - y1) * 0.12);
  const path = `M2 ${y1} C ${bulge} ${y1}, ${bulge} ${y2}, 9 ${y2}`;
  const group = svg("g", {class: "arrow", "data-job": job.id});
  const done = svg("path", {d: path, class: "done", pathLength: 100, "stroke-dasharray": `${Math.max(job.percent, 2)} 100`});
  const title = svg("title");
  title.textContent = `${job.vm}: ${job.migration.from} to ${job.migration.to}, ${job.percent}%`;
  group.append(svg("path", {d: path, class: "way"}), done,
    svg("path", {d: `M9 ${y2 - 4} L2 ${y2} L9 ${y2 + 4} z`, class: "head"}), title);
  if (!calm()) {
    const dot = svg("circle", {r: 2.6, class: "dot"});
    dot.append(svg("animateMotion", {dur: "1.8s", repeatCount: "indefinite", path}));
    group.append(dot);
  }
  if (gutter > 90) {
    let at = (y1 + y2) / 2 + 4;
    for (const taken of labels.sort((a, b) => a - b)) if (Math.abs(taken - at) < LABEL_PX) at = taken + LABEL_PX;
    labels.push(at);
    const text = svg("text", {x: bulge * 0.75 + 8, y: at});
    text.textContent = job.vm;
    group.append(text);
  }
  return group;
}

let drawnArrows = "";

function paintArrows() {
  const overlay = byId("arrows");
  if (!overlay) return;
  const jobs = [...pool.jobs.values()].filter((job) => job.kind === "migrate" && isOpen(job));
  const rows = new Map([...byId("host-rows").children].map((row) => [row.dataset.key, row]));
  const gutter = overlay.clientWidth;
  const height = byId("host-rows").offsetHeight;
  const said = JSON.stringify([gutter, height, [...rows.keys()], jobs.map((job) => [job.id, job.percent])]);
  if (said === drawnArrows) return; // a dot on its way is not to start again
  drawnArrows = said;
  setAttribute(overlay, "viewBox", `0 0 ${gutter} ${height}`);
  overlay.style.height = `${height}px`;
  const labels = [];
  overlay.replaceChildren(...jobs.map((job, i) => arrow(job, rows, gutter, i, labels)).filter(Boolean));
}

// ---- the imbalance over time ----

const deviation = (values) => {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
};

function spread(history, what) {
  const out = [];
  for (let column = shown.columns - 1; column >= 0; --column) {
    const values = [];
    for (const host of history.hosts.values()) {
      const value = host[what][host[what].length - 1 - column];
      if (value !== null && value !== undefined) values.push(value);
    }
    out.push(values.length > 1 ? deviation(values) : null);
  }
  return out;
}

// A line through the values; it ends where there are none.
function line(values, top, height) {
  let path = "";
  let pen = false;
  values.forEach((value, x) => {
    if (value === null) pen = false;
    else {
      path += `${pen ? "L" : "M"}${x + 0.5} ${(height - (value / top) * height).toFixed(2)}`;
      pen = true;
    }
  });
  return path;
}

function paintImbalance() {
  const history = pool.history;
  if (!history) return;
  const cpu = spread(history, "cpu");
  const mem = spread(history, "memory");
  const top = Math.max(10, ...cpu, ...mem) * 1.1;
  const height = 40;
  const chart = byId("imbalance").querySelector("svg");
  setAttribute(chart, "viewBox", `0 0 ${shown.columns} ${height}`);
  chart.replaceChildren(svg("path", {d: line(mem, top, height), class: "memory"}), svg("path", {d: line(cpu, top, height), class: "cpu"}));
  const now = (values) => (values[values.length - 1] === null ? "–" : `${values[values.length - 1].toFixed(1)}`);
  setText(byId("imbalance-cpu"), now(cpu));
  setText(byId("imbalance-memory"), now(mem));
  setAttribute(chart, "aria-label", `Imbalance over time: CPU ${now(cpu)}, memory ${now(mem)} percentage points`);
}

function paintLegend() {
  const gradient = h("canvas", {width: 100, height: 1});
  const context = gradient.getContext("2d");
  for (let x = 0; x < 100; ++x) {
    context.fillStyle = `rgb(${colour(x / 100).join(" ")})`;
    context.fillRect(x, 0, 1, 1);
  }
  byId("legend").replaceChildren("CPU over memory", gradient, "0–100%");
}

export function startHosts() {
  byId("hosts").append(
    h("div.lane.headings", {"aria-hidden": "true"}, h("span", {}, ""), h("span.axis", {}, h("i", {id: "axis"}), h("i", {}, "now")),
      h("span.load", {}, "CPU"), h("span.load", {}, "mem"), h("span.count", {}, "")),
    h("div.host-area", {}, h("div", {id: "host-rows", role: "list", "aria-label": "Hosts"}), svg("svg", {id: "arrows", "aria-hidden": "true"})));
  byId("imbalance").append(
    h("div.who", {title: "Standard deviation of the hosts' loads, percentage points"}, h("b", {}, "Imbalance"),
      h("span.key", {}, h("i.cpu"), "CPU ", h("b", {id: "imbalance-cpu"})), h("span.key", {}, h("i.memory"), "mem ", h("b", {id: "imbalance-memory"}))),
    svg("svg", {viewBox: "0 0 240 40", preserveAspectRatio: "none", role: "img"}));
  const paint = painter(() => {
    const hosts = [...pool.hosts.values()].sort((a, b) => a.name.localeCompare(b.name, undefined, {numeric: true}));
    byId("hosts").classList.toggle("many", hosts.length > 24);
    keyed(byId("host-rows"), hosts, (host) => host.name, createRow);
    setText(byId("axis"), {60: "15 min ago", 240: pool.span === "hour" ? "1 h ago" : "24 h ago"}[shown.columns]);
    paintArrows();
    paintImbalance();
  });
  const repaint = () => {
    drawnArrows = "";
    paintLegend();
    paint();
  };
  on("hosts history", paint);
  on("jobs", painter(paintArrows));
  on("theme", repaint);
  addEventListener("resize", paint);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  const buttons = [...document.querySelectorAll("[data-span]")];
  const press = (pressed) => {
    shown.columns = Number(pressed.dataset.columns);
    for (const each of buttons) setAttribute(each, "aria-pressed", String(each === pressed));
    paint();
  };
  for (const button of buttons) {
    button.addEventListener("click", () => loadHistory(button.dataset.span).then(() => press(button), () => {}));
  }
  on("history", () => {
    if (shown.chosen || !pool.history) return;
    shown.chosen = true; // where the past is short, what there is of it fills the strips
    const longest = Math.max(...[...pool.history.hosts.values()].map((host) => host.cpu.length), 0);
    if (longest <= 60) press(buttons[0]);
  });
  paintLegend();
}
