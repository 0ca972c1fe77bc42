// The page: starts its panels, follows the pool, and says how the connection is.

import {askToken, rebalance} from "./actions.js";
import {token} from "./api.js";
import {announce, byId, h, plural, setText} from "./dom.js";
import {isDark, startHosts} from "./hosts.js";
import {startGuests} from "./guests.js";
import {startPanels} from "./panels.js";
import {follow, isOpen, on, pool, tell} from "./store.js";

const THEME_KEY = "ballast-theme";

// Before its first sample a host looks idle.
function loadWords(up, hot, critical) {
  const percent = `${Math.round(critical * 100)}% CPU`;
  const measured = up.filter((host) => host.last_sample_at).length;
  if (hot.length) return [h("b.warn", {}, `${hot.map((host) => host.name).slice(0, 4).join(", ")}${hot.length > 4 ? "…" : ""} at or above ${percent}`)];
  return [measured < up.length ? `waits for samples: ${measured} of ${plural(up.length, "host")} measured` : `every host below ${percent}`];
}

function paintSentence() {
  if (!pool.status) return; // nothing is known yet
  const hosts = [...pool.hosts.values()];
  const up = hosts.filter((host) => host.state === "up");
  const critical = pool.status.balance.critical_load;
  const hot = up.filter((host) => host.cpu >= critical);
  const moving = [...pool.jobs.values()].filter((job) => job.kind === "migrate" && isOpen(job)).length;
  const bold = (text) => h("b", {}, text);
  const down = hosts.filter((host) => host.state === "down").map((host) => host.name);
  const parts = [bold(plural(hosts.length, "host")), up.length === hosts.length ? " up" : `, ${up.length} up`, " · ",
    ...(down.length ? [h("b.bad", {}, `${down.slice(0, 4).join(", ")}${down.length > 4 ? "…" : ""} down`), " · "] : []),
    bold(plural(hosts.reduce((sum, host) => sum + host.vms, 0), "guest"))];
  if (!hosts.length) parts.splice(0, parts.length, "No host has reported yet: ballast-agent in its dom0 does");
  if (up.length) parts.push(" · ", ...loadWords(up, hot, critical));
  if (moving) parts.push(" · ", bold(`${plural(moving, "guest")} on the move`));
  byId("sentence").replaceChildren(...parts);
  document.title = hot.length ? `${hot.length} hot – Ballast` : "Ballast";
}

const LINK_WORDS = {connecting: "connecting", live: "live", away: "no connection"};
let awaySince = null;

function say(state, detail = "") {
  byId("link-state").dataset.state = state;
  setText(byId("link-state").querySelector("span"), LINK_WORDS[state]);
  const away = byId("away");
  byId("rebalance").disabled = state !== "live";
  byId("sign-out").hidden = token.get() === "";
  if (state === "live") {
    if (awaySince) announce("The controller is back");
    awaySince = null;
    away.hidden = true;
  } else if (state === "away") {
    awaySince ??= new Date();
    away.hidden = false;
    away.replaceChildren(h("b", {}, "The controller does not answer"), ` since ${awaySince.toLocaleTimeString([], {hour12: false})}. What is shown is from then; hosts and guests run on. Trying again by itself. ${detail}`);
  }
}

async function signIn(problem) {
  const had = token.get() !== "";
  token.forget();
  say("connecting");
  token.set(await askToken(problem, had));
}

function startTheme() {
  const stored = localStorage.getItem(THEME_KEY);
  if (stored) document.documentElement.dataset.theme = stored;
  byId("theme").addEventListener("click", () => {
    const next = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    localStorage.setItem(THEME_KEY, next);
    tell("theme");
  });
}

function startAnnouncements() {
  const down = new Set();
  on("hosts", () => {
    for (const host of pool.hosts.values()) {
      const is = host.state === "down";
      if (is && !down.has(host.name)) announce(`${host.name} is down`);
      if (is) down.add(host.name);
      else down.delete(host.name);
    }
  });
}

startTheme();
startHosts();
startPanels();
startGuests();
startAnnouncements();
on("hosts jobs status", paintSentence);
byId("rebalance").addEventListener("click", rebalance);
byId("sign-out").addEventListener("click", () => {
  token.forget();
  location.reload();
});
follow(say, signIn);
