// How long views of the page at /dashboard take until they show what they are for: measure.mjs VIEWS
//
// From the environment: URL (of the API), KEY, APP, RUNS, SHOTS (a folder, or nothing). VIEWS is JSON: [{name, path, shown:
// [selectors]}]. Each run opens a view in a browser that has nothing of before. Prints JSON, for each view and run: ms from the
// beginning of the navigation until all that `shown` selects has been painted and nothing is being loaded; bytes, as they
// came over the wire, heads too; requests.
import { launch } from "./browser.mjs";

const { URL: url, KEY: key, APP: app, RUNS: runs, SHOTS: shots } = process.env;
const WAIT_MS = 30000;

// Runs in the page, before anything of its own.
function watch({ key, app, shown }) {
  sessionStorage.setItem("posthorn.key", key);
  sessionStorage.setItem("posthorn.app", app);
  const isLoading = () => [...document.querySelectorAll("main [role=status]")].some((e) => e.textContent === "Loading…");
  const look = () => {
    const isThere = shown.every((selector) => document.querySelector(selector)) && !isLoading();
    if (!isThere && !document.querySelector("[role=alert]")) requestAnimationFrame(look);
    else requestAnimationFrame(() => setTimeout(() => { window.shownMs = performance.now(); }));
  };
  look();
}

async function measured(browser, view) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  await context.addInitScript(watch, { key, app, shown: view.shown });
  const page = await context.newPage();
  const wire = await context.newCDPSession(page);
  const sample = { name: view.name, ms: 0, bytes: 0, requests: 0, trouble: null };
  await wire.send("Network.enable");
  wire.on("Network.loadingFinished", (r) => { sample.bytes += r.encodedDataLength; sample.requests += 1; });
  await page.goto(`${url}/dashboard#${view.path}`);
  await page.waitForFunction(() => window.shownMs, null, { timeout: WAIT_MS, polling: 50 });
  sample.ms = await page.evaluate(() => window.shownMs);
  const alerts = page.getByRole("alert");
  if (await alerts.count() > 0) sample.trouble = await alerts.first().textContent();
  if (shots) await page.screenshot({ path: `${shots}/${view.name.replaceAll(/\W+/g, "-")}.png` });
  await context.close();
  return sample;
}

const browser = await launch();
const samples = [];
try {
  for (let run = 0; run < Number(runs); run++) {
    for (const view of JSON.parse(process.argv[2])) {
      samples.push(await measured(browser, view).catch((e) => { throw new Error(`${view.name}: ${e.message}`); }));
    }
  }
} finally {
  await browser.close();
}
console.log(JSON.stringify(samples));
