// Stays on a served page while things happen, in four tabs: one that nobody touches, one in which somebody types, one that is hidden, and one that is
// opened at the end. Tells each step as one line of JSON, and goes on once a line comes in.
// Arguments: the folder of packages, the address, the folder for pictures, the password (empty: none is needed).
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [home, url, pictures, password] = process.argv.slice(2);
const { chromium } = createRequire(`${home}/`)("playwright-core");
const browser = await chromium.launch({
  executablePath: `${home}/chromium`,
  args: ["--headless=shell", "--no-sandbox", "--in-process-gpu", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-dev-shm-usage", "--no-zygote", "--font-render-hinting=none"],
  env: { ...process.env, FONTCONFIG_PATH: `${home}/fonts`, LD_LIBRARY_PATH: `${home}:${home}/al2023/lib` },
});
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const tell = async (step) => {
  console.log(JSON.stringify(step));
  await lines.next();
};
const errors = [];
const strangers = [];
const loads = new Map();

async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce", ...(password ? { httpCredentials: { username: "titer", password } } : {}), ...options });
  const tab = await context.newPage();
  loads.set(tab, { pages: 0, versions: 0 });
  tab.on("console", (said) => { if (["error", "warning"].includes(said.type())) errors.push(said.text()); });
  tab.on("pageerror", (error) => errors.push(String(error)));
  tab.on("request", (request) => {
    if (/^data:/.test(request.url())) return;
    if (new URL(request.url()).origin !== new URL(url).origin) strangers.push(request.url());
    if (request.url().endsWith("/version")) loads.get(tab).versions += 1;
    else loads.get(tab).pages += 1;
  });
  await tab.goto(url);
  await tab.waitForSelector("html[data-live]");
  return tab;
}
const version = (tab) => tab.evaluate(() => document.documentElement.dataset.version);
const runs = (tab) => tab.evaluate(() => document.querySelectorAll("tr[id^=run-]").length);

const idle = await open();
await idle.screenshot({ path: `${pictures}/first.png` });
const busy = await open();
const hidden = await open();
await hidden.evaluate(() => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
  document.dispatchEvent(new Event("visibilitychange"));
});
const first = await version(idle);
const before = await runs(idle);

// Somebody types into the search of the change log, if there is one, and has another section open.
const search = busy.locator("#change-list-search");
const hasSearch = (await search.count()) > 0;
let place = null;
if (hasSearch) {
  await search.scrollIntoViewIfNeeded();
  await search.fill("escaped");
  await busy.evaluate(() => {
    const all = [...document.querySelectorAll("main details:not([open])")];
    all.find((it) => it.firstElementChild.textContent.includes("mean")).open = true;
  });
  place = await busy.evaluate(() => ({ top: document.getElementById("change-list").getBoundingClientRect().top, open: document.querySelectorAll("details[open]").length }));
}
await tell({ step: "opened", version: first, runs: before, hasSearch });

// The one that nobody touches shows it by itself.
await idle.waitForFunction((first) => document.documentElement.dataset.live && document.documentElement.dataset.version !== first, first, { timeout: 30000 });
const after = { version: await version(idle), runs: await runs(idle), pages: loads.get(idle).pages };
await idle.screenshot({ path: `${pictures}/second.png` });
let kept = null;
if (hasSearch) {
  await busy.waitForSelector("#news[data-state=new]", { timeout: 30000 });
  const said = await busy.locator("#news [role=status]").textContent();
  const waited = (await version(busy)) === first && (await search.inputValue()) === "escaped";
  await busy.screenshot({ path: `${pictures}/news.png` });
  await busy.emulateMedia({ colorScheme: "dark" });
  await busy.setViewportSize({ width: 390, height: 844 });
  // Charts are drawn again at another width, and what is below them moves.
  await busy.waitForTimeout(400);
  await search.scrollIntoViewIfNeeded();
  await busy.screenshot({ path: `${pictures}/news-narrow-dark.png` });
  await busy.emulateMedia({ colorScheme: "light" });
  await busy.setViewportSize({ width: 1280, height: 900 });
  await busy.waitForTimeout(400);
  const top = await busy.evaluate(() => document.getElementById("change-list").getBoundingClientRect().top);
  await busy.locator("#news button").click();
  await busy.waitForFunction((first) => document.documentElement.dataset.live && document.documentElement.dataset.version !== first, first, { timeout: 10000 });
  kept = await busy.evaluate(() => ({ search: document.getElementById("change-list-search").value, told: document.querySelector("#change-list output").textContent,
    top: document.getElementById("change-list").getBoundingClientRect().top, open: document.querySelectorAll("details[open]").length, focus: document.activeElement.id,
    isSilent: document.querySelector("#news").dataset.state === undefined }));
  Object.assign(kept, { said, waited, moved: Math.abs(kept.top - top), opened: kept.open - place.open });
}
// The hidden one has asked nothing, and asks at once when it is seen again.
const slept = { ...loads.get(hidden) };
await hidden.evaluate(() => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => false });
  document.dispatchEvent(new Event("visibilitychange"));
});
await hidden.waitForFunction((first) => document.documentElement.dataset.version !== first, first, { timeout: 4000 });
const calm = errors.splice(0);
await tell({ step: "shown", before, after, kept, slept, errors: calm, strangers });

// Its server is gone: it says so, and keeps what it shows.
await idle.waitForSelector("#news[data-state=silent]", { timeout: 30000 });
await idle.screenshot({ path: `${pictures}/silent.png` });
const gone = { said: await idle.locator("#news [role=status]").textContent(), runs: await runs(idle) };
await browser.close();
console.log(JSON.stringify({ step: "gone", ...gone }));
