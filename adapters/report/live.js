"use strict";
// What the page of `titer serve` does beyond that of `titer report --html`: it asks its server now and then whether there is something new, and shows
// that. Where somebody types, selects or has just moved, it only says so. It goes on where it was: the place, what is open, what is searched for.
(() => {
  const EVERY = 5000;
  const LONGEST = 60000;
  // Nobody who has touched nothing for so long is in the middle of something.
  const STILL = 5000;
  const KEPT = "titer-place";
  const news = document.getElementById("news");
  const said = news.querySelector("[role=status]");
  const button = news.querySelector("button");
  const shown = document.documentElement.dataset.version;
  const since = new Date();

  // A table's or a text's own name, or what it says in its section; numbers in it change.
  const name = (details) => details.id || `${details.closest("section[id]")?.id ?? ""} ${details.firstElementChild?.textContent.replace(/\d+/g, "")}`;
  const stops = () => [...document.querySelectorAll("main > section[id], figure.chart, main details[id]")].filter((it) => it.checkVisibility());

  function keep() {
    const above = stops().filter((it) => it.getBoundingClientRect().top <= innerHeight / 3).at(-1);
    const place = {
      top: above ? { id: above.id, offset: above.getBoundingClientRect().top } : { offset: -scrollY },
      open: Object.fromEntries([...document.querySelectorAll("details")].map((it) => [name(it), it.open])),
      search: Object.fromEntries([...document.querySelectorAll("input[type=search]")].filter((it) => it.value).map((it) => [it.id, it.value])),
      scrolled: Object.fromEntries([...document.querySelectorAll("details[id] .scroll")].filter((it) => it.scrollTop).map((it) => [it.closest("details").id, it.scrollTop])),
      focus: document.activeElement?.id ?? "",
    };
    try {
      sessionStorage.setItem(KEPT, JSON.stringify(place));
      history.scrollRestoration = "manual";
    } catch { /* without storage the page begins at its top */ }
  }

  function restore() {
    let place = null;
    try {
      place = JSON.parse(sessionStorage.getItem(KEPT));
      sessionStorage.removeItem(KEPT);
      history.scrollRestoration = "auto";
    } catch { /* nothing was kept */ }
    if (!place) return;
    for (const it of document.querySelectorAll("details")) it.open = place.open[name(it)] ?? it.open;
    for (const [id, text] of Object.entries(place.search)) {
      const search = document.getElementById(id);
      if (!search) continue;
      search.value = text;
      search.dispatchEvent(new Event("input"));
    }
    for (const [id, top] of Object.entries(place.scrolled)) document.getElementById(id)?.querySelector(".scroll")?.scrollTo(0, top);
    if (place.focus) document.getElementById(place.focus)?.focus({ preventScroll: true });
    const stop = place.top.id ? document.getElementById(place.top.id) : document.documentElement;
    // Not smoothly: the reader has not left.
    if (stop) scrollBy({ top: stop.getBoundingClientRect().top - place.top.offset, behavior: "instant" });
  }

  function show() {
    keep();
    location.reload();
  }

  let touched = -STILL;
  for (const kind of ["pointerdown", "pointermove", "keydown", "wheel", "touchmove"]) {
    addEventListener(kind, () => { touched = performance.now(); }, { passive: true, capture: true });
  }
  const isBusy = () => {
    const focused = document.activeElement;
    const selection = getSelection();
    return (focused && focused !== document.body) || (selection && !selection.isCollapsed) || performance.now() - touched < STILL;
  };

  function say(state, text, offers) {
    if (said.textContent !== text) said.textContent = text;
    if (state) news.dataset.state = state;
    else delete news.dataset.state;
    button.hidden = !offers;
  }

  let pause = EVERY;
  let timer = 0;
  let isAsking = false;
  async function ask() {
    clearTimeout(timer);
    if (isAsking || document.hidden) return;
    isAsking = true;
    try {
      const answer = await fetch("version", { cache: "no-store", signal: AbortSignal.timeout(30000) });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const { version } = await answer.json();
      pause = EVERY;
      if (version === shown) say("", "", false);
      else if (isBusy()) say("new", "There is something new.", true);
      else return show();
    } catch {
      pause = Math.min(2 * pause, LONGEST);
      say("silent", `titer serve does not answer. This is how it was at ${since.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}.`, false);
    } finally {
      isAsking = false;
    }
    timer = setTimeout(ask, pause);
  }

  button.addEventListener("click", show);
  // A hidden tab asks nothing; once it is seen again it asks at once.
  document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });
  restore();
  timer = setTimeout(ask, EVERY);
  document.documentElement.dataset.live = "true";
})();
