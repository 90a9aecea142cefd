// Opens a page in the browser that `.ci/chromium` unpacked, as a person would: light and dark, wide and narrow, with a mouse, with keys, without
// JavaScript. Prints what it saw as one line of JSON; pictures go into a folder.
// Arguments: the folder of packages, the page (a file, or the address of one that is served), the folder for pictures, the word to search for.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [home, page, pictures, word] = process.argv.slice(2);
const { chromium } = createRequire(`${home}/`)("playwright-core");
const browser = await chromium.launch({
  executablePath: `${home}/chromium`,
  args: ["--headless=shell", "--no-sandbox", "--in-process-gpu", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-dev-shm-usage", "--no-zygote", "--font-render-hinting=none"],
  env: { ...process.env, FONTCONFIG_PATH: `${home}/fonts`, LD_LIBRARY_PATH: `${home}:${home}/al2023/lib` },
});
const seen = { version: browser.version(), errors: [], requests: [], charts: {} };
const isServed = /^https?:/.test(page);
const url = isServed ? page : pathToFileURL(page).href;
// A file may ask nobody for anything, a served page its own server.
const isOwn = (address) => (isServed ? new URL(address).origin === new URL(url).origin : address.split("#")[0] === url);

async function open(options, address = url) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce", ...options });
  const tab = await context.newPage();
  tab.on("console", (said) => { if (["error", "warning"].includes(said.type())) seen.errors.push(said.text()); });
  tab.on("pageerror", (error) => seen.errors.push(String(error)));
  tab.on("request", (request) => { if (!/^data:/.test(request.url()) && !isOwn(request.url())) seen.requests.push(request.url()); });
  await tab.goto(address);
  return tab;
}

for (const [name, colorScheme, width] of [["light", "light", 1280], ["dark", "dark", 1280], ["narrow", "light", 390], ["narrow-dark", "dark", 390]]) {
  const tab = await open({ colorScheme, viewport: { width, height: 900 } });
  await tab.waitForSelector("html[data-ready]");
  await tab.screenshot({ path: `${pictures}/${name}.png`, fullPage: true });
  // Nothing may stick out sideways.
  seen[name] = await tab.evaluate(() => ({ wide: document.documentElement.scrollWidth - innerWidth, ground: getComputedStyle(document.body).backgroundColor }));
  await tab.context().close();
}

const tab = await open({});
await tab.waitForSelector("html[data-ready]");
seen.charts = await tab.evaluate(() => Object.fromEntries([...document.querySelectorAll("figure.chart")].map((figure) => {
  const links = [...figure.querySelectorAll("svg a")];
  const href = (link) => link.getAttribute("href") ?? link.getAttributeNS("http://www.w3.org/1999/xlink", "href");
  return [figure.dataset.chart, {
    marks: figure.querySelectorAll(".plot svg :is(circle, rect, path, line)").length,
    links: links.length,
    // A mark that leads to nothing, or that a screen reader could not name.
    dead: links.filter((link) => !document.getElementById((href(link) ?? "").slice(1))).length,
    nameless: links.filter((link) => !link.getAttribute("aria-label")).length,
    stops: figure.querySelectorAll('svg a[tabindex="0"]').length,
    label: figure.querySelector(".plot svg")?.getAttribute("aria-label") ?? "",
    nan: /NaN|Infinity|undefined/.test(figure.innerHTML),
  }];
})));

// A mark, clicked with the mouse; the next one, reached with the keyboard.
seen.clicks = {};
for (const chart of Object.keys(seen.charts).filter((name) => seen.charts[name].links > 0)) {
  // Marks lie over each other: what is clicked is whatever link of the chart is on top.
  await tab.locator(`#chart-${chart}`).scrollIntoViewIfNeeded();
  const place = await tab.evaluate((name) => {
    const svg = document.querySelector(`#chart-${name} .plot svg`);
    for (const link of svg.querySelectorAll("a")) {
      const box = link.getBoundingClientRect();
      for (const part of [0.5, 0.02, 0.98]) {
        const [x, y] = [box.x + box.width * part, box.y + box.height * 0.5];
        const top = document.elementFromPoint(x, y);
        if (top && link.contains(top)) return { x, y };
      }
    }
    return null;
  }, chart);
  if (place) await tab.mouse.click(place.x, place.y);
  await tab.waitForTimeout(120);
  seen.clicks[chart] = await tab.evaluate(() => {
    const row = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    return { hash: location.hash, shown: row ? row.checkVisibility() : false, text: (row?.textContent ?? "").slice(0, 200) };
  });
  await tab.evaluate(() => history.replaceState(null, "", location.pathname));
}
if (seen.charts.verdicts) {
  await tab.locator("#chart-verdicts svg a").first().focus();
  await tab.keyboard.press("ArrowRight");
  const name = await tab.evaluate(() => document.activeElement.getAttribute("aria-label"));
  await tab.keyboard.press("Enter");
  await tab.waitForTimeout(120);
  seen.keys = await tab.evaluate((name) => ({ name, hash: location.hash, focused: document.activeElement.id }), name);
}

// Search, and a link to a row that the search hides.
const search = tab.locator("#change-list-search");
if (await search.count()) {
  const count = () => tab.locator("#change-list tbody tr:visible").count();
  const before = await count();
  await search.fill(word);
  const after = await count();
  const told = await tab.locator("#change-list output").textContent();
  await search.fill("no record says this");
  const none = await count();
  const last = await tab.locator("#change-list tbody tr").last().getAttribute("id");
  await tab.evaluate((id) => { location.hash = `#${id}`; }, last);
  await tab.waitForTimeout(120);
  seen.search = { before, after, told, none, revealed: await tab.locator(`[id="${last}"]`).isVisible() };
}
await tab.context().close();

// A link from outside, straight to a row within what is closed.
const run = Object.values(seen.clicks).find((it) => it.hash.startsWith("#run-"))?.hash;
if (run) {
  const straight = await open({}, url + run);
  await straight.waitForSelector("html[data-ready]");
  seen.straight = await straight.locator(`[id="${run.slice(1)}"]`).isVisible();
  await straight.screenshot({ path: `${pictures}/evidence.png` });
  await straight.context().close();
}

const bare = await open({ javaScriptEnabled: false });
seen.bare = {
  charts: await bare.locator("figure.chart:visible").count(),
  note: await bare.locator("noscript").first().isVisible(),
  tables: await bare.locator("table").count(),
};
await bare.screenshot({ path: `${pictures}/bare.png` });
await browser.close();
console.log(JSON.stringify(seen));
