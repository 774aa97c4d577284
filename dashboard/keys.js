// The five key metrics: a number, what belongs to it, and its course beside its goal.

import { byId, h, mark, say, sayValue } from "./dom.js";
import { byteRate, count, goalText, rate, ratio, seconds, text } from "./format.js";
import { Spark } from "./plot.js";

const fixed = (top) => (u, min, max) => [0, Math.max(top(), max || 0) * 1.15];
const goalOf = (snapshot, name) => snapshot?.goals?.find((goal) => goal.name === name);

/** Each: what it is, the number, up to three lines of [label, value], goals and the course. */
const METRICS = [
  {
    name: "Throughput",
    help: "Requests answered each second by all workers",
    value: (key) => rate(key.throughput?.rate, "req/s"),
    facts: (key) => [
      ["received", byteRate(key.throughput?.received_bytes_rate)],
      ["sent", byteRate(key.throughput?.sent_bytes_rate)],
      ["since start", count(key.throughput?.total)],
    ],
    goals: [],
    bounds: (snapshot) => [[snapshot.key?.throughput?.expected_rate || null, "good"]],
    lines: [{ column: "rate", colour: "accent", fill: "accent-fill" }],
    scale: () => ({ range: (u, min, max) => [0, (max || 1) * 1.15] }),
  },
  {
    name: "Latency p95",
    own: "p95",
    help: "19 of 20 requests are answered faster; from the merged histograms of all workers",
    value: (key) => seconds(key.latency?.p95),
    facts: (key) => [
      ["p50", seconds(key.latency?.p50)],
      ["p99", seconds(key.latency?.p99)],
      ["mean", seconds(key.latency?.mean)],
    ],
    goals: ["p95", "p99"],
    bounds: (snapshot) => [[goalOf(snapshot, "p95")?.bound, "p95"],
                           [goalOf(snapshot, "p99")?.bound, "p99"]],
    lines: [{ column: "p99", colour: "p99" }, { column: "p95", colour: "p95" }],
    scale: (bounds) => ({ distr: 3, range: (u, min, max) => {
      const top = Math.max(0, ...bounds().map(([bound]) => bound || 0));
      return [min > 0 ? min / 1.5 : 1e-4, Math.max(top * 1.6, (max || 0) * 1.5, 1e-3)];
    } }),
  },
  {
    name: "CPU",
    own: "cpu",
    help: "Time on processors, as a share of what the cluster may use",
    value: (key) => ratio(key.utilization?.cpu),
    facts: (key) => [
      ["memory", ratio(key.utilization?.memory)],
      ["busiest loop", ratio(key.utilization?.loop_max)],
      ["disk writes", byteRate(key.utilization?.disk_write_bytes_rate)],
    ],
    goals: ["cpu", "memory"],
    bounds: (snapshot) => [[goalOf(snapshot, "cpu")?.bound, "bad"]],
    lines: [{ column: "cpu", colour: "accent", fill: "accent-fill" }],
    scale: () => ({ range: (u, min, max) => [0, Math.max(1, max || 0)] }),
  },
  {
    name: "Error rate",
    own: "error_rate",
    help: "Failed (5xx, refused for overload, aborted by the server, timed out) of all requests",
    value: (key) => ratio(key.errors?.ratio),
    facts: (key) => [
      ["failed", count(key.errors?.failed_total)],
      ["aborted", count(key.errors?.aborted_total)],
      ["refused", count(key.errors?.rejected_total)],
    ],
    goals: ["error_rate"],
    bounds: (snapshot) => [[goalOf(snapshot, "error_rate")?.bound, "bad"]],
    lines: [{ column: "error_ratio", colour: "s5xx", fill: "bad-fill" }],
    scale: (bounds) => ({ range: fixed(() => (bounds()[0]?.[0] || 0.001) * 1.5) }),
  },
  {
    name: "Concurrency",
    help: "Requests being answered at this moment",
    value: (key) => count(key.concurrency?.in_flight),
    facts: (key) => [
      ["average", count(key.concurrency?.average)],
      ["connections", count(key.concurrency?.connections)],
      ["headroom", ratio(key.headroom)],
    ],
    goals: ["headroom"],
    bounds: () => [],
    lines: [{ column: "in_flight", colour: "accent", fill: "accent-fill" }],
    scale: () => ({ range: (u, min, max) => [0, Math.max(4, max || 0) * 1.15] }),
  },
];

function card(metric) {
  const value = h("p", { class: "value" });
  const [word, bound] = [h("span", { class: "word" }), h("span")];
  const goal = h("p", { class: "goal" }, word, bound);
  const facts = h("dl", {});
  const place = h("div", { class: "spark", "aria-hidden": "true" });
  const root = h("article", { class: "panel key-metric", title: metric.help },
    h("h2", {}, metric.name), value, goal, place, facts);
  let bounds = [];
  return {
    root,
    /** Only now has the place a size. */
    plot() {
      this.spark = new Spark(place, {
        lines: metric.lines, scale: metric.scale(() => bounds), goals: () => bounds });
    },
    update(history, snapshot) {
      const key = snapshot.key ?? {};
      bounds = metric.bounds(snapshot).filter(([bound]) => bound > 0);
      sayValue(value, metric.value(key));
      const goals = metric.goals.map((name) => goalOf(snapshot, name)).filter(Boolean);
      const missed = goals.find((one) => one.state === "missed");
      const shown = missed ?? goals[0];
      mark(root, "state", missed ? "missed" : shown?.state);
      const expr = goalText(shown?.expr ?? "");
      const own = expr.startsWith(`${metric.own} `);
      say(word, own ? "goal " : "");
      say(bound, own ? expr.slice(metric.own.length + 1) : expr);
      const lines = metric.facts(key);
      while (facts.children.length < lines.length) {
        facts.append(h("div", {}, h("dt"), h("dd")));
      }
      lines.forEach(([name, now], index) => {
        say(facts.children[index].firstElementChild, name);
        say(facts.children[index].lastElementChild, text(now));
      });
      this.spark.show(history);
    },
    repaint() {
      this.spark.repaint();
    },
  };
}

export function keyMetrics() {
  const cards = METRICS.map(card);
  byId("keys").append(...cards.map((one) => one.root));
  for (const one of cards) one.plot();
  return cards;
}
