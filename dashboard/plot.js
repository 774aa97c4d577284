// One uPlot: its looks, its size, a crosshair that all plots share, a legend that shows the values
// under it (or the newest), and goal lines.
/* global uPlot */

import { byId, h, say } from "./dom.js";
import { clock } from "./format.js";

const SYNC = "time";
const FONT = '11px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';
const AXIS_WIDTH = 56; // the same on every plot, so that their times stand below each other

let colours = new Map();

/** A colour of the style sheet, as it is in the theme of this moment. */
export function colour(name) {
  let value = colours.get(name);
  if (!value) {
    const probe = byId("probe");
    probe.style.setProperty("color", `var(--${name})`);
    value = getComputedStyle(probe).color;
    colours.set(name, value);
  }
  return value;
}

export function forgetColours() {
  colours = new Map();
}

const dpr = () => window.devicePixelRatio || 1;

/** A dashed line across at `value`, with a word above or below its right end. */
export function drawLine(u, value, name, label, side = "above") {
  const { ctx, bbox } = u;
  const { min, max } = u.scales.y;
  if (value == null || !(value >= min && value <= max)) return;
  const y = Math.round(u.valToPos(value, "y", true));
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour(name);
  ctx.lineWidth = dpr();
  ctx.setLineDash([4 * dpr(), 4 * dpr()]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  if (label) {
    ctx.font = `${10 * dpr()}px system-ui, sans-serif`;
    ctx.textAlign = "right";
    const below = side === "below" || y - bbox.top < 14 * dpr();
    ctx.textBaseline = below ? "top" : "bottom";
    const at = bbox.left + bbox.width - 4 * dpr();
    ctx.lineWidth = 3 * dpr();
    ctx.setLineDash([]);
    ctx.strokeStyle = colour("surface");
    ctx.strokeText(label, at, y + (below ? 3 : -2) * dpr());
    ctx.fillText(label, at, y + (below ? 3 : -2) * dpr());
  }
  ctx.restore();
}

const timeSteps = [1, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 10800, 21600, 43200];

function axes(format, splits) {
  const base = {
    stroke: () => colour("muted"),
    grid: { stroke: () => colour("grid"), width: 1 },
    ticks: { show: false },
    font: FONT,
  };
  return [
    { ...base, grid: { show: false }, size: 24, gap: 6, space: 76, incrs: timeSteps,
      values: (u, times, axis, space, step) => times.map((time) => clock(time, step < 60)) },
    { ...base, size: AXIS_WIDTH, gap: 6, space: 30, splits, filter: (u, at) => at,
      values: (u, at) => at.map(format) },
  ];
}

/** The row of the crosshair, moved by the arrow keys too. */
function keys(u, moved) {
  return (event) => {
    const rows = u.data[0].length;
    if (!rows || !["ArrowLeft", "ArrowRight", "Home", "End", "Escape"].includes(event.key)) return;
    event.preventDefault();
    if (event.key === "Escape") {
      u.setCursor({ left: -10, top: -10 });
      return;
    }
    const step = Math.max(1, Math.round(rows / 60));
    const from = u.cursor.idx ?? rows - 1;
    const to = { ArrowLeft: from - step, ArrowRight: from + step, Home: 0, End: rows - 1 };
    const row = Math.min(rows - 1, Math.max(0, to[event.key]));
    u.setCursor({ left: u.valToPos(u.data[0][row], "x"), top: u.over.clientHeight / 2 });
    moved();
  };
}

/**
 * spec: {series, scale, format, splits, hooks, legend: [{label, colour, value(row)}],
 * times(): where legend times go}. `place` gets the canvas, `legend` the values.
 */
export class Plot {
  #place;
  #legend;
  #rows;
  #spec;

  constructor(place, legend, spec) {
    this.#place = place;
    this.#spec = spec;
    this.#legend = legend;
    this.#rows = spec.legend.map((entry) => {
      const value = h("b", {}, "");
      legend.append(h("span", { class: "key", "data-colour": entry.colour }, entry.label, value));
      return value;
    });
    const when = h("time", {}, "");
    legend.append(when);
    this.#rows.push(when);
    this.u = new uPlot(this.#options(), [[]], place);
    place.addEventListener("keydown", keys(this.u, () => this.#announce()));
    new ResizeObserver(() => this.#fit()).observe(place);
  }

  #options() {
    const spec = this.#spec;
    const hooks = { ...spec.hooks };
    hooks.setCursor = [() => this.#values()];
    return {
      ...this.#size(),
      padding: [10, 12, 0, 0],
      legend: { show: false },
      cursor: {
        sync: { key: SYNC, setSeries: false },
        y: false,
        drag: { x: false, y: false, setScale: false },
        points: { size: 6, width: 1.5 },
      },
      scales: { x: { time: true, range: () => this.span ?? [0, 1] }, y: spec.scale },
      axes: axes(spec.format, spec.splits),
      series: [{}, ...spec.series.map((one) => ({
        width: 1.5,
        points: { show: false },
        ...one,
        stroke: () => colour(one.colour),
        fill: one.fill ? () => colour(one.fill) : undefined,
      }))],
      bands: spec.bands,
      hooks,
    };
  }

  #size() {
    return { width: Math.max(120, this.#place.clientWidth),
             height: Math.max(80, this.#place.clientHeight) };
  }

  #fit() {
    const size = this.#size();
    if (size.width !== this.u.width || size.height !== this.u.height) this.u.setSize(size);
  }

  /** New data; `history` is what the legend's functions read. */
  show(history, data) {
    this.history = history;
    this.span = history.span();
    this.u.setData(data, true);
    this.#values();
  }

  #values() {
    if (!this.history) return;
    const at = this.u?.cursor.left >= 0 ? this.u.cursor.idx : null;
    const row = at ?? this.history.length - 1;
    this.#spec.legend.forEach((entry, index) => {
      say(this.#rows[index], row >= 0 ? entry.value(this.history, row) : "–");
    });
    say(this.#rows.at(-1), at == null ? "" : clock(this.history.columns.time[row]));
  }

  #announce() {
    say(byId("announcer"), this.#legend.textContent);
  }

  repaint() {
    this.u.redraw(false, true);
  }
}

/** Small, without axes: the shape of one number. lines: [{column, colour, fill}]. */
export class Spark {
  #place;

  constructor(place, { lines, scale, goals = () => [] }) {
    this.#place = place;
    this.lines = lines;
    this.u = new uPlot({
      width: Math.max(60, place.clientWidth),
      height: Math.max(24, place.clientHeight),
      padding: [3, 0, 3, 0],
      legend: { show: false },
      cursor: { show: false },
      axes: [{ show: false }, { show: false }],
      scales: { x: { time: true, range: () => this.span ?? [0, 1] }, y: scale },
      series: [{}, ...lines.map((line) => ({
        width: 1.5,
        points: { show: false },
        stroke: () => colour(line.colour),
        fill: line.fill ? () => colour(line.fill) : undefined,
        fillTo: (u) => u.scales.y.min,
      }))],
      hooks: { draw: [(u) => {
        for (const [value, name] of goals()) drawLine(u, value, name);
      }] },
    }, [[]], place);
    new ResizeObserver(() => {
      const size = { width: Math.max(60, place.clientWidth),
                     height: Math.max(24, place.clientHeight) };
      if (size.width !== this.u.width || size.height !== this.u.height) this.u.setSize(size);
    }).observe(this.#place);
  }

  show(history) {
    this.span = history.span();
    this.u.setData([history.columns.time, ...this.lines.map((line) => line.value
      ? history.columns[line.column].map(line.value) : history.columns[line.column])], true);
  }

  repaint() {
    this.u.redraw(false, true);
  }
}
