// All guests in a table that stands thousands: only the rows that are seen are in the page.

import {vmMenu} from "./actions.js";
import {byId, h, memory, painter, plural, setAttribute, setText} from "./dom.js";
import {on, pool} from "./store.js";

const ROW_PX = 30; // --row in base.css
const SPARE_ROWS = 6;

const byText = (pick) => (a, b) => String(pick(a) ?? "").localeCompare(String(pick(b) ?? ""), undefined, {numeric: true});
const byNumber = (pick) => (a, b) => pick(b) - pick(a);
const COLUMNS = [
  {id: "name", label: "Name", sort: byText((vm) => vm.name), text: (vm) => vm.name},
  {id: "host", label: "Host", sort: byText((vm) => vm.host), text: (vm) => vm.host || "–"},
  {id: "state", label: "State", sort: byText((vm) => vm.state), text: (vm) => vm.state},
  {id: "cpu", label: "CPU", sort: byNumber((vm) => vm.cpu_cores), text: (vm) => (vm.state === "unknown" ? "–" : vm.cpu_cores.toFixed(2)), number: true},
  {id: "memory", label: "Memory", sort: byNumber((vm) => vm.memory_mib), text: (vm) => memory(vm.memory_mib), number: true},
  {id: "vcpus", label: "vCPU", sort: byNumber((vm) => vm.vcpus), text: (vm) => String(vm.vcpus), number: true},
  {id: "note", label: "Now", sort: byText(note), text: note},
];

function note(vm) {
  if (vm.job) return `${vm.job.kind} ${jobPercent(vm.job.id, vm.job.percent)}%`;
  if (vm.duplicate) return "runs on two hosts";
  if (vm.desktop) return `${vm.desktop.pool}: ${vm.desktop.state}`;
  return vm.movable ? "" : "stays on its host";
}

const jobPercent = (id, percent) => pool.jobs.get(id)?.percent ?? percent;

const view = {sort: "name", down: false, words: [], state: "", shown: [], active: 0, order: ""};

function matches(vm) {
  if (view.state && vm.state !== view.state) return false;
  const text = `${vm.name} ${vm.host || ""} ${vm.state} ${vm.kind} ${vm.desktop?.pool || ""}`.toLowerCase();
  return view.words.every((word) => text.includes(word));
}

function choose() {
  const column = COLUMNS.find((each) => each.id === view.sort);
  const shown = [...pool.vms.values()].filter(matches).sort((a, b) => column.sort(a, b) || a.name.localeCompare(b.name));
  if (view.down) shown.reverse();
  view.shown = shown;
  view.active = Math.min(view.active, Math.max(0, shown.length - 1));
}

// ---- the page's side ----

const rows = []; // elements, reused as the table is scrolled

function createRow() {
  const cells = COLUMNS.map((column) => h(`span.${column.id}${column.number ? ".num" : ""}`, {role: "gridcell"}));
  const more = h("button.more", {type: "button", tabindex: -1, "aria-haspopup": "menu"}, "⋯");
  const element = h("div.row", {role: "row"}, ...cells, h("span.act", {role: "gridcell"}, more));
  const row = {element, cells, more, vm: null};
  more.addEventListener("click", () => row.vm && vmMenu(row.vm, more, byId("table")));
  element.addEventListener("click", (event) => {
    if (event.target === more) return;
    view.active = Number(element.getAttribute("aria-rowindex")) - 2;
    paintRows();
  });
  return row;
}

// Names that are alike differ at their ends: where one is cut, its end stays.
const TAIL = 6;
function setName(cell, name) {
  if (cell.textContent === name) return;
  cell.replaceChildren(h("span", {}, name.slice(0, -TAIL)), h("span", {}, name.slice(-TAIL)));
}

function fill(row, vm, index) {
  row.vm = vm;
  row.element.style.transform = `translateY(${index * ROW_PX}px)`;
  row.element.setAttribute("aria-rowindex", index + 2);
  row.element.classList.toggle("active", index === view.active);
  COLUMNS.forEach((column, i) => (column.id === "name" ? setName(row.cells[i], vm.name) : setText(row.cells[i], column.text(vm))));
  for (const i of [0, 1]) setAttribute(row.cells[i], "title", row.cells[i].textContent); // where it is cut
  row.cells[2].dataset.state = vm.state;
  row.element.title = vm.state_reason || "";
  row.more.setAttribute("aria-label", `Actions on ${vm.name}`);
}

// Which row is where the keyboard is, if it is in the page: elsewhere it has none to be named.
function nameActive(row) {
  for (const each of rows) each.element.id = each === row ? "active-guest" : "";
  if (row) byId("table").setAttribute("aria-activedescendant", "active-guest");
  else byId("table").removeAttribute("aria-activedescendant");
}

function paintRows() {
  const body = byId("guest-rows");
  const table = byId("table");
  body.style.height = `${view.shown.length * ROW_PX}px`;
  const first = Math.max(0, Math.floor(table.scrollTop / ROW_PX) - SPARE_ROWS);
  const last = Math.min(view.shown.length, first + Math.ceil(table.clientHeight / ROW_PX) + 2 * SPARE_ROWS);
  while (rows.length < last - first) {
    rows.push(createRow());
    body.append(rows[rows.length - 1].element);
  }
  for (const row of rows.splice(Math.max(0, last - first))) row.element.remove(); // hidden, it would still name a guest
  rows.forEach((row, i) => fill(row, view.shown[first + i], first + i));
  nameActive(view.active >= first && view.active < last ? rows[view.active - first] : null);
}

function scrollToActive() {
  const top = view.active * ROW_PX;
  const table = byId("table");
  if (top < table.scrollTop) table.scrollTop = top;
  if (top + 2 * ROW_PX > table.scrollTop + table.clientHeight) table.scrollTop = top + 2 * ROW_PX - table.clientHeight;
  paintRows();
}

function paint() {
  choose();
  const all = pool.vms.size;
  setText(byId("guests-count"), view.shown.length === all ? plural(all, "guest") : `${view.shown.length} of ${plural(all, "guest")}`);
  byId("table").setAttribute("aria-rowcount", view.shown.length + 1);
  byId("no-guests").hidden = view.shown.length !== 0;
  setText(byId("no-guests"), all ? "No guest matches the filter." : "No guests yet.");
  paintStates();
  paintRows();
}

function paintStates() {
  const states = [...new Set([...pool.vms.values()].map((vm) => vm.state))].sort();
  const select = byId("filter-state");
  if (states.join() === view.order) return;
  view.order = states.join();
  select.replaceChildren(h("option", {value: ""}, "any state"), ...states.map((state) => h("option", {value: state}, state)));
  select.value = states.includes(view.state) ? view.state : "";
  view.state = select.value;
}

function sortBy(id) {
  view.down = view.sort === id && !view.down;
  view.sort = id;
  for (const heading of byId("table").querySelectorAll("[role=columnheader] button")) {
    const mine = heading.dataset.column === id;
    heading.parentElement.setAttribute("aria-sort", !mine ? "none" : view.down ? "descending" : "ascending");
  }
  paint();
}

function onKey(event) {
  if (event.target !== byId("table")) return;
  const page = Math.floor(byId("table").clientHeight / ROW_PX) - 2;
  const steps = {ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity};
  if (event.key in steps) {
    view.active = Math.min(Math.max(view.active + steps[event.key], 0), Math.max(0, view.shown.length - 1));
    scrollToActive();
  } else if (event.key === "Enter" || event.key === " ") {
    scrollToActive();
    const row = rows.find((each) => each.element.id === "active-guest");
    if (row) vmMenu(row.vm, row.more, byId("table"));
  } else {
    return;
  }
  event.preventDefault();
}

export function startGuests() {
  const table = byId("table");
  table.append(
    h("div.row.headings", {role: "row", "aria-rowindex": 1}, ...COLUMNS.map((column) => h(`span.${column.id}${column.number ? ".num" : ""}`, {role: "columnheader", "aria-sort": column.id === view.sort ? "ascending" : "none"},
      h("button", {type: "button", "data-column": column.id, click: () => sortBy(column.id)}, column.label))), h("span.act", {role: "columnheader"}, h("span.hidden", {}, "Actions"))),
    h("div.rows", {id: "guest-rows", role: "rowgroup"}), h("p.empty", {id: "no-guests", hidden: true}));
  table.addEventListener("scroll", painter(paintRows));
  table.addEventListener("keydown", onKey);
  const repaint = painter(paint);
  byId("filter").addEventListener("input", (event) => {
    view.words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    table.scrollTop = 0;
    repaint();
  });
  byId("filter-state").addEventListener("change", (event) => {
    view.state = event.target.value;
    repaint();
  });
  addEventListener("resize", repaint);
  addEventListener("keydown", (event) => {
    const typing = ["INPUT", "SELECT", "TEXTAREA"].includes(event.target.tagName) || byId("dialog").open;
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    byId("filter").focus();
  });
  on("vms jobs", repaint);
  // A new load changes the order only where that is by CPU; a table that jumps under the pointer helps nobody.
  on("loads", painter(() => (view.sort === "cpu" && !table.matches(":hover") ? paint() : paintRows())));
}
