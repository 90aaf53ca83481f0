// What people do on the page at /dashboard, in a real Chromium: journeys.mjs JOURNEY
//
// From the environment: URL (of the API), KEY, READER (a key that may only read), RECEIVER (a URL that answers), SHOTS (a
// folder, or nothing). Each journey ends with axe-core's judgement of where it has come to. What it prints after "shown: "
// is a body that the receiver must have got. Exit status 0: all as it should be.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { launch } from "./browser.mjs";

const { URL: url, KEY: key, READER: reader, RECEIVER: receiver, SHOTS: shots } = process.env;
const WAIT_MS = 15000;
const WIDTHS = { phone: 390, tablet: 800, desk: 1280 };
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

async function open(browser, options = {}, address = `${url}/dashboard`) {
  const context = await browser.newContext({ viewport: { width: WIDTHS.desk, height: 900 }, ...options });
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  page.strangers = [];
  page.faults = [];
  page.on("request", (r) => r.url().startsWith(url) || page.strangers.push(r.url()));
  page.on("pageerror", (e) => page.faults.push(String(e)));
  page.on("console", (m) => m.type() === "error" && !m.text().includes("status of 4") && page.faults.push(m.text()));
  page.bytes = 0;
  page.on("requestfinished", (r) => r.sizes().then((s) => { page.bytes += s.responseBodySize; }, () => "the page was closed"));
  await page.goto(address);
  return page;
}

async function signIn(page, as = key) {
  await page.getByLabel("API key").fill(as);
  await page.getByRole("button", { name: "Sign in" }).click();
}

async function entered(browser, options) {
  const page = await open(browser, options);
  await signIn(page);
  await page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
  return page;
}

async function judged(page, name) {
  assert.deepEqual(page.strangers, [], "requests to another host");
  assert.deepEqual(page.faults, [], "errors of the page");
  // axe asks for scripts of its own, which the page's policy refuses: it comes in by the debugger instead.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  const said = violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ").slice(0, 300)}`);
  assert.deepEqual(said, [], `${name}: axe-core`);
  if (shots) await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
}

// Charts take a moment to be as wide as there is room.
async function fits(page, name, colorScheme, width) {
  await page.emulateMedia({ colorScheme });
  await page.setViewportSize({ width, height: 900 });
  await page.waitForFunction(() => document.documentElement.scrollWidth <= innerWidth, null, { timeout: 3000 }).catch(() => {});
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `${name} is ${wide} pixels too wide at ${width}`);
  await judged(page, name);
}

const heading = (page, name) => page.getByRole("heading", { name, level: 1 }).waitFor();
const view = (page, name) => page.getByRole("navigation", { name: "Views" }).getByRole("link", { name, exact: true }).click();

async function publish(page, type, data) {
  await view(page, "Events");
  await page.getByText("Publish one").click();
  await page.getByLabel("Type", { exact: true }).fill(type);
  await page.getByLabel("Data (JSON)").fill(JSON.stringify(data));
  await page.getByRole("button", { name: "Publish" }).click();
  await heading(page, type);
}

// What a screen reader says of a field besides its name.
const described = (page, field) => field.evaluate((e) => (e.getAttribute("aria-describedby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent).join(" "));

// In the page: types this as soon as there is such a field, before anything else runs.
function typedAtOnce([name, text]) {
  new MutationObserver((_, observer) => {
    const label = [...document.querySelectorAll("label")].find((l) => l.textContent === name);
    if (!label) return;
    observer.disconnect();
    label.control.value = text;
    label.control.dispatchEvent(new Event("input", { bubbles: true }));
  }).observe(document.body, { childList: true, subtree: true });
}

async function create(page, path, fields = {}, more = () => {}) {
  await view(page, "Webhooks");
  await page.getByRole("link", { name: "New webhook" }).click();
  await page.getByLabel("URL").fill(`${receiver}${path}`);
  await page.getByLabel("Description").fill(`Receiver at ${path}`);
  for (const [name, value] of Object.entries(fields)) await page.getByLabel(name).fill(value);
  await more();
  await page.getByRole("button", { name: "Create" }).click();
  await heading(page, "Created");
  const secret = await page.locator("code.wrap").textContent();
  assert.match(secret, /^whsec_/);
  await page.getByRole("link", { name: "To the webhook" }).click();
  await heading(page, `Receiver at ${path}`);
}

async function toBeRead() {
  const body = JSON.stringify({ url: `${receiver}/ok`, events: ["*"], description: "To be read" });
  const made = await fetch(`${url}/v1/webhooks`, { method: "POST", headers: { Authorization: `Bearer ${key}` }, body });
  assert.equal(made.status, 201);
}

// The webhook "To be read" by who may only read: its request is shown, its settings too, and nothing can be changed.
async function readSettings(page) {
  await page.getByRole("link", { name: "To be read" }).click();
  await page.getByRole("button", { name: "Show the request" }).click();
  await page.getByText("This would be sent.").waitFor();
  assert.equal(await page.getByRole("button", { name: /Send|Find out|Rotate|Pause|Delete/ }).count(), 0);
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByLabel("Json", { exact: true }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Save" }).count(), 0);
}

// A link to the page of the app `default`.
async function portal(body) {
  const headers = { Authorization: `Bearer ${key}` };
  const answer = await fetch(`${url}/v1/apps/default/portal`, { method: "POST", headers, body: JSON.stringify(body) });
  assert.equal(answer.status, 201);
  return answer.json();
}

async function ask(path, body) {
  const headers = { Authorization: `Bearer ${key}` };
  const answer = await fetch(`${url}/v1${path}`, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) });
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return answer.json();
}

// An app to which something has happened, so that no view of it is empty.
async function fill() {
  await ask("/event-types", { name: "order.paid", description: "Somebody paid", example: { id: 7 } });
  await ask("/sources", { name: "panel", kind: "github", secret: "of the panel" });
  await ask("/keys", { name: "of the shop", scope: "publish" });
  const hooks = [];
  for (const [path, more] of [["/ok", {}], ["/fails-once", { retry_schedule: [] }], ["/other", { description: "For the books", events: ["invoice.*"] }]])
    hooks.push(await ask("/webhooks", { url: `${receiver}${path}`, events: ["order.*"], ...more }));
  for (let id = 0; id < 12; id++) await ask("/events", { type: "order.paid", data: { id } });
  await until(async () => (await ask("/issues")).data.length > 0);
  await until(async () => (await ask("/stats")).data[0]?.accepted === 12);
  await ask(`/webhooks/${hooks[0].id}/replay`, { since: "2026-01-01T00:00:00Z" });
  return hooks;
}

const logo = `${url}/dashboard/icon.svg`;

async function until(isSo) {
  for (const end = Date.now() + WAIT_MS; !(await isSo()) && Date.now() < end; ) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(await isSo());
}

const journeys = {
  async a_key_that_is_none(browser) {
    const page = await open(browser);
    await signIn(page, "read_nothing");
    await page.getByRole("alert").waitFor();
    assert.match(await page.getByRole("alert").textContent(), /key/i);
    assert.equal(await page.evaluate(() => sessionStorage.getItem("posthorn.key")), null);
    await judged(page, "refused");
  },

  async from_a_webhook_to_an_attempt(browser) {
    const page = await entered(browser);
    await create(page, "/ok");
    await page.getByRole("button", { name: "Send a test" }).click();
    await page.getByRole("link", { name: "The attempt, with all that was sent" }).waitFor();
    await publish(page, "order.paid", { id: 7, note: "<b>bold</b>" });
    await page.getByRole("region", { name: "Deliveries of the event" }).getByText("delivered").waitFor();
    await page.locator("tbody a").first().click();
    await heading(page, "order.paid delivered");
    await page.getByText("Sent").first().waitFor();
    const sent = await page.locator(".message pre").nth(1).textContent();
    assert.deepEqual(JSON.parse(sent).data, { id: 7, note: "<b>bold</b>" });
    await page.getByRole("button", { name: "Copy as curl" }).click();
    const command = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(command, /^curl -X POST '/);
    assert.match(command, /webhook-signature: v1,/);
    await judged(page, "delivery");
  },

  async why_a_webhook_did_not_get_it(browser) {
    const page = await entered(browser);
    await create(page, "/other", { "Event types": "user.*" });
    await publish(page, "order.paid", {});
    await page.getByText("No webhook wanted it.").waitFor();
    await page.getByText("no: its event types do not have this one").waitFor();
    await judged(page, "event");
  },

  // Its clock goes on by less than what it would ask again after: only the stream can have told it.
  async it_moves_by_itself(browser) {
    const page = await open(browser);
    await page.clock.install();
    const streaming = page.waitForResponse((r) => r.url().endsWith("/v1/stream"));
    await signIn(page);
    assert.equal((await streaming).status(), 200);
    await view(page, "Events");
    await page.getByText("There are no events yet.").waitFor();
    await page.clock.pauseAt(Date.now() + 60000);
    const body = JSON.stringify({ type: "came.alone", data: {} });
    await fetch(`${url}/v1/events`, { method: "POST", headers: { Authorization: `Bearer ${key}` }, body });
    const link = page.getByRole("link", { name: "came.alone" });
    for (let ms = 0; ms < 4800 && !(await link.isVisible()); ms += 400) {
      await page.clock.runFor(400);
      await link.waitFor({ timeout: 500 }).catch(() => {});
    }
    assert.ok(await link.isVisible());
  },

  async what_failed_goes_again(browser) {
    const page = await entered(browser);
    await create(page, "/fails-once", { Retries: "" });
    await publish(page, "order.failed", {});
    await page.getByRole("region", { name: "Deliveries of the event" }).getByText("failed").waitFor();
    await view(page, "Webhooks");
    await page.getByRole("link", { name: "Receiver at /fails-once" }).click();
    await page.getByRole("button", { name: "How many?" }).click();
    await page.getByText("1 would be sent again.").waitFor();
    await page.getByRole("button", { name: "Send again", exact: true }).click();
    await page.getByText("1 of 1").waitFor();
    await page.getByRole("region", { name: "Deliveries" }).getByText("delivered").waitFor();
    await judged(page, "webhook");
  },

  async from_an_issue_to_what_is_sent_again(browser) {
    const page = await entered(browser);
    await create(page, "/fails-once", { Retries: "" });
    await publish(page, "order.failed", {});
    await view(page, "Issues");
    await page.getByRole("region", { name: "Issues" }).getByText("open").waitFor();
    const named = page.getByRole("region", { name: "Issues" }).getByRole("link", { name: "Receiver at /fails-once" });
    assert.match(await named.getAttribute("href"), /^#\/webhooks\/wh_/);
    await judged(page, "issues");
    await page.getByRole("link", { name: "http_status 500" }).click();
    await page.getByRole("main").getByRole("link", { name: "Receiver at /fails-once" }).waitFor();
    await page.getByRole("button", { name: "Acknowledge" }).click();
    await page.getByRole("heading", { level: 1 }).getByText("acknowledged").waitFor();
    await page.getByRole("button", { name: "How many?" }).click();
    await page.getByText("1 would be sent again.").waitFor();
    await page.getByRole("button", { name: "Resend these 1" }).click();
    await page.getByText("1 of 1").waitFor();
    await page.getByRole("button", { name: "Resolve" }).click();
    await page.getByRole("button", { name: "Reopen" }).waitFor();
    await judged(page, "issue");
    await page.getByRole("link", { name: "All that are failed so now" }).click();
    await heading(page, "Receiver at /fails-once");
    await page.getByText("No delivery fits.").waitFor();
    await view(page, "Webhooks");
    await page.getByRole("img", { name: /^Success rate of 24 hours: last \d/ }).waitFor();
    await page.getByRole("img", { name: /^p95 of 24 hours/ }).waitFor();
    await judged(page, "webhooks");
  },

  async one_webhook_of_many(browser) {
    const ask = (method, path, body) => fetch(`${url}/v1${path}`, { method, headers: { Authorization: `Bearer ${key}` }, body: body && JSON.stringify(body) });
    await ask("POST", "/webhooks", { url: `${receiver}/ok`, events: ["*"], description: "The oldest" });
    for (let n = 0; n < 60; n++) await ask("POST", "/webhooks", { url: `${receiver}/ok`, events: ["none"], description: `Number ${n}` });
    const ids = (await (await ask("GET", "/webhooks?search=oldest")).json()).data.map((w) => w.id);
    assert.equal((await ask("PATCH", `/webhooks/${ids[0]}`, { status: "disabled" })).status, 200);
    const page = await entered(browser);
    await page.getByRole("region", { name: "Endpoints that need a look" }).getByRole("link", { name: "The oldest" }).waitFor();
    await view(page, "Webhooks");
    await page.getByRole("link", { name: "Number 59" }).waitFor();
    assert.equal(await page.getByRole("link", { name: "The oldest" }).count(), 0);
    await page.getByLabel("search").fill("OLDEST");
    await page.getByLabel("search").press("Enter");
    await page.getByRole("link", { name: "The oldest" }).waitFor();
    assert.equal(await page.getByRole("link", { name: /Number/ }).count(), 0);
    await judged(page, "webhooks-searched");
    await page.getByLabel("search").fill("");
    await page.getByLabel("needs attention").selectOption("true");
    await page.getByRole("link", { name: "The oldest" }).waitFor();
    assert.match(page.url(), /needs_attention=true$/);
  },

  // A question looks at a thousand deliveries, and the page asks ten times before it asks whether it should go on.
  async it_looks_further(browser) {
    const batch = (type, count) => fetch(`${url}/v1/events/batch`, {
      method: "POST", headers: { Authorization: `Bearer ${key}` }, body: JSON.stringify({ events: Array.from({ length: count }, () => ({ type, data: {} })) }),
    });
    const page = await entered(browser);
    await create(page, "/ok");
    await batch("rare", 1);
    for (let n = 0; n < 2; n++) assert.equal((await batch("common", 1000)).status, 202);
    await view(page, "Events");
    await page.getByLabel("type", { exact: true }).fill("rare");
    await page.waitForResponse((r) => r.url().endsWith("/v1/events")); // what is typed stays, while the list is loaded again
    await page.getByLabel("type", { exact: true }).press("Enter");
    await page.getByRole("link", { name: "rare" }).waitFor();
    await page.evaluate(typedAtOnce, ["url host", "typed at once"]);
    await view(page, "Deliveries");
    await page.getByRole("link", { name: "common" }).first().waitFor();
    assert.equal(await page.getByLabel("url host").inputValue(), "typed at once");
    await page.getByLabel("url host").fill("none.example.com");
    await page.getByLabel("url host").press("Enter");
    await page.getByText("No delivery fits.").waitFor();
    await judged(page, "looked-further");
  },

  async pause_edit_rotate_delete(browser) {
    const page = await entered(browser);
    await create(page, "/ok");
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByRole("button", { name: "Resume" }).click();
    await page.getByRole("button", { name: "Pause" }).waitFor();
    await page.getByRole("button", { name: "Rotate the secret" }).click();
    await page.getByText("The new secret, shown once").waitFor();
    await page.getByRole("link", { name: "Edit" }).click();
    await page.getByLabel("Event types").fill("no spaces! here");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("alert").getByText("One field above cannot be taken as it is.").waitFor();
    assert.match(await described(page, page.getByLabel("Event types")), /^may contain only/);
    await judged(page, "form");
    await page.getByLabel("Event types").fill("order.*, user.created");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("order.*, user.created").waitFor();
    page.on("dialog", (d) => d.accept());
    await page.getByRole("button", { name: "Delete" }).click();
    await heading(page, "Webhooks");
  },

  // Options are what the API says of the profile; what was typed for another is not sent; what is wrong stands at its field.
  async a_profile_with_options_of_its_own(browser) {
    const page = await entered(browser);
    await view(page, "Webhooks");
    await page.getByRole("link", { name: "New webhook" }).click();
    await page.getByLabel("URL").fill(`${receiver}/chat`);
    await page.getByLabel("Description").fill("Receiver at /chat");
    await page.getByLabel("Profile").selectOption("remnawave");
    await page.getByLabel("Restamp on retry").check();
    await page.getByLabel("Profile").selectOption("discord");
    assert.equal(await page.getByLabel("Restamp on retry").count(), 0);
    await page.getByLabel("Title").fill("Order {{/order/id");
    await page.getByLabel("Color", { exact: true }).fill("green");
    await page.getByRole("button", { name: "Add to fields" }).click();
    await page.keyboard.type("Amount");
    await page.getByRole("button", { name: "Create" }).click();
    const wrong = page.getByLabel("Color", { exact: true });
    await page.locator("[aria-invalid]").first().waitFor();
    assert.equal(await described(page, wrong), "must be a colour such as #57f287 Such as #57f287; by the event's type if nothing is said.");
    assert.equal(await wrong.evaluate((e) => e === document.activeElement), true);
    await judged(page, "form-faults");
    await wrong.fill("#57f287");
    await page.getByRole("button", { name: "Create" }).click();
    await page.getByText("is no template").first().waitFor();
    const value = page.getByRole("group", { name: "Fields 1" }).getByLabel("Value");
    assert.equal(await described(page, value), "is required");
    assert.equal(await page.getByLabel("Title").evaluate((e) => e === document.activeElement), true);
    await page.getByLabel("Path").fill("/status");
    await value.fill("{{/amount}} EUR");
    await page.getByLabel("Title").fill("Order {{/order/id}}");
    await page.getByRole("button", { name: "Create" }).click();
    const map = page.getByRole("group", { name: "Map" });
    await map.getByText("is required").waitFor();
    assert.equal(await map.evaluate((e) => e === document.activeElement), true);
    await judged(page, "form-group-fault");
    await page.getByLabel("Path").fill("");
    const [created] = await Promise.all([page.waitForRequest((r) => r.method() === "POST"), page.getByRole("button", { name: "Create" }).click()]);
    assert.deepEqual(created.postDataJSON().profile_options, {
      transform: { title: "Order {{/order/id}}", color: "#57f287", fields: [{ name: "Amount", value: "{{/amount}} EUR" }] },
    });
    await heading(page, "Created");
    await judged(page, "created");
    await page.getByRole("link", { name: "To the webhook" }).click();

    await page.getByRole("link", { name: "Edit" }).click();
    await page.getByText("More settings").click();
    await page.getByLabel("Authorization (JSON)").fill('{"type": "bearer"}');
    await page.getByText("More settings").click();
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("is required").first().waitFor();
    assert.equal(await page.getByLabel("Authorization (JSON)").evaluate((e) => e === document.activeElement), true);
    await page.getByLabel("Authorization (JSON)").fill("");
    await page.getByRole("button", { name: "Remove Fields 1" }).click();
    await page.getByLabel("Requests a second").fill("5");
    const [saved] = await Promise.all([page.waitForRequest((r) => r.method() === "PATCH"), page.getByRole("button", { name: "Save" }).click()]);
    assert.deepEqual(saved.postDataJSON(), { rate_limit: 5, profile_options: { transform: { title: "Order {{/order/id}}", color: "#57f287" } } });
    await heading(page, "Receiver at /chat");
    await page.getByRole("link", { name: "Edit" }).click();
    await page.getByLabel("Profile").selectOption("marzban");
    await page.getByLabel("Batch seconds").fill("5");
    await page.getByLabel("Secret").fill("of the panel");
    const [turned] = await Promise.all([page.waitForRequest((r) => r.method() === "PATCH"), page.getByRole("button", { name: "Save" }).click()]);
    assert.deepEqual(turned.postDataJSON(), { profile: "marzban", profile_options: { batch_seconds: 5 }, secret: "of the panel" });
    await heading(page, "Receiver at /chat");
    await page.getByRole("link", { name: "Edit" }).click();
    for (const [profile, colorScheme, width] of [["discord", "dark", 360], ["remnawave", "light", WIDTHS.phone], ["custom", "dark", WIDTHS.desk], ["discord", "light", WIDTHS.tablet]]) {
      await page.getByLabel("Profile").selectOption(profile);
      if (profile !== "remnawave") await page.getByRole("button", { name: /Add to (headers|fields)/ }).first().click();
      await fits(page, `form-${profile}-${colorScheme}`, colorScheme, width);
    }
  },

  // What is not shown of headers is not sent back as it is shown.
  async what_is_not_shown_is_not_sent_back(browser) {
    const page = await entered(browser);
    await create(page, "/ok", {}, async () => {
      await page.getByText("More settings").click();
      await page.getByRole("button", { name: "Add to headers" }).click();
      await page.keyboard.type("X-Token");
      await page.getByRole("group", { name: "Headers 1" }).getByLabel("Value").fill("of mine");
    });
    await page.getByRole("link", { name: "Edit" }).click();
    await page.getByRole("button", { name: "Add to headers" }).click();
    await page.keyboard.type("X-Token");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("is not shown: write it anew").first().waitFor();
    await page.getByRole("group", { name: "Headers 2" }).getByLabel("Name").fill("X-Other");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("is not shown: write it anew").waitFor();
    const value = page.getByRole("group", { name: "Headers 1" }).getByLabel("Value");
    assert.equal(await value.evaluate((e) => e === document.activeElement), true);
    await value.fill("of mine");
    await page.getByRole("button", { name: "Save" }).click();
    await heading(page, "Receiver at /ok");
  },

  // The body that is shown is the one that comes.
  async what_it_would_send_and_what_it_sends(browser) {
    const page = await entered(browser);
    await create(page, "/taken", {}, async () => {
      await page.getByLabel("Profile").selectOption("discord");
      await page.getByLabel("Title").fill("Order {{/order/id}}");
    });
    const headers = { Authorization: `Bearer ${key}` };
    const example = { order: { id: 7 }, note: "ä <b>" };
    await fetch(`${url}/v1/event-types`, { method: "POST", headers, body: JSON.stringify({ name: "order.paid", example }) });
    await page.reload();
    const suggested = page.waitForFunction(() => document.querySelector("datalist option")?.value === "order.paid");
    await suggested;
    await page.getByLabel("Event type", { exact: true }).fill("order.paid");
    assert.deepEqual(JSON.parse(await page.getByLabel("Its data (JSON)").inputValue()), example);
    await page.getByRole("button", { name: "Show the request" }).click();
    await page.getByText("This would be sent.").waitFor();
    const body = page.getByLabel("Body");
    assert.match(await body.textContent(), /"title":"Order 7"/);
    await page.getByRole("button", { name: "Send a test" }).click();
    await page.getByRole("link", { name: "The attempt, with all that was sent" }).waitFor();
    const event = await (await fetch(`${url}/v1/events`, { method: "POST", headers, body: JSON.stringify({ type: "order.paid", data: example }) })).json();
    await page.getByLabel("Or the id of an event").fill(event.id);
    await page.getByRole("button", { name: "Show the request" }).click();
    await body.waitFor();
    console.log(`shown: ${await body.textContent()}`);
    await judged(page, "preview");
    await page.getByLabel("Or the id of an event").fill("evt_none");
    await page.getByRole("button", { name: "Show the request" }).click();
    await page.getByText("must be the id of an event").first().waitFor();
    assert.match(await described(page, page.getByLabel("Or the id of an event")), /^must be the id of an event/);
    await page.getByLabel("Its data (JSON)").fill("{");
    await page.getByRole("button", { name: "Send a test" }).click();
    await page.getByText("cannot be read as JSON").waitFor();
    await page.getByLabel("Its data (JSON)").fill("{}");
    await page.getByRole("button", { name: "Show the request" }).click();
    await page.getByText("must be the id of an event").first().waitFor();
    await page.getByLabel("Or the id of an event").fill("");
    await page.getByRole("button", { name: "Show the request" }).click();
    await body.waitFor();
    await fits(page, "preview-small", "dark", 360);
  },

  async a_receiver_shows_what_it_understands(browser) {
    const page = await entered(browser);
    await create(page, "/second");
    await page.getByRole("button", { name: "Find out what it understands" }).click();
    await page.getByText("It understands json python.").waitFor();
    const tried = () => page.getByRole("region", { name: "What was tried" }).getByRole("row").allTextContents();
    assert.deepEqual(await tried(), ["TriedCame toAnswer", "json jsfailed401", "json pythondelivered200"]);
    await judged(page, "detected");
    await page.getByRole("button", { name: "Keep it" }).click();
    await page.getByText("Kept: it understands json python.").waitFor();
    await page.getByRole("link", { name: "Edit" }).click();
    assert.equal(await page.getByLabel("Json", { exact: true }).inputValue(), "python");

    await create(page, "/never", {}, async () => {
      await page.getByLabel("Profile").selectOption("marzban-docs");
    });
    await page.getByLabel("Its secret, to find out").fill("another");
    await page.getByRole("button", { name: "Find out what it understands" }).click();
    await page.getByText("is not the webhook's secret").first().waitFor();
    await page.getByLabel("Its secret, to find out").fill("");
    await page.getByRole("button", { name: "Find out what it understands" }).click();
    await page.getByText("It accepted none of them, and last answered 403.").waitFor();
    assert.deepEqual(await tried(), ["TriedCame toAnswer", "envelope objectfailed403", "envelope arrayfailed403"]);
    await judged(page, "undetected");
  },

  async a_key_that_reads(browser) {
    await toBeRead();
    const page = await open(browser);
    await signIn(page, reader);
    await view(page, "Webhooks");
    assert.equal(await page.getByRole("link", { name: "New webhook" }).count(), 0);
    await readSettings(page);
    assert.equal(await page.getByLabel("URL").isDisabled(), true);
    await judged(page, "settings-read");
  },

  async keys_types_sources_and_apps_are_made_and_end(browser) {
    const page = await entered(browser);
    page.on("dialog", (dialog) => dialog.accept());
    const make = async (list, what, fields) => {
      await view(page, list);
      await page.getByText(`New ${what}`).click();
      for (const [name, value] of Object.entries(fields)) await page.getByLabel(new RegExp(`^${name}`)).fill(value);
      await page.getByRole("button", { name: "Create" }).click();
      return page.getByRole("status").filter({ hasText: /shown once|Made/ }).or(page.getByRole("alert")).textContent();
    };
    assert.match(await make("Keys", "key", { "Name": "of a journey" }), /ph_\w{26}_/);
    const row = (name) => page.getByRole("row").filter({ hasText: name });
    await judged(page, "key-made");
    await row("of a journey").getByRole("button", { name: "Revoke" }).click();
    await row("of a journey").waitFor({ state: "detached" });

    await view(page, "Event types");
    await page.getByText("New event type").click();
    await page.getByLabel("Name").fill("order.paid");
    await page.getByLabel("JSON Schema of its data").fill("{");
    await page.getByRole("button", { name: "Create" }).click();
    await page.getByText("cannot be read as JSON").waitFor();
    await page.getByLabel("JSON Schema of its data").fill('{"type": "object"}');
    await page.getByRole("button", { name: "Create" }).click();
    await page.getByRole("link", { name: "order.paid" }).click();
    await page.getByLabel("Description").fill("Somebody paid");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved.").waitFor();
    await judged(page, "event-type");
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByText("The catalogue is empty").waitFor();

    assert.match(await make("Sources", "source", { "Name": "panel", "Secret": "of the panel" }), /ingest\/in_/);
    await row("panel").getByRole("button", { name: "New URL" }).click();
    await row("panel").getByText("ingest/in_").waitFor();
    await row("panel").getByRole("button", { name: "Delete" }).click();
    await row("panel").waitFor({ state: "detached" });

    await make("Apps", "app", { "Name": "Of a journey", "Uid": "journey" });
    await page.getByRole("link", { name: "Of a journey" }).click();
    await page.getByText("New link to its page").click();
    await page.getByRole("button", { name: "Create" }).click();
    await page.getByText("#token=pt_").waitFor();
    await judged(page, "app");
    await page.getByRole("button", { name: "Delete" }).click();
    await heading(page, "Apps");
    await row("Of a journey").waitFor({ state: "detached" });
  },

  async every_view_in_both_themes_and_three_widths(browser) {
    await fill();
    const page = await entered(browser);
    await page.getByText("events accepted in 24 hours").locator("..").getByText("12").waitFor();
    const names = await page.getByRole("navigation", { name: "Views" }).getByRole("link").allTextContents();
    assert.ok(names.length >= 8);
    for (const colorScheme of ["light", "dark"]) {
      for (const [width, pixels] of Object.entries(WIDTHS)) {
        for (const name of names) {
          await view(page, name);
          await heading(page, name);
          await page.waitForFunction(() => !document.querySelector("main").textContent.includes("Loading…"));
          await page.locator("main").filter({ has: page.locator("td, .figures") }).waitFor();
          await fits(page, `${name}-${width}-${colorScheme}`.toLowerCase().replaceAll(" ", "-"), colorScheme, pixels);
        }
      }
    }
  },

  async a_portal_that_reads(browser) {
    await toBeRead();
    const { id, url: link } = await portal({ brand: { name: "Acme hooks", color: "#ffee00", color_dark: "#220011", logo_url: logo } });
    const page = await open(browser, {}, link);
    await heading(page, "Overview");
    assert.equal(new URL(page.url()).hash, "#/");
    await page.locator("header strong").getByText("Acme hooks").waitFor();
    await page.waitForFunction(() => document.querySelector("img.logo").naturalWidth > 0);
    const names = await page.getByRole("navigation", { name: "Views" }).getByRole("link").allTextContents();
    assert.deepEqual(names, ["Overview", "Webhooks", "Deliveries", "Events", "Issues", "Event types", "Jobs"]);
    page.strangers = [];
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      for (const name of names) {
        await view(page, name);
        await heading(page, name);
        assert.equal(await page.getByText(/New webhook|Publish one|Sign out/).count(), 0);
        await judged(page, `portal-${name}-${colorScheme}`.toLowerCase().replaceAll(" ", "-"));
      }
    }
    await view(page, "Webhooks");
    await readSettings(page);
    await page.goto(`${page.url().split("#")[0]}#/webhooks/new`);
    await page.getByText("There is nothing at this address.").waitFor();
    await page.reload();
    await page.getByText("There is nothing at this address.").waitFor();
    await fetch(`${url}/v1/keys/${id}`, { method: "DELETE", headers: { Authorization: `Bearer ${key}` } });
    await view(page, "Webhooks");
    await heading(page, "This link has ended");
    await judged(page, "portal-over");
  },

  async a_portal_that_manages(browser) {
    const { url: link, token } = await portal({ scope: "manage" });
    const page = await open(browser, {}, link);
    await create(page, "/ok");
    await page.getByRole("button", { name: "Send a test" }).click();
    await page.getByRole("link", { name: "The attempt, with all that was sent" }).click();
    await page.getByRole("heading", { level: 1 }).getByText("delivered").waitFor();
    await page.getByRole("button", { name: "Send again" }).waitFor();
    await judged(page, "portal-delivery");
    const other = await open(browser);
    await signIn(other, token);
    await heading(other, "Overview");
    assert.equal(await view(other, "Webhooks"), undefined);
    await other.getByRole("link", { name: "Receiver at /ok" }).waitFor();
    assert.equal(await other.getByRole("link", { name: "Keys" }).count(), 0);
  },

  async a_portal_in_a_frame(browser) {
    const pages = createServer((_, response) => response.setHeader("Content-Type", "text/html").end(`<!doctype html><html lang="en"><title>Host</title><h1>Host</h1>
      <iframe title="Webhooks" width="900" height="700" src="${link}"></iframe>`)).listen(0, "127.0.0.1");
    await once(pages, "listening");
    const { port } = pages.address();
    const { url: link } = await portal({ scope: "manage", origins: [`http://localhost:${port}`] });
    const listed = await open(browser, {}, `http://localhost:${port}/`);
    const frame = listed.frameLocator("iframe");
    await frame.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
    await frame.getByRole("link", { name: "Webhooks" }).click();
    await frame.getByRole("link", { name: "New webhook" }).waitFor();
    if (shots) await listed.screenshot({ path: `${shots}/portal-framed.png` });
    const refused = await open(browser, {}, `http://127.0.0.1:${port}/`);
    await refused.getByRole("heading", { name: "Host" }).waitFor();
    await until(() => refused.faults.some((fault) => fault.includes("frame-ancestors")));
    assert.equal(await refused.frameLocator("iframe").getByRole("heading", { name: "Overview" }).count(), 0);
    pages.close();
  },

  async the_contract_is_read(browser) {
    for (const colorScheme of ["light", "dark"]) {
      const began = Date.now();
      const page = await open(browser, { colorScheme }, `${url}/docs`);
      await page.getByText("event-types", { exact: true }).first().waitFor();
      console.log(`/docs, ${colorScheme}: ${Date.now() - began} ms to the list of operations, ${page.bytes} bytes`);
      assert.ok(page.bytes < 500_000);
      await page.getByRole("link", { name: /^events/ }).press("Enter");
      await page.getByRole("link", { name: "Post an event", exact: true }).first().press("Enter");
      await page.getByText("ordering_key").first().waitFor();
      await judged(page, `docs-${colorScheme}`);
      await page.setViewportSize({ width: WIDTHS.phone, height: 900 });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `/docs is ${wide} pixels too wide`);
      await page.getByRole("link", { name: "Concepts" }).click();
      await heading(page, "Concepts");
      await judged(page, `guide-${colorScheme}`);
    }
  },

  async by_keyboard_alone(browser) {
    const page = await open(browser);
    await page.keyboard.press("Tab");
    await page.keyboard.type(key);
    await page.keyboard.press("Enter");
    await heading(page, "Overview");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await heading(page, "Webhooks");
    await page.getByRole("button", { name: "Sign out" }).press("Enter");
    await page.getByLabel("API key").waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  },
};

if (process.argv[2] === "--list") {
  console.log(Object.keys(journeys).join("\n"));
} else {
  const browser = await launch();
  try {
    await journeys[process.argv[2]](browser);
  } finally {
    await browser.close();
  }
}
