"use strict";
// What the page does beyond its tables: charts, whose marks lead to rows, and search. Without it the tables say the same.
(() => {
  const report = JSON.parse(document.getElementById("report").textContent);
  const date = (day) => new Date(day.length === 10 ? `${day}T00:00:00Z` : day);
  // The period ends with its last day.
  const end = new Date(+date(report.period.as_of) + 864e5);
  // Where a ledger is younger than the period, charts begin where it does.
  const begun = [
    ...report.runs.map((it) => it.at), ...report.verdicts.commits.map((it) => it.at), ...report.suites.moves.map((it) => it.day), ...report.suites.days.slice(1).map((it) => it.day),
    ...report.weeks.filter((it) => it.sightings > 0).map((it) => it.week), ...(report.suites.days[0]?.fast || report.suites.days[0]?.weekly ? [report.period.since] : []),
  ].map((at) => +date(at));
  const since = new Date(Math.max(+date(report.period.since), Math.min(+end - 14 * 864e5, ...begun.map((at) => at - 2 * 864e5))));
  const within = (at) => new Date(Math.min(Math.max(+at, +since), +end));
  const anchor = (kind, id) => {
    const name = `${kind}-${String(id).replace(/[^A-Za-z0-9_.-]/g, "_")}`;
    return document.getElementById(name) ? `#${name}` : null;
  };
  const number = (value) => value.toLocaleString("en").replaceAll(",", "\u202f");
  const seconds = (ms) => (ms < 1000 ? `${ms} ms` : ms < 60000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.floor(ms / 60000)} min ${Math.floor((ms % 60000) / 1000)} s`);
  const moment = (at) => at.replace("T", " ").replace(/:\d\d(\.\d+)?Z$/, "");
  const short = (id) => (id ? id.slice(0, 10) : "no commit");
  // The end of a test's name tells more than its beginning.
  const tail = (text, most) => (text.length > most ? `…${text.slice(1 - most)}` : text);
  const own = (test) => test.split("::").slice(-1)[0].split(" > ").slice(-1)[0];
  const colours = ["var(--one)", "var(--two)", "var(--three)", "var(--four)", "var(--five)", "var(--six)"];
  const many = (count, one, more) => `${number(count)} ${count === 1 ? one : more}`;

  const common = (width, height, more) => ({
    width, height, marginLeft: 52, marginRight: 16, marginTop: 28, marginBottom: 30,
    style: { fontFamily: "inherit", fontSize: "12px", background: "transparent", color: "var(--ink)" },
    ...more,
  });
  const time = { type: "utc", domain: [since, end], label: null };
  // As many steps as there are whole numbers.
  const whole = (most) => (most > 9 ? { ticks: 5, tickFormat: "~s" } : { ticks: Math.max(1, Math.min(5, most)), tickFormat: (value) => (Number.isInteger(value) ? String(value) : "") });

  const charts = {
    verdicts(width) {
      const all = report.verdicts.commits.map((it) => ({ ...it, date: date(it.at), seconds: Math.max(it.ms, 1) / 1000 }));
      const line = report.verdicts.line_ms / 1000;
      const weeks = report.weeks.filter((it) => it.median_ms !== null)
        .map((it) => ({ x1: within(date(it.week)), x2: within(+date(it.week) + 7 * 864e5), y: Math.max(it.median_ms, 1) / 1000 }));
      const values = all.map((it) => it.seconds);
      const [low, high] = [Math.min(...values, line) / 1.6, Math.max(...values, line) * 1.6];
      const steps = [0.01, 0.1, 0.3, 1, 3, 10, 30, 60, 120, 300, 600, 1800, 3600, 10800, 36000];
      const label = (it) => `${short(it.commit)}, ${moment(it.at)}: ${seconds(it.ms)}, ${it.passed ? "passed" : "failed"}; ${it.tests_run} run, ${it.tests_left_out} left out`;
      return Plot.plot(common(width, 300, {
        x: time,
        y: { type: "log", domain: [low, high], label: "time to verdict", tickFormat: (value) => seconds(value * 1000).replace(".0", "").replace(" 0 s", ""), ticks: steps.filter((it) => it > low && it < high), grid: true },
        color: { domain: ["passed", "failed"], range: ["var(--one)", "var(--bad)"] },
        symbol: { domain: ["passed", "failed"], range: ["circle", "times"] },
        marks: [
          Plot.ruleY([line], { stroke: "var(--bad)", strokeDasharray: "5 4" }),
          Plot.text([{ x: end, y: line }], { x: "x", y: "y", text: () => "one minute", textAnchor: "end", dy: -8, fill: "var(--bad)" }),
          Plot.dot(all, {
            x: "date", y: "seconds", r: 3.5, symbol: (it) => (it.passed ? "passed" : "failed"), stroke: (it) => (it.passed ? "passed" : "failed"),
            strokeWidth: 1.8, fill: "var(--ground)", fillOpacity: 0.01, title: label, ariaLabel: label, href: (it) => anchor("run", it.run), tip: true,
          }),
          Plot.link(weeks, { x1: "x1", x2: "x2", y1: "y", y2: "y", stroke: "var(--two)", strokeWidth: 3, pointerEvents: "none" }),
        ],
      }));
    },

    left_out(width) {
      const reasons = report.left_out.reasons.map((it) => it.reason);
      const shown = reasons.slice(0, 5);
      const all = report.weeks.flatMap((week) => {
        const rows = week.left_out.map((it) => ({ week, group: shown.includes(it.reason) ? it.reason : "other", tests: it.tests }));
        return [{ week, group: "ran", tests: week.tests_run }, ...rows];
      }).filter((it) => it.tests > 0);
      const domain = ["ran", ...shown, ...(reasons.length > 5 ? ["other"] : [])];
      const label = (it) => `week of ${it.week.week}: ${many(it.tests, "test", "tests")} ${it.group === "ran" ? "ran" : `left out: ${it.group}`}`;
      return Plot.plot(common(width, 240, {
        x: time,
        y: { label: "tests, run by run", grid: true, ...whole(Math.max(...report.weeks.map((it) => it.tests_run + it.left_out.reduce((sum, one) => sum + one.tests, 0)))) },
        color: { domain, range: ["var(--six)", ...colours.slice(0, 5), "var(--quiet)"].slice(0, domain.length) },
        marks: [
          Plot.rectY(all, Plot.stackY({ order: domain }, {
            x1: (it) => date(it.week.week), x2: (it) => new Date(+date(it.week.week) + 7 * 864e5), y: "tests", fill: "group", fillOpacity: (it) => (it.group === "ran" ? 0.35 : 1),
            insetLeft: 1, insetRight: 1, clip: true, title: label, ariaLabel: label, href: (it) => anchor("week", it.week.week), tip: true,
          })),
          Plot.ruleY([0]),
        ],
      }));
    },

    escapes(width) {
      const all = report.weeks.filter((it) => it.escapes > 0);
      const label = (it) => `week of ${it.week}: ${many(it.escapes, "escape", "escapes")} found`;
      const most = Math.max(1, ...all.map((it) => it.escapes));
      return Plot.plot(common(width, 200, {
        x: time,
        y: { domain: [0, most * 1.1], label: "escapes found", grid: true, ...whole(most) },
        marks: [
          Plot.rectY(all, { x1: (it) => date(it.week), x2: (it) => new Date(+date(it.week) + 7 * 864e5), y: "escapes", fill: "var(--bad)", insetLeft: 2, insetRight: 2, clip: true,
            title: label, ariaLabel: label, href: (it) => anchor("week", it.week), tip: true }),
          Plot.ruleY([0]),
        ],
      }));
    },

    bounds(width) {
      const all = report.weeks.filter((it) => it.check.bound_per_million !== null).map((it) => ({
        ...it, date: within(+date(it.week) + 3.5 * 864e5), most: it.check.bound_per_million / 1e4, seen: (100 * it.check.failed) / it.check.checked,
      }));
      const label = (it) => `week of ${it.week}: ${it.check.failed} of ${it.check.checked} failed, at most ${it.most.toFixed(2)} % of what was left out`;
      const more = { title: label, ariaLabel: label, href: (it) => anchor("week", it.week) };
      return Plot.plot(common(width, 200, {
        x: time,
        y: { label: "% of what was left out", grid: true, domain: [0, Math.max(...all.map((it) => it.most)) * 1.1] },
        marks: [
          Plot.ruleY([0]),
          Plot.ruleX(all, { x: "date", y1: "seen", y2: "most", stroke: "var(--one)", strokeWidth: 1.5 }),
          Plot.link(all, { x1: (it) => new Date(+it.date - 1.6 * 864e5), x2: (it) => new Date(+it.date + 1.6 * 864e5), y1: "most", y2: "most", stroke: "var(--one)", strokeWidth: 3, clip: true }),
          Plot.dot(all, { x: "date", y: "seen", r: 4, fill: "var(--one)", ...more, tip: true }),
        ],
      }));
    },

    suites(width) {
      const days = [...report.suites.days.map((it) => ({ ...it, date: within(date(it.day)) })), { ...report.suites.days.at(-1), date: end }];
      const all = days.flatMap((it) => [{ date: it.date, suite: "FAST", tests: it.fast }, { date: it.date, suite: "WEEKLY", tests: it.weekly }]);
      const moves = [...new Set(report.suites.moves.map((it) => it.day))].map((day) => {
        const of_day = report.suites.moves.filter((it) => it.day === day);
        const at = days.filter((it) => it.day <= day).at(-1) ?? days[0];
        return { date: date(day), day, tests: at.fast + at.weekly, record: of_day[0].record, said: of_day.map((it) => `${it.tests} from ${it.from} to ${it.to}: ${it.rule}`).join("; ") };
      });
      const label = (it) => `${it.day}: ${it.said}`;
      return Plot.plot(common(width, 260, {
        x: time,
        y: { label: "tests", grid: true, zero: true, ...whole(Math.max(...days.map((it) => it.fast + it.weekly))) },
        color: { domain: ["FAST", "WEEKLY"], range: ["var(--one)", "var(--five)"] },
        marks: [
          Plot.areaY(all, Plot.stackY({ x: "date", y: "tests", fill: "suite", fillOpacity: 0.75, curve: "step-after", order: ["FAST", "WEEKLY"] })),
          Plot.ruleX(moves, { x: "date", y1: 0, y2: "tests", stroke: "var(--ink)", strokeOpacity: 0.35 }),
          Plot.dot(moves, { x: "date", y: "tests", r: 5, symbol: "diamond", fill: "var(--ink)", title: label, ariaLabel: label, href: (it) => anchor("record", it.record), tip: true }),
          Plot.ruleY([0]),
        ],
      }));
    },

    moves(width) {
      const way = (it) => (it.to === "absent" ? "removed" : it.from === "absent" ? `came to ${it.to.toUpperCase()}` : `to ${it.to.toUpperCase()}`);
      const by = new Map();
      for (const it of report.suites.moves.filter((it) => it.from !== it.to)) {
        const key = `${it.rule} ${it.from} ${it.to}`;
        const sum = by.get(key) ?? { rule: it.rule, way: way(it), key, to: it.to, tests: 0, record: it.record };
        sum.tests += it.tests;
        by.set(key, sum);
      }
      const all = [...by.values()].sort((a, b) => b.tests - a.tests).slice(0, 12);
      const label = (it) => `${it.rule}: ${many(it.tests, "test", "tests")} ${it.way}`;
      return bars(width, all.map((it) => ({ name: `${it.rule}: ${it.way}`, value: it.tests, told: number(it.tests), label: label(it), href: anchor("record", it.record), fill: it.to === "weekly" ? "var(--five)" : it.to === "absent" ? "var(--six)" : "var(--one)" })), "tests", 220);
    },

    faults(width) {
      const all = report.weeks.filter((it) => +date(it.week) + 7 * 864e5 > +since).map((it) => ({ ...it, date: within(+date(it.week) + 7 * 864e5) }));
      all.unshift({ ...all[0], date: since });
      const rows = all.flatMap((it) => [
        { date: it.date, state: "with a guard", faults: it.faults_guarded },
        { date: it.date, state: "without", faults: it.faults - it.faults_guarded },
      ]);
      const label = (it) => `week of ${it.week}: ${it.faults} known, ${it.faults_guarded} with a guard`;
      const most = Math.max(1, ...all.map((it) => it.faults));
      return Plot.plot(common(width, 240, {
        x: time,
        y: { label: "faults of this code", grid: true, domain: [0, most * 1.08], ...whole(most) },
        color: { domain: ["with a guard", "without"], range: ["var(--three)", "var(--two)"] },
        marks: [
          Plot.areaY(rows, Plot.stackY({ x: "date", y: "faults", fill: "state", fillOpacity: 0.75, curve: "step-before", order: ["with a guard", "without"] })),
          Plot.dot(all.slice(1), { x: "date", y: "faults", r: 4, fill: "var(--ink)", title: label, ariaLabel: label, href: (it) => anchor("week", it.week), tip: true }),
          Plot.ruleY([0]),
        ],
      }));
    },

    sightings(width) {
      const all = report.weeks.filter((it) => it.sightings > 0);
      const label = (it) => `week of ${it.week}: seen ${many(it.sightings, "time", "times")}`;
      return Plot.plot(common(width, 240, {
        x: time,
        y: { label: "sightings", grid: true, ...whole(Math.max(...all.map((it) => it.sightings))) },
        marks: [
          Plot.rectY(all, { x1: (it) => date(it.week), x2: (it) => new Date(+date(it.week) + 7 * 864e5), y: "sightings", fill: "var(--two)", insetLeft: 2, insetRight: 2, clip: true,
            title: label, ariaLabel: label, href: (it) => anchor("week", it.week), tip: true }),
          Plot.ruleY([0]),
        ],
      }));
    },

    timeline(width) {
      const all = report.faults.list.filter((it) => it.path !== "").slice(0, 20);
      const narrow = width < 560;
      const name = (it) => `${it.fault.slice(0, 8)} ${tail(it.error_type, narrow ? 14 : 26)}`;
      const first = new Date(Math.min(+since, ...all.map((it) => +date(it.first_seen))));
      const said = (it) => `${it.error_type} in ${it.path} ${it.function}: seen ${many(it.sightings, "time", "times")} from ${moment(it.first_seen)} to ${moment(it.last_seen)}; ${it.guard ? `guarded since ${moment(it.guarded_at)}` : "no guard"}`;
      const back = report.relapses.list.filter((it) => all.some((fault) => fault.fault === it.fault));
      const of = (fault) => name(all.find((it) => it.fault === fault));
      return Plot.plot(common(width, 60 + 24 * all.length, {
        marginLeft: narrow ? 150 : 230, marginRight: 24,
        x: { type: "utc", domain: [first, end], label: null, grid: true },
        y: { domain: all.map(name), label: null, tickSize: 0 },
        marks: [
          Plot.ruleY(all, { y: name, x1: (it) => date(it.first_seen), x2: (it) => date(it.last_seen), stroke: "var(--two)", strokeWidth: 5, strokeLinecap: "round", title: said, ariaLabel: said, href: (it) => anchor("fault", it.fault), tip: true }),
          Plot.dot(all.filter((it) => it.guarded_at), { y: name, x: (it) => date(it.guarded_at), symbol: "diamond", r: 6, fill: "var(--three)", stroke: "var(--ground)",
            ariaLabel: (it) => `guard of ${it.fault.slice(0, 8)} since ${moment(it.guarded_at)}`, href: (it) => anchor("fault", it.fault) }),
          Plot.dot(back, { y: (it) => of(it.fault), x: (it) => date(it.seen_at), symbol: "times", r: 6, stroke: "var(--bad)", strokeWidth: 3, ariaLabel: (it) => `relapse of ${it.fault.slice(0, 8)}, ${moment(it.seen_at)}`, href: (it) => anchor("relapse", it.fault) }),
        ],
      }));
    },

    guards(width) {
      const it = report.guards;
      const steps = [
        ["drafted", it.drafted, "var(--six)"], ["passed the gate", it.passed, "var(--one)"], ["wait for a fix", it.waiting_for_fix, "var(--five)"], ["refused", it.refused, "var(--two)"], ["injected", it.injected, "var(--one)"],
        ["proposed", it.proposed, "var(--one)"], ["in the suite", it.in_suite, "var(--three)"], ["would have caught", it.would_have_caught, "var(--three)"], ["auto-merged", it.auto_merged, "var(--four)"],
        ["of these reverted", it.auto_merged_reverted, "var(--bad)"],
      ];
      return bars(width, steps.map(([name, value, fill]) => ({ name, value, told: number(value), label: `${name}: ${value}`, href: "#drafts", fill })), "drafts", 150);
    },

    slowest(width) {
      const all = report.tests.slowest.slice(0, 15);
      return bars(width, all.map((it, at) => ({ name: own(it.test), value: it.median_us / 1e6, told: it.median_us < 1000 ? `${it.median_us} µs` : seconds(Math.round(it.median_us / 1000)),
        label: `${it.test}: ${seconds(Math.round(it.median_us / 1000))}, ${it.suite}`, href: anchor("slow", at), fill: it.suite === "fast" ? "var(--one)" : "var(--five)" })), "seconds", 240);
    },

    valuable(width) {
      const all = report.tests.valuable.slice(0, 15);
      return bars(width, all.map((it, at) => ({ name: own(it.test), value: it.points, told: number(it.points), label: `${it.test}: ${it.points} points, ${it.suite}`, href: anchor("valuable", at), fill: it.suite === "fast" ? "var(--one)" : "var(--five)" })), "points", 240);
    },
  };

  // Named bars, each with its number beside it; two of one name stay two.
  function bars(width, all, label, room) {
    const left = Math.min(room, Math.round(width * 0.42));
    const most = Math.max(...all.map((it) => it.value)) || 1;
    const rows = all.map((it, at) => ({ ...it, key: String(at) }));
    const name = (key) => tail(rows[Number(key)].name, Math.max(8, Math.floor(left / 7)));
    return Plot.plot(common(width, 10 + 24 * all.length, {
      marginLeft: left, marginTop: 4, marginBottom: 6, marginRight: 70,
      x: { domain: [0, most], label, axis: null },
      y: { domain: rows.map((it) => it.key), label: null, tickFormat: name, tickSize: 0 },
      marks: [
        Plot.barX(rows, { y: "key", x: "value", fill: "fill", insetTop: 2, insetBottom: 2, rx: 2, title: "label", ariaLabel: "label", href: "href", tip: true }),
        Plot.text(rows, { y: "key", x: "value", text: "told", textAnchor: "start", dx: 6, fill: "var(--quiet)" }),
        Plot.ruleX([0], { stroke: "var(--rule)" }),
      ],
    }));
  }

  // One stop of the tabulator a chart; arrows go from mark to mark.
  function reachable(svg) {
    const links = [...svg.querySelectorAll("a")];
    links.forEach((link, at) => {
      link.setAttribute("tabindex", at === 0 ? "0" : "-1");
      const label = link.querySelector("[aria-label]");
      if (label) link.setAttribute("aria-label", label.getAttribute("aria-label"));
      link.removeAttribute("target");
    });
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const at = links.indexOf(document.activeElement);
      if (!step || at < 0) return;
      event.preventDefault();
      const next = links[Math.min(links.length - 1, Math.max(0, at + step))];
      links[at].setAttribute("tabindex", "-1");
      next.setAttribute("tabindex", "0");
      next.focus();
    });
  }

  function draw(figure) {
    const room = figure.querySelector(".plot");
    const width = Math.floor(figure.clientWidth);
    if (width === 0 || room.dataset.width === String(width)) return;
    room.dataset.width = String(width);
    const svg = charts[figure.dataset.chart](width);
    svg.setAttribute("role", "group");
    svg.setAttribute("aria-label", figure.querySelector("figcaption").textContent);
    reachable(svg);
    room.replaceChildren(svg);
  }

  // Plot would pin its tip where the pointer goes down, and then the tip would be clicked, not the mark beneath it.
  addEventListener("pointerdown", (event) => {
    if (event.target instanceof Element && event.target.closest(".plot")) event.stopPropagation();
  }, true);

  const figures = [...document.querySelectorAll("figure.chart")];
  figures.forEach((figure) => { figure.hidden = false; });
  figures.forEach(draw);
  const watch = new ResizeObserver((seen) => requestAnimationFrame(() => seen.forEach((it) => draw(it.target))));
  figures.forEach((figure) => watch.observe(figure));

  // A row that is led to shows itself: whatever it lies in opens, whatever hides it is taken away.
  function reveal() {
    document.querySelectorAll(".reached").forEach((row) => row.classList.remove("reached"));
    const row = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!row) return;
    for (let above = row.parentElement; above; above = above.parentElement) {
      if (above instanceof HTMLDetailsElement) above.open = true;
    }
    if (row.hidden) {
      const search = row.closest("[data-searched]").querySelector("input");
      search.value = "";
      search.dispatchEvent(new Event("input"));
    }
    if (row instanceof HTMLTableRowElement) {
      row.classList.add("reached");
      row.tabIndex = -1;
      row.focus({ preventScroll: true });
      row.scrollIntoView({ block: "center" });
    }
  }
  addEventListener("hashchange", reveal);
  reveal();

  for (const place of document.querySelectorAll("[data-searched]")) {
    const rows = [...place.querySelectorAll("tbody tr")];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const told = place.querySelector("output");
    const search = place.querySelector("input");
    place.querySelector(".search").hidden = false;
    const look = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((row, at) => {
        row.hidden = !words.every((word) => texts[at].includes(word));
        shown += row.hidden ? 0 : 1;
      });
      told.textContent = words.length ? `${number(shown)} of ${number(rows.length)}` : "";
    };
    search.addEventListener("input", look);
    look();
  }
  document.documentElement.dataset.ready = "true";
})();
