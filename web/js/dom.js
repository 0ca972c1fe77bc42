// Small helpers around the DOM. Text always goes in as text: names come from foreign machines.

export const byId = (id) => document.getElementById(id);

// h("li.job", {title: "…"}, "text", child): an element with attributes and children. Attributes that are null or false
// are left out; functions are listeners.
export function h(what, attributes = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  const element = document.createElement(tag || "div");
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

// Makes the children of `container` the elements for `items`, in their order, keeping those that are there already:
// focus and what a reader was told stay. `create(item)` returns an element with an `update(item)` property.
export function keyed(container, items, keyOf, create) {
  const focused = container.contains(document.activeElement) ? document.activeElement : null;
  const wanted = new Set(items.map((item) => String(keyOf(item))));
  const known = new Map();
  for (const child of [...container.children]) {
    if (wanted.has(child.dataset.key)) known.set(child.dataset.key, child);
    else child.remove();
  }
  let at = container.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    let element = known.get(key);
    if (!element) {
      element = create(item);
      element.dataset.key = key;
    }
    element.update(item);
    if (element === at) at = at.nextElementSibling;
    else container.insertBefore(element, at);
  }
  if (focused !== document.activeElement) focused?.focus(); // an element that is moved loses it
}

// Runs `paint` once before the next frame, however often it is asked for.
export function painter(paint) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      paint();
    });
  };
}

export const percent = (share) => (share === null || share === undefined ? "–" : `${Math.round(share * 100)}%`);
export const plural = (count, word, words = `${word}s`) => `${count} ${count === 1 ? word : words}`;
export const clock = (time) => new Date(time).toLocaleTimeString([], {hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false});

export function memory(mib) {
  return mib >= 10240 ? `${Math.round(mib / 1024)} GiB` : mib >= 1024 ? `${(mib / 1024).toFixed(1)} GiB` : `${mib} MiB`;
}

export function ago(time, now = Date.now()) {
  const seconds = Math.max(0, (now - Date.parse(time)) / 1000);
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 86400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86400)} d`;
}

export function seconds(ms) {
  return ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`;
}

export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

export function announce(text) {
  byId("announce").textContent = text;
}
