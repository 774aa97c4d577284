// The page: what is shown where, and when.

import { latencyChart, lagChart, memoryChart, statusChart } from "./charts.js";
import { byId, h, keyed, mark, remember, remembered, say } from "./dom.js";
import { Feed, getJson, signIn } from "./feed.js";
import { clock, lasting, text } from "./format.js";
import { History } from "./history.js";
import { keyMetrics } from "./keys.js";
import { panels } from "./panels.js";
import { forgetColours } from "./plot.js";
import { stallsDialog } from "./stalls.js";
import { workersTable } from "./workers.js";

const WORDS = { green: "Healthy", amber: "Degraded", red: "Failing" };
const ROWS = { "1s": [1, 15 * 60], "1m": [60, 24 * 60] };

let snapshot = null;
let range = "1s";
const histories = Object.fromEntries(
  Object.entries(ROWS).map(([name, [resolution, rows]]) => [name, new History(resolution, rows)]));

const stalls = stallsDialog();
const cards = keyMetrics();
const charts = [latencyChart(), statusChart(), lagChart(stalls.open), memoryChart()];
const showWorkers = workersTable();
const showPanels = panels();

// ---- what is on top ------------------------------------------------------------------------

/** What stands beside "Healthy": an unknown goal is not a met one. */
function verdict(goals) {
  const met = goals.filter((goal) => goal.state === "met").length;
  return met === goals.length ? "all goals met" : `${met} of ${goals.length} goals met`;
}

function showTop({ instance = {}, state, reasons = [], goals = [] }) {
  const phase = instance.phase && instance.phase !== "running" ? instance.phase : "";
  mark(byId("state"), "state", state);
  say(byId("state-word"), phase ? phase[0].toUpperCase() + phase.slice(1) : WORDS[state] ?? state);
  say(byId("state-note"), reasons.length || !goals.length ? "" : verdict(goals));
  say(byId("name"), instance.name || "Paceline");
  say(byId("address"), (instance.listen ?? []).join(", "));
  keyed(byId("reasons"), reasons, (reason) => reason, () => {
    const root = h("li");
    return { root, update: (reason) => say(root, reason) };
  });
  const facts = [
    ["up", text(lasting(instance.uptime_s))], ["version", instance.version],
    ["generation", instance.generation], ["pid", instance.supervisor_pid],
    ["config", instance.config_hash?.slice(0, 8)],
  ].filter(([, value]) => value != null && value !== "");
  keyed(byId("facts"), facts, ([name]) => name, ([name]) => {
    const value = h("dd");
    return { root: h("div", {}, h("dt", {}, name), value), update: ([, now]) => say(value, now) };
  });
  document.title = `${state === "green" ? "" : `${WORDS[state] ?? state}: `}` +
    `${instance.name || "Paceline"}`;
}

function showStale(age) {
  const banner = byId("stale");
  banner.hidden = !age;
  document.body.classList.toggle("stale", Boolean(age));
  if (!age) return;
  const since = snapshot ? ` What you see is from ${clock(snapshot.time)}.` : "";
  say(banner, `No data for ${Math.floor(age)} s: the monitor does not answer.${since}`);
}

// ---- frames --------------------------------------------------------------------------------

function draw() {
  if (!snapshot || document.hidden) return;
  const history = histories[range];
  for (const card of cards) attempt(() => card.update(history, snapshot));
  for (const chart of charts) attempt(() => chart.update(history, snapshot));
  attempt(() => stalls.update(snapshot));
  attempt(() => showWorkers(snapshot));
  attempt(() => showPanels(snapshot));
}

/** A part that cannot show a frame must not take the others with it. */
function attempt(part) {
  try {
    part();
  } catch (error) {
    console.error(error);
  }
}

async function loadHistory(name) {
  histories[name].load(await getJson(`/api/v1/history?resolution=${name}`));
}

const feed = new Feed({
  async connect() {
    await loadHistory("1s");
    if (range !== "1s") await loadHistory(range);
  },
  snapshot(now) {
    snapshot = now;
    histories["1s"].add(now);
    showTop(now);
    draw();
  },
  stale: showStale,
  signIn: () => {
    if (!byId("sign-in").open) byId("sign-in").showModal();
  },
});

// A minute's row is made by the monitor; ask for it when it must be there.
setInterval(async () => {
  if (range === "1m" && !document.hidden) await loadHistory("1m").catch(() => {});
}, 30_000);
document.addEventListener("visibilitychange", draw);

// ---- controls ------------------------------------------------------------------------------

byId("range").addEventListener("change", async (event) => {
  range = event.target.value;
  if (range !== "1s") await loadHistory(range).catch(() => {});
  draw();
});

byId("sign-in-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const problem = byId("sign-in-problem");
  say(problem, "");
  const token = byId("token");
  if (await signIn(token.value).catch(() => false)) {
    token.value = "";
    byId("sign-in").close();
    feed.open();
  } else {
    say(problem, "That is not the token.");
  }
});

const THEMES = ["auto", "dark", "light"];
let theme = remembered("theme", THEMES[0]);

function useTheme() {
  const root = document.documentElement;
  if (theme === "auto") delete root.dataset.theme;
  else root.dataset.theme = theme;
  say(byId("theme"), `Theme: ${theme}`);
  repaint();
}

function repaint() {
  forgetColours();
  for (const card of cards) card.repaint();
  for (const chart of charts) chart.plot.repaint();
}

byId("theme").addEventListener("click", () => {
  theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  remember("theme", theme);
  useTheme();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);

useTheme();
feed.open();
