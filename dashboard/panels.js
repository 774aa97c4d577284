// The panels below the charts: goals, availability, alerts, caches, routes, incidents,
// dependencies; what stands beside the memory chart; the monitor's own figures.

import { byId, h, keyed, mark, say, share } from "./dom.js";
import {
  availability, bytes, byUnit, count, goalText, lasting, moment, rate, ratio, seconds, text, tick,
} from "./format.js";

/** One line that says that there is nothing, in place of an empty list. */
function orNothing(items, words) {
  return items.length ? items : [{ nothing: words }];
}

function nothing() {
  const root = h("li", { class: "nothing" });
  return { root, update: (item) => say(root, item.nothing) };
}

// ---- goals and availability ----------------------------------------------------------------

function goalRow() {
  const state = h("i", { class: "mark", role: "img" });
  const expr = h("span", { class: "name" });
  const value = h("b", {});
  const line = h("i", { class: "bar", "aria-hidden": "true" });
  const reason = h("small", {});
  const root = h("li", {}, state, expr, value, line, reason);
  return {
    root,
    update(goal) {
      mark(root, "state", goal.state);
      state.setAttribute("aria-label", goal.state);
      say(expr, goalText(goal.expr));
      say(value, text(goal.name === "availability" ? availability(goal.value)
        : byUnit(goal.value, goal.unit)));
      share(line, goal.value / goal.bound);
      mark(line, "known", goal.value != null && goal.bound > 0 && !goal.expr.includes(">"));
      say(reason, goal.state === "met" ? "" : goal.reason);
    },
  };
}

function goals(snapshot) {
  const all = snapshot.goals ?? [];
  const of = (state) => all.filter((goal) => goal.state === state).length;
  say(byId("goals-note"), [`${of("met")} met`, of("missed") && `${of("missed")} missed`,
    of("unknown") && `${of("unknown")} unknown`].filter(Boolean).join(" · "));
  keyed(byId("goals"), all, (goal) => goal.name, goalRow);
}

const BURN_WORDS = { ok: "ok", firing: "firing", insufficient_traffic: "quiet" };

function budget() {
  const number = h("p", { class: "value" });
  const line = h("i", { class: "bar tall", role: "img" });
  const note = h("p", { class: "quiet" });
  const rows = h("tbody");
  byId("availability").append(
    h("div", { class: "budget" }, number, h("div", {}, line, note)),
    h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {},
      ["Burn rate", "Limit", "Long", "Short", ""].map((name) => h("th", { scope: "col" }, name)))),
      rows)));
  return (now) => {
    say(number, text(availability(now.ratio)));
    share(line, now.budget_left);
    mark(line, "state", now.budget_left > 0.25 ? "met" : now.budget_left > 0 ? "low" : "missed");
    line.setAttribute("aria-label", `error budget left: ${text(ratio(now.budget_left))}`);
    say(note, `${text(ratio(now.budget_left))} of the error budget left · ` +
      `${text(lasting(now.down_s))} down · ${text(count(now.failed))} failed`);
    keyed(rows, now.burn ?? [], (one) => `${one.severity}${one.factor}`, () => {
      const cells = [h("th", { scope: "row" }), h("td"), h("td"), h("td"), h("td")];
      const badge = h("span", { class: "badge" });
      cells[4].append(badge);
      return {
        root: h("tr", {}, cells),
        update(one) {
          say(cells[0], one.severity);
          say(cells[1], `${one.factor}×`);
          say(cells[2], `${text(lasting(one.long_s))} ${text(count(one.long_rate))}×`);
          say(cells[3], `${text(lasting(one.short_s))} ${text(count(one.short_rate))}×`);
          say(badge, BURN_WORDS[one.state] ?? one.state);
          mark(badge, "state", one.state);
        },
      };
    });
  };
}

// ---- alerts, incidents, dependencies -------------------------------------------------------

const ALERT_ORDER = ["firing", "pending", "resolved"];

function alertRow(first) {
  if (first.nothing) return nothing();
  const [badge, name, since, words] =
    [h("span", { class: "badge" }), h("b"), h("time"), h("p")];
  return {
    root: h("li", {}, h("div", {}, badge, name, since), words),
    update(alert) {
      mark(badge, "state", alert.state);
      say(badge, alert.state);
      say(name, alert.severity ? `${alert.name} · ${alert.severity}` : alert.name);
      say(since, `since ${moment(alert.since)}`);
      say(words, alert.summary);
    },
  };
}

function alerts(snapshot) {
  const all = [...(snapshot.alerts ?? [])].sort((a, b) =>
    ALERT_ORDER.indexOf(a.state) - ALERT_ORDER.indexOf(b.state) || b.since - a.since);
  const firing = all.filter((alert) => alert.state === "firing").length;
  say(byId("alerts-note"), firing ? `${firing} firing` : "");
  keyed(byId("alerts"), orNothing(all, "No alert is pending or firing."),
    (alert) => alert.nothing ?? alert.name + alert.since, alertRow);
}

function incidents(snapshot) {
  const all = [...(snapshot.incidents ?? [])].sort((a, b) => b.time - a.time);
  keyed(byId("incidents"), orNothing(all, "Nothing has happened."),
    (one) => one.nothing ?? `${one.time}${one.kind}${one.text}`, (first) => {
      if (first.nothing) return nothing();
      const [time, kind, words] = [h("time"), h("b"), h("span")];
      return {
        root: h("li", { class: "line" }, time, kind, words),
        update(one) {
          say(time, moment(one.time));
          say(kind, one.kind);
          mark(kind, "kind", one.kind);
          say(words, one.text);
        },
      };
    });
}

/** Pools, caches elsewhere, upstreams: whatever fields they have. */
function dependencies(snapshot) {
  const words = "None yet. Connection pools, Redis and upstream services will appear here.";
  keyed(byId("dependencies"), orNothing(snapshot.dependencies ?? [], words),
    (one, index) => one.nothing ?? one.name ?? index, (first) => {
      if (first.nothing) return nothing();
      const [name, rest] = [h("b"), h("span")];
      return {
        root: h("li", { class: "line" }, name, rest),
        update(one) {
          say(name, one.name ?? one.kind ?? "");
          say(rest, Object.entries(one).filter(([key]) => key !== "name")
            .map(([key, value]) => `${key} ${value ?? "–"}`).join(" · "));
        },
      };
    });
}

// ---- caches --------------------------------------------------------------------------------

/** Each level gets what the one above did not have; what none has is read from the source. */
function steps(levels) {
  const all = levels.map((level) => ({
    ...level, asked: (level.hit_rate ?? 0) + (level.miss_rate ?? 0) }));
  const last = all.at(-1);
  if (last) all.push({ level: "source", asked: last.miss_rate ?? 0, source: true });
  return all;
}

function funnelRow() {
  const [name, hits, asked, facts] = [h("b"), h("i"), h("span"), h("small")];
  const line = h("div", { class: "level", "aria-hidden": "true" }, hits);
  return {
    root: h("li", {}, h("div", { class: "head" }, name, asked), line, facts),
    update(level) {
      say(name, level.source ? "Source" : level.level.toUpperCase());
      say(asked, level.source ? `${text(rate(level.asked))} read`
        : `${text(ratio(level.hit_ratio))} of ${text(rate(level.asked))} found`);
      share(line, level.width);
      share(hits, level.source ? 1 : level.hit_ratio);
      mark(line, "source", Boolean(level.source));
      say(facts, level.source ? "" : `${text(count(level.entries))} entries · ` +
        `${text(bytes(level.bytes))} · ${text(rate(level.evictions_rate))} evicted`);
    },
  };
}

function cache(snapshot) {
  const all = steps(snapshot.cache ?? []);
  const top = all[0]?.asked || 1;
  for (const level of all) level.width = all[0].asked ? level.asked / top : 0;
  const list = orNothing(all, "No cache is configured.");
  keyed(byId("cache"), list, (one) => one.nothing ?? one.level,
    (first) => (first.nothing ? nothing() : funnelRow()));
  say(byId("cache-note"), all.length ? `${text(rate(all[0].asked))} lookups` : "");
}

// ---- routes, memory, the monitor itself ----------------------------------------------------

function routes(snapshot) {
  const all = [...(snapshot.routes ?? [])].sort((a, b) => b.rate - a.rate);
  say(byId("routes-note"), all.length ? String(all.length) : "none yet");
  keyed(byId("routes").tBodies[0], all, (one) => `${one.method} ${one.route}`, () => {
    const [method, path] = [h("small"), h("span")];
    const cells = [h("th", { scope: "row" }, method, path), h("td"), h("td"), h("td")];
    return {
      root: h("tr", {}, cells),
      update(one) {
        say(method, one.method === "_OTHER" ? "other" : one.method);
        say(path, one.route);
        cells[0].title = one.route;
        say(cells[1], text(rate(one.rate)));
        say(cells[2], text(seconds(one.p95)));
        say(cells[3], text(ratio(one.error_ratio)));
        mark(cells[3], "state", one.error_ratio > 0 ? "missed" : "");
      },
    };
  });
}

const KINDS = [
  ["RSS", "rss"], ["PSS", "pss"], ["Heap total", "heap_total"], ["Heap used", "heap_used"],
  ["External", "external"], ["Cache", "cache"],
];

function memory(snapshot) {
  const { cluster = {}, host = {}, pressure, worker_limit_bytes: limit } = snapshot.memory ?? {};
  const rows = KINDS.map(([name, key]) => ({
    name, value: text(bytes(cluster[key])), part: cluster[key] / (cluster.rss || 1) }));
  rows.push({ name: host.source === "cgroup" ? "Cgroup" : "Host",
              value: `${text(ratio(host.ratio))} of ${text(bytes(host.limit_bytes))}`,
              part: host.ratio, kind: "host" });
  if (limit) {
    const worst = Math.max(0, ...(snapshot.workers ?? []).map((one) => one.pss ?? one.rss ?? 0));
    rows.push({ name: "Worst worker", value: `${text(ratio(worst / limit))} of ` +
                `${text(bytes(limit))}`, part: worst / limit, kind: "host" });
  }
  say(byId("pressure"), pressure ? `pressure: ${["cpu", "memory", "io"].map((key) =>
    `${key} ${text(ratio(pressure[key]))}`).join(", ")}` : "");
  keyed(byId("memory-kinds"), rows, (row) => row.name, () => {
    const [name, value, line] = [h("dt"), h("dd"), h("i", { class: "bar", "aria-hidden": "true" })];
    const root = h("div", {}, name, value, line);
    return {
      root,
      update(row) {
        mark(root, "kind", row.kind);
        say(name, row.name);
        say(value, row.value);
        share(line, row.part);
        mark(line, "state", row.kind === "host" && row.part > 0.8 ? "missed" : "");
      },
    };
  });
}

function self(snapshot) {
  const { tick_s, scrape_s, series, series_dropped, clients, unreadable } = snapshot.self ?? {};
  const words = [
    `Monitor: ${text(seconds(tick_s))} a tick`,
    scrape_s == null ? "" : `${text(seconds(scrape_s))} a scrape`,
    `${text(count(series))} series`,
    series_dropped ? `${text(count(series_dropped))} dropped` : "",
    clients != null ? `${clients} open dashboard${clients === 1 ? "" : "s"}` : "",
    unreadable ? `${unreadable} unreadable blocks` : "",
  ];
  say(byId("self"), words.filter(Boolean).join(" · "));
}

export function panels() {
  const showBudget = budget();
  return (snapshot) => {
    goals(snapshot);
    showBudget(snapshot.availability ?? {});
    const { goal, period_s } = snapshot.availability ?? {};
    say(byId("availability-note"), goal == null ? ""
      : `goal ${tick(availability(goal))} over ${text(lasting(period_s))}`);
    alerts(snapshot);
    incidents(snapshot);
    dependencies(snapshot);
    cache(snapshot);
    routes(snapshot);
    memory(snapshot);
    self(snapshot);
  };
}

