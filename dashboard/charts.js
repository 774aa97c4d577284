// The four charts: latency as a heat map with its percentiles, requests by status, loop lag with
// the stalls, memory.

import { byId, h, keyed, mark } from "./dom.js";
import { bytes, clock, rate, seconds, text, tick } from "./format.js";
import { colour, drawLine, Plot } from "./plot.js";

const LAG_MIN = 1e-4; // seconds; less is drawn as this
const CELL = 5; // pixels of a heat map's cell, at least
const WHOLE = [0.0001, 0.001, 0.01, 0.1, 1, 10];
const FINE = WHOLE.flatMap((value) => [value, 2 * value, 5 * value]);

/** Splits of a logarithmic axis: decades, or 1-2-5 when few decades are visible. */
function decades(u, axis, min, max) {
  const inside = (all) => all.filter((value) => value >= min * 0.999 && value <= max * 1.001);
  return inside(WHOLE).length >= 3 ? inside(WHOLE) : inside(FINE);
}

const column = (name, format) => (history, row) => text(format(history.columns[name][row]));
const goal = (snapshot, name) => snapshot?.goals?.find((one) => one.name === name)?.bound;

// ---- latency -------------------------------------------------------------------------------

/** Counts of a bucket over the rows of one cell, and how many rows these are. */
function cells(history, from, to, width) {
  const { time } = history.columns;
  const rows = Math.max(1, (to - from) / history.resolution);
  const step = Math.max(1, Math.ceil(rows / Math.max(1, width / CELL))) * history.resolution;
  const found = new Map();
  for (let row = 0; row < time.length; ++row) {
    const heat = history.heat[row];
    if (!heat?.length || time[row] < from - step) continue;
    const at = Math.floor(time[row] / step) * step;
    let cell = found.get(at);
    if (!cell) found.set(at, (cell = { rows: 0, sums: new Array(heat.length).fill(0) }));
    ++cell.rows;
    heat.forEach((value, bucket) => (cell.sums[bucket] += value || 0));
  }
  return { found, step };
}

const channels = (name) => colour(name).match(/[\d.]+/g).slice(0, 3).map(Number);

/** Colours from few to many. */
function ramp(levels) {
  const stops = ["heat-low", "heat-middle", "heat-high"].map(channels);
  return Array.from({ length: levels }, (_, level) => {
    const at = (level / (levels - 1)) * (stops.length - 1);
    const low = Math.min(stops.length - 2, Math.floor(at));
    const mixed = stops[low].map((from, i) => from + (stops[low + 1][i] - from) * (at - low));
    return `rgb(${mixed.map(Math.round).join(" ")})`;
  });
}

function drawHeat(u, history) {
  if (!history?.bounds.length) return;
  const { ctx, bbox } = u;
  const { min, max } = u.scales.x;
  const { found, step } = cells(history, min, max, bbox.width / (window.devicePixelRatio || 1));
  let most = 0;
  for (const cell of found.values()) most = Math.max(most, ...cell.sums.map((n) => n / cell.rows));
  if (!most) return;
  const shades = ramp(24);
  const edge = (bucket) => {
    const { bounds } = history;
    // The first bucket begins at 0, which a logarithmic axis does not have: it reaches the bottom.
    if (bucket < 0) return bbox.top + bbox.height;
    return Math.round(u.valToPos(bounds[bucket] ?? bounds.at(-1) * 2, "y", true));
  };
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (const [at, cell] of found) {
    const left = Math.round(u.valToPos(at, "x", true));
    const right = Math.round(u.valToPos(at + step, "x", true));
    cell.sums.forEach((sum, bucket) => {
      if (!sum) return;
      const level = Math.sqrt(sum / cell.rows / most);
      const [bottom, top] = [edge(bucket - 1), edge(bucket)];
      ctx.fillStyle = shades[Math.min(23, Math.floor(level * 24))];
      const gap = bottom - top > 5 ? 1 : 0;
      ctx.fillRect(left, top + gap, Math.max(1, right - left - (right - left > 5 ? 1 : 0)),
                   bottom - top - gap);
    });
  }
  ctx.restore();
}

/** From the fastest bucket with answers to the slowest, and the goals in any case. */
function latencyRange(history, snapshot) {
  let [low, high] = [Infinity, -1];
  for (const heat of history?.heat ?? []) {
    for (let i = 0; i < heat.length; ++i) {
      if (heat[i]) {
        low = Math.min(low, i);
        high = Math.max(high, i);
      }
    }
  }
  const bounds = history?.bounds ?? [];
  const goals = [goal(snapshot, "p95"), goal(snapshot, "p99")].filter((one) => one > 0);
  const known = (history?.columns.p50 ?? []).filter((value) => value > 0);
  const fastest = Math.min(...known, bounds[0]);
  const bottom = low === Infinity ? 0.001 : low === 0 ? Math.max(fastest / 2, 1e-6)
    : bounds[low - 1];
  const top = high < 0 ? 1 : (bounds[high] ?? 20);
  return [Math.min(bottom, 0.01), Math.max(top, ...goals.map((one) => one * 3), 0.02)];
}

export function latencyChart() {
  let snapshot = null;
  let plot = null; // its scale asks for it while it is made
  plot = new Plot(byId("latency-plot"), byId("latency-legend"), {
    format: (value) => tick(seconds(value)),
    splits: decades,
    scale: { distr: 3, range: () => latencyRange(plot?.history, snapshot) },
    series: [{ colour: "p50", width: 1 }, { colour: "p95" }, { colour: "p99" }],
    legend: ["p50", "p95", "p99"].map((name) => (
      { label: name, colour: name, value: column(name, seconds) })),
    hooks: {
      drawAxes: [(u) => drawHeat(u, plot?.history)],
      draw: [(u) => {
        for (const name of ["p95", "p99"]) {
          const bound = goal(snapshot, name);
          drawLine(u, bound, name, bound && `${name} goal ${text(seconds(bound))}`,
                   name === "p95" ? "below" : "above");
        }
      }],
    },
  });
  return {
    plot,
    update(history, now) {
      snapshot = now;
      const { time, p50, p95, p99 } = history.columns;
      plot.show(history, [time, p50, p95, p99]);
    },
  };
}

// ---- requests by status --------------------------------------------------------------------

const CLASSES = ["2xx", "3xx", "4xx", "5xx"];

export function statusChart() {
  const series = CLASSES.map((name) => ({ colour: `s${name}`, width: 1 })).reverse();
  const plot = new Plot(byId("status-plot"), byId("status-legend"), {
    format: (value) => tick(rate(value)),
    scale: { range: (u, min, max) => [0, max > 0 ? max * 1.1 : 1] },
    // The sum of all is drawn first, what is below it over it.
    series: series.map((one) => ({ ...one, fill: `${one.colour}-fill` })),
    legend: CLASSES.map((name) => ({ label: name, colour: `s${name}`, value: column(name, rate) })),
  });
  return {
    plot,
    update(history) {
      const sums = [];
      CLASSES.reduce((below, name) => {
        const sum = history.columns[name].map((value, row) =>
          value == null ? null : value + (below?.[row] ?? 0));
        sums.unshift(sum);
        return sum;
      }, null);
      plot.show(history, [history.columns.time, ...sums]);
    },
  };
}

// ---- loop lag ------------------------------------------------------------------------------

/** Buttons over the plot, one a stall: they can be reached by keyboard and open its stack. */
function markers(u, stalls, open) {
  const { min, max } = u.scales.x;
  const visible = stalls.filter((stall) => stall.time >= min && stall.time <= max);
  keyed(u.over, visible, (stall) => `${stall.role}${stall.worker}-${stall.time}`, (first) => {
    let stall = first;
    const root = h("button", { class: "stall-marker", type: "button",
                               onclick: () => open(stall) });
    return {
      root,
      update(now) {
        stall = now;
        const words = `Stall of ${text(seconds(now.duration_s))} at ${clock(now.time)}, ` +
          `${now.role} ${now.worker}: show its stack`;
        if (root.title !== words) root.title = words;
        root.setAttribute("aria-label", words);
        mark(root, "ongoing", Boolean(now.ongoing));
        root.style.setProperty("left", `${u.valToPos(now.time, "x")}px`);
      },
    };
  });
}

export function lagChart(openStall) {
  let snapshot = null;
  const threshold = () => snapshot?.loop?.threshold_s;
  const plot = new Plot(byId("lag-plot"), byId("lag-legend"), {
    format: (value) => tick(seconds(value)),
    splits: decades,
    scale: {
      distr: 3,
      range: (u, min, max) => [LAG_MIN, Math.max((threshold() ?? 0.1) * 4, max || 0)],
    },
    series: [{ colour: "lag", fill: "lag-fill", fillTo: () => LAG_MIN }],
    legend: [{ label: "worst lag", colour: "lag", value: column("lag", seconds) }],
    hooks: { draw: [(u) => {
      const at = threshold();
      drawLine(u, at, "bad", at && `threshold ${text(seconds(at))}`);
      markers(u, snapshot?.loop?.stalls ?? [], openStall);
    }] },
  });
  return {
    plot,
    update(history, now) {
      snapshot = now;
      const { time, lag } = history.columns;
      plot.show(history, [time, lag.map((value) => value == null ? null
        : Math.max(LAG_MIN, value))]);
    },
  };
}

// ---- memory --------------------------------------------------------------------------------

export function memoryChart() {
  let limit = null;
  const plot = new Plot(byId("memory-plot"), byId("memory-legend"), {
    format: (value) => tick(bytes(value)),
    splits: (u, axis, min, max) => {
      const step = 2 ** Math.ceil(Math.log2(Math.max(1, (max - min) / 4)));
      return Array.from({ length: Math.floor(max / step) + 1 }, (_, i) => i * step);
    },
    scale: { range: (u, min, max) => {
      const top = (max || 1) * 1.25;
      return [0, limit && limit < top * 3 ? Math.max(top, limit * 1.05) : top];
    } },
    series: [{ colour: "memory", fill: "memory-fill" }],
    legend: [{ label: "cluster (PSS)", colour: "memory", value: column("pss", bytes) }],
    hooks: { draw: [(u) => drawLine(u, limit, "bad", limit && `limit ${text(bytes(limit))}`)] },
  });
  return {
    plot,
    update(history, now) {
      const workers = now?.workers?.length ?? 0;
      const perWorker = now?.memory?.worker_limit_bytes;
      limit = perWorker ? perWorker * workers : now?.memory?.host?.limit_bytes;
      plot.show(history, [history.columns.time, history.columns.pss]);
    },
  };
}

