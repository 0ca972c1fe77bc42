// The dashboard in a real browser: node dashboard.mjs URL TOKEN CHROMIUM.
//
// Prints a line for each scenario ("ok NAME" or "failed NAME: why"). Says "controller kill" and "controller start" when it wants
// its parent to do so, and waits for "done" on standard input.

import assert from "node:assert/strict";
import readline from "node:readline";
import {chromium} from "playwright-core";

const [base, token, executablePath] = process.argv.slice(2);
const TRANSFER_BYTES_MAX = 100 * 1024;
const FILES_MAX = 12; // besides the page itself
const BLOCKING_FILES = 2; // its two style sheets
const PATIENCE_MS = 60000; // for a machine that has much else to do

const input = readline.createInterface({input: process.stdin})[Symbol.asyncIterator]();

async function parent(command) {
  console.log(`controller ${command}`);
  await input.next();
}

async function api(method, path, body) {
  const answer = await fetch(base + path, {method, body: body && JSON.stringify(body), headers: {Authorization: `Bearer ${token}`}});
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  return answer.json();
}

// A page that fails its scenario when the browser complains of anything not in `allowed`.
async function open(browser, {signedIn = true, allowed = /^$/, prepare, ...options} = {}) {
  const context = await browser.newContext({viewport: {width: 1280, height: 900}, ...options});
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => message.type() === "error" && !allowed.test(message.text()) && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.stack));
  if (signedIn) await page.addInitScript((value) => sessionStorage.setItem("ballast-token", value), token);
  if (prepare) await prepare(page);
  await page.goto(base);
  const finish = async () => {
    await context.close();
    assert.deepEqual(complaints, [], "the browser complained");
  };
  return {page, finish};
}

// What was asked for before this is painted.
const frames = (page) => page.evaluate(() => new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted))));
const live = (page) => page.locator('#link-state[data-state="live"]').waitFor();
const guest = (page, name) => page.locator("#guest-rows .row", {has: page.getByText(name, {exact: true})});

const scenarios = {
  async "shows the pool with nothing to complain of"(browser) {
    const {page, finish} = await open(browser);
    await live(page);
    await page.locator("#host-rows [data-key=h2]").waitFor();
    await guest(page, "vm1-01").waitFor();
    assert.match(await page.locator("#sentence").innerText(), /2 hosts up · 8 guests/);
    await finish();
  },

  async "loads again what could not be loaded at first"(browser) {
    let refused = 0;
    const prepare = (page) => page.route("**/v1/decisions*", (route) => {
      refused += 1;
      return refused === 1 ? route.fulfill({status: 503, contentType: "application/problem+json", body: "{}"}) : route.continue();
    });
    const {page, finish} = await open(browser, {prepare, allowed: /503/});
    await live(page);
    await guest(page, "vm1-01").waitFor();
    assert.ok(refused > 1);
    await finish();
  },

  async "transfers little before it is there, and waits for nothing to paint"(browser) {
    let bytes = 0;
    let answer = null; // what the page asks of the controller waits for this
    const painted = new Promise((resolve) => { answer = resolve; });
    const {page, finish} = await open(browser, {prepare: async (fresh) => {
      const session = await fresh.context().newCDPSession(fresh);
      await session.send("Network.enable");
      session.on("Network.dataReceived", (event) => { bytes += event.encodedDataLength; });
      session.on("Network.responseReceived", (event) => { bytes += event.response.encodedDataLength; });
      await fresh.route("**/v1/**", (route) => painted.then(() => route.continue()));
    }});
    await page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length > 0);
    answer();
    await live(page);
    await guest(page, "vm1-01").waitFor();
    assert.ok(bytes > 1000 && bytes <= TRANSFER_BYTES_MAX, `${bytes} bytes were transferred`);
    const files = await page.evaluate(() => performance.getEntriesByType("resource").filter((entry) => !entry.name.includes("/v1/"))
      .map((entry) => ({name: entry.name, blocking: entry.renderBlockingStatus === "blocking"})));
    assert.ok(files.length <= FILES_MAX, `${files.length} files were asked for`);
    assert.equal(files.filter((file) => file.blocking).length, BLOCKING_FILES, "files that paint waits for");
    await finish();
  },

  async "lets nobody in without a token"(browser) {
    const {page, finish} = await open(browser, {signedIn: false, allowed: /status of 401/});
    const field = page.getByLabel("Token");
    await field.waitFor();
    assert.equal(await page.locator("#host-rows > *").count(), 0);
    for (let i = 0; i < 3; ++i) await field.press("Escape"); // a browser lets a page refuse the first only
    await field.fill("x".repeat(43));
    await field.press("Enter");
    await page.getByRole("alert").filter({hasText: "token"}).waitFor();
    await page.getByLabel("Token").fill(token);
    await page.getByLabel("Token").press("Enter");
    await live(page);
    await page.locator("#host-rows [data-key=h1]").waitFor();
    assert.equal(await page.evaluate(() => Object.keys(localStorage).length + document.cookie.length), 0);
    await finish();
  },

  async "shows a live migration as it happens"(browser) {
    const {page, finish} = await open(browser);
    await live(page);
    await guest(page, "vm1-02").locator(".host", {hasText: "h1"}).waitFor();
    const job = await api("POST", "/v1/vms/vm1-02:migrate", {to: "h2"});
    // By mutation, not by looking now and then: the arrow is there as long as the job is.
    await page.locator(`#jobs [data-key="${job.id}"]`).waitFor();
    await guest(page, "vm1-02").locator(".host", {hasText: "h2"}).waitFor();
    await page.locator(`#jobs [data-key="${job.id}"][data-state=succeeded]`).waitFor();
    assert.ok(await page.evaluate((id) => globalThis.arrowsSeen.includes(String(id)), job.id), "an arrow was drawn");
    assert.equal(await page.locator("#arrows [data-job]").count(), 0);
    await finish();
  },

  async "drains a host and lets guests in again"(browser) {
    const {page, finish} = await open(browser);
    await live(page);
    await page.getByLabel("Actions on h1").click();
    await page.getByRole("menuitem", {name: "Drain…"}).click();
    await page.getByRole("dialog").getByText("It can be done").waitFor();
    await page.getByRole("dialog").getByRole("button", {name: "Drain", exact: true}).click();
    await page.locator('#host-rows [data-key=h1] .chip[data-state="draining"]').waitFor();
    await page.locator("#host-rows [data-key=h1]").getByText("0 guests").waitFor();
    await page.getByLabel("Actions on h1").click();
    await page.getByRole("menuitem", {name: "Uncordon…"}).click();
    await page.getByRole("dialog").getByRole("button", {name: "Uncordon", exact: true}).click();
    await page.locator("#host-rows [data-key=h1] .chip").waitFor({state: "hidden"});
    await finish();
  },

  async "asks for the name before it destroys a guest"(browser) {
    const {page, finish} = await open(browser);
    await live(page);
    await page.getByLabel("Actions on vm2-01").click();
    await page.getByRole("menuitem", {name: "Destroy…"}).click();
    const button = page.getByRole("dialog").getByRole("button", {name: "Destroy"});
    await page.getByRole("dialog").getByText("It can be done").waitFor();
    assert.ok(await button.isDisabled());
    await page.getByLabel("Type vm2-01 to confirm").fill("vm2-0");
    assert.ok(await button.isDisabled());
    await page.getByLabel("Type vm2-01 to confirm").fill("vm2-01");
    assert.ok(await button.isEnabled());
    await page.getByRole("dialog").getByRole("button", {name: "Cancel"}).click();
    assert.equal((await api("GET", "/v1/vms/vm2-01")).state, "running");
    await finish();
  },

  async "shows a plan before it is applied"(browser) {
    const {page, finish} = await open(browser);
    await live(page);
    await page.getByRole("button", {name: "Rebalance…"}).click();
    await page.getByRole("dialog").getByText("CPU now").waitFor();
    await page.getByRole("dialog").getByRole("button", {name: "Leave it"}).click();
    await page.getByRole("dialog").waitFor({state: "hidden"});
    await finish();
  },

  async "leaves a plan alone that may be under way"(browser) {
    const cancelled = [];
    let answer = null;
    const {page, finish} = await open(browser, {prepare: async (fresh) => {
      const plan = {id: 77, state: "ready", conclusion: "One move.", rejected: [], moves: [{vm: "vm1-01", from: "h1", to: "h2", memory_mib: 256, why: "so"}]};
      const held = new Promise((resolve) => { answer = resolve; });
      await fresh.route("**/v1/plans", (route) => route.fulfill({json: plan}));
      await fresh.route("**/v1/plans/*:apply", (route) => held.then(() => route.fulfill({json: plan})));
      await fresh.route("**/v1/plans/*:cancel", (route) => {
        cancelled.push(route.request().url());
        return route.fulfill({json: plan});
      });
    }});
    await live(page);
    const dialog = page.getByRole("dialog");
    await page.getByRole("button", {name: "Rebalance…"}).click();
    await dialog.getByRole("button", {name: "Leave it"}).click();
    while (cancelled.length === 0) await frames(page); // one that was only looked at is dropped
    await page.getByRole("button", {name: "Rebalance…"}).click();
    await dialog.getByRole("button", {name: "Apply 1 move"}).click();
    await page.keyboard.press("Escape");
    await dialog.waitFor({state: "hidden"});
    answer();
    await page.locator("#announce", {hasText: "Plan 77 is being applied"}).waitFor({state: "attached"});
    await frames(page);
    assert.equal(cancelled.length, 1);
    await finish();
  },

  async "shows the last question's answer, not the last answer"(browser) {
    let answerFirst = null;
    const {page, finish} = await open(browser, {allowed: /409/, prepare: async (fresh) => {
      const held = new Promise((resolve) => { answerFirst = resolve; });
      await fresh.route("**/v1/vms/*:migrate?dry_run=true", async (route) => {
        if (route.request().postDataJSON().to) {
          await route.fulfill({status: 409, contentType: "application/problem+json", json: {title: "Refused", detail: "not there"}});
        } else {
          await held;
          await route.fulfill({json: {decision: "granted", detail: "anywhere"}});
        }
      });
    }});
    await live(page);
    const dialog = page.getByRole("dialog");
    await page.getByLabel("Actions on vm2-02").click();
    await page.getByRole("menuitem", {name: "Move…"}).click();
    await dialog.getByLabel("To").selectOption("h1");
    await dialog.getByText("not there").waitFor();
    const late = page.waitForResponse((response) => response.url().includes("dry_run") && response.status() === 200);
    answerFirst();
    await (await late).finished();
    await frames(page);
    assert.ok(await dialog.getByText("not there").isVisible());
    assert.ok(await dialog.getByRole("button", {name: "Move"}).isDisabled());
    await finish();
  },

  async "leaves the focus where it is when it paints"(browser) {
    const plan = (id) => ({id, state: "done", conclusion: "One move.", rejected: [], moves: [{vm: "vm1-01", from: "h1", to: "h2", memory_mib: 256, why: "so", state: "succeeded"}]});
    const {page, finish} = await open(browser, {prepare: (fresh) => fresh.route("**/v1/plans?*", (route) => route.fulfill({json: {plans: [plan(77)]}}))});
    await live(page);
    const summary = page.locator("#balance summary").first();
    await summary.click();
    await page.evaluate(async () => {
      const store = await import("/js/store.js");
      store.pool.plans.get(77).moves[0].state = "failed";
      store.tell("plans");
    });
    await page.locator('#balance .moves [data-state="failed"]').waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.textContent), await summary.textContent());
    assert.ok(await page.locator("#balance details").first().getAttribute("open") !== null);
    await finish();
  },

  async "shows no load of a host that is down, and says which it is"(browser) {
    const without = async (route) => {
      const answer = await route.fetch();
      const [h1, h2] = (await answer.json()).hosts;
      const down = {...h2, name: "rack07-in-the-far-corner.example", uuid: "00000000-0000-4000-8000-000000000003", state: "down", cpu: 0.97, state_reason: "gone"};
      await route.fulfill({json: {hosts: [h1, h2, down]}});
    };
    const {page, finish} = await open(browser, {prepare: (fresh) => fresh.route("**/v1/hosts?*", without)});
    await live(page);
    await page.locator("#sentence b.bad", {hasText: "rack07-in-the-far-corner.example down"}).waitFor();
    assert.doesNotMatch(await page.locator("#sentence").innerText(), /at or above/);
    const row = page.locator('#host-rows [data-key="rack07-in-the-far-corner.example"]');
    assert.deepEqual(await row.locator(".load").allInnerTexts(), ["–", "–"]);
    assert.equal(await row.locator("b").getAttribute("title"), "rack07-in-the-far-corner.example");
    await finish();
  },

  async "keeps the ends of names that it has to cut"(browser) {
    const {page, finish} = await open(browser, {viewport: {width: 400, height: 800}, prepare: (fresh) => fresh.route("**/v1/vms?*", async (route) => {
      const model = await api("GET", "/v1/vms/vm2-01");
      const vms = [1, 2].map((i) => ({...model, name: `database-production-replica-of-the-archive-${i}`, uuid: `00000000-0000-4000-8000-00000000000${i}`}));
      await route.fulfill({json: {vms}});
    })});
    const name = guest(page, "database-production-replica-of-the-archive-2").locator(".name");
    await name.waitFor();
    const end = name.locator("span").last();
    assert.equal(await end.innerText(), "hive-2");
    assert.ok(await end.evaluate((element) => element.getBoundingClientRect().right <= element.parentElement.getBoundingClientRect().right + 1), "it is seen");
    await finish();
  },

  async "says so when no host is known"(browser) {
    const {page, finish} = await open(browser, {prepare: (fresh) => fresh.route("**/v1/hosts?*", (route) => route.fulfill({json: {hosts: []}}))});
    await live(page);
    assert.match(await page.locator("#sentence").innerText(), /^No host has reported yet/);
    await finish();
  },

  async "says that it waits for samples until each host has been measured"(browser) {
    const unmeasured = (host) => ({...host, last_sample_at: null});
    // Of h2 the next event tells a sample; of h3, which is not there, none will.
    const lacking = async (route) => {
      const answer = await route.fetch();
      const [h1, h2] = (await answer.json()).hosts;
      await route.fulfill({json: {hosts: [h1, unmeasured(h2), {...unmeasured(h2), name: "h3", uuid: "00000000-0000-4000-8000-000000000003"}]}});
    };
    const {page, finish} = await open(browser, {prepare: (fresh) => fresh.route("**/v1/hosts?*", lacking)});
    await page.locator("#sentence", {hasText: "waits for samples: 2 of 3 hosts measured"}).waitFor();
    await page.evaluate(async () => {
      const store = await import("/js/store.js");
      store.pool.hosts.get("h3").last_sample_at = new Date().toISOString();
      store.tell("hosts");
    });
    await page.locator("#sentence", {hasText: "every host below"}).waitFor();
    await finish();
  },

  async "closes a menu when what it belongs to is scrolled away, and not before"(browser) {
    const {page, finish} = await open(browser, {viewport: {width: 400, height: 500}});
    await live(page);
    await guest(page, "vm2-01").waitFor();
    const menu = page.getByRole("menu", {name: "vm2-01"});
    // The scroll event comes a frame after what was opened in the meantime.
    await page.evaluate(() => {
      const button = document.querySelector('[aria-label="Actions on vm2-01"]');
      button.scrollIntoView({block: "center"});
      button.click();
    });
    await frames(page);
    await frames(page);
    assert.ok(await menu.isVisible(), "the scrolling before it does not close it");
    await page.evaluate(() => scrollBy(0, -60));
    await menu.waitFor({state: "hidden"});
    await finish();
  },

  async "is worked with the keyboard"(browser) {
    const {page, finish} = await open(browser);
    await live(page);
    await guest(page, "vm1-01").waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("vm2");
    await page.locator("#guests-count", {hasText: "4 of 8 guests"}).waitFor();
    await page.locator("#table").focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.getByRole("menu", {name: "vm2-02"}).waitFor();
    assert.deepEqual(await page.locator("#menu > :not([role=menuitem]):not([aria-hidden])").all(), [], "nothing else is in a menu");
    await page.keyboard.press("Escape");
    await page.locator("#menu").waitFor({state: "hidden"});
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.getByRole("menu", {name: "vm2-03"}).waitFor();
    await page.keyboard.press("Escape");
    await finish();
  },

  async "stands two thousand guests"(browser) {
    const {page, finish} = await open(browser, {prepare: (fresh) => fresh.route("**/v1/vms?*", async (route) => {
      const model = await api("GET", "/v1/vms/vm2-01");
      const vms = Array.from({length: 2000}, (_, i) => ({...model, name: `guest-${String(i).padStart(4, "0")}`, host: `h${i % 2 + 1}`,
        uuid: `00000000-0000-0000-0000-${String(i).padStart(12, "0")}`}));
      await route.fulfill({json: {vms}});
    })});
    await page.locator("#guests-count", {hasText: "2000 guests"}).waitFor();
    assert.ok(await page.locator("#guest-rows .row").count() < 60, "only what is seen is in the page");
    await page.locator("#table").focus();
    await page.keyboard.press("End");
    await guest(page, "guest-1999").waitFor();
    const named = () => page.evaluate(() => {
      const id = document.getElementById("table").getAttribute("aria-activedescendant");
      return id === null ? "nothing" : document.getElementById(id)?.hidden === false ? "a row" : "a row that is not there";
    });
    assert.equal(await named(), "a row");
    await page.evaluate(() => { document.getElementById("table").scrollTop = 0; });
    await guest(page, "guest-0000").waitFor();
    assert.equal(await named(), "nothing");
    await page.keyboard.press("Enter");
    await page.getByRole("menu", {name: "guest-1999"}).waitFor();
    await frames(page);
    assert.ok(await page.getByRole("menu", {name: "guest-1999"}).isVisible(), "what was scrolled to open it has not closed it");
    await page.keyboard.press("Escape");
    await page.locator("#filter").fill("guest-12 h1");
    await page.locator("#guests-count", {hasText: "50 of 2000 guests"}).waitFor();
    await guest(page, "guest-1200").waitFor();
    await finish();
  },

  async "fits a small screen in light and dark"(browser) {
    for (const colorScheme of ["light", "dark"]) {
      const {page, finish} = await open(browser, {viewport: {width: 360, height: 740}, colorScheme});
      await live(page);
      await guest(page, "vm1-01").waitFor();
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
      await page.getByRole("button", {name: "Rebalance…"}).click();
      await page.getByRole("dialog").getByText("CPU now").waitFor();
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
      await page.getByRole("dialog").getByRole("button", {name: "Leave it"}).click();
      await finish();
    }
  },

  async "says that the controller is away, and recovers"(browser) {
    const {page, finish} = await open(browser, {allowed: /ERR_|Failed to load resource/});
    await live(page);
    await parent("kill");
    await page.locator("#away", {hasText: "does not answer"}).waitFor();
    assert.ok(await page.getByRole("button", {name: "Rebalance…"}).isDisabled());
    await parent("start");
    await page.locator("#away").waitFor({state: "hidden"});
    await page.locator("#sentence", {hasText: "2 hosts up · 8 guests"}).waitFor();
    await finish();
  },
};

// Remembers every arrow that was ever drawn.
const watchArrows = () => {
  globalThis.arrowsSeen = [];
  new MutationObserver(() => {
    for (const arrow of document.querySelectorAll("[data-job]")) globalThis.arrowsSeen.push(arrow.dataset.job);
  }).observe(document, {childList: true, subtree: true});
};

const browser = await chromium.launch({executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]});
const newContext = browser.newContext.bind(browser);
browser.newContext = async (options) => {
  const context = await newContext(options);
  await context.addInitScript(watchArrows);
  return context;
};
let failed = 0;
for (const [name, run] of Object.entries(scenarios)) {
  try {
    await run(browser);
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`failed ${name}: ${String(error.stack).replaceAll("\n", "\n    ")}`);
  }
}
await browser.close();
process.exit(failed ? 1 : 0);
