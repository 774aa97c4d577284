// What the charts draw: columns of numbers by time, filled from /api/v1/history and then by each
// snapshot.

const COLUMNS = [
  "time", "rate", "p50", "p95", "p99", "error_ratio", "cpu", "memory", "loop", "lag", "in_flight",
  "connections", "2xx", "3xx", "4xx", "5xx", "pss",
];
const GAP = 3.5; // resolutions without a row: the line is broken there

/** One second or one minute a row; the oldest fall out. */
export class History {
  constructor(resolution, rowsMax) {
    this.resolution = resolution;
    this.rowsMax = rowsMax;
    this.bounds = [];
    this.clear();
  }

  clear() {
    this.columns = Object.fromEntries(COLUMNS.map((name) => [name, []]));
    this.heat = [];
  }

  get length() {
    return this.columns.time.length;
  }

  /** Replaces everything by the answer of /api/v1/history. */
  load(answer) {
    this.clear();
    this.bounds = answer.heat_bounds_s ?? [];
    const given = answer.columns ?? {};
    (given.time ?? []).forEach((_, row) => {
      this.#append((name) => given[name]?.[row] ?? null, answer.heat?.[row] ?? []);
    });
  }

  /** A snapshot as the newest row; ignored when it is not newer. */
  add(snapshot) {
    const key = snapshot.key ?? {};
    const values = {
      time: snapshot.time,
      rate: key.throughput?.rate,
      p50: key.latency?.p50,
      p95: key.latency?.p95,
      p99: key.latency?.p99,
      error_ratio: key.errors?.ratio,
      cpu: key.utilization?.cpu,
      memory: key.utilization?.memory,
      loop: key.utilization?.loop_max ?? snapshot.loop?.utilization_max,
      lag: snapshot.loop?.lag_max,
      in_flight: key.concurrency?.in_flight,
      connections: key.concurrency?.connections,
      pss: snapshot.memory?.cluster?.pss,
      ...snapshot.status,
    };
    this.#append((name) => values[name] ?? null, snapshot.heat ?? []);
  }

  #append(value, heat) {
    const { time } = this.columns;
    const now = value("time");
    const last = time.at(-1) ?? -Infinity;
    if (now == null || now <= last) return;
    if (now - last > GAP * this.resolution && time.length) {
      this.#push((name) => (name === "time" ? last + this.resolution : null), []);
    }
    this.#push(value, heat);
    while (time.length > this.rowsMax) {
      for (const name of COLUMNS) this.columns[name].shift();
      this.heat.shift();
    }
  }

  #push(value, heat) {
    for (const name of COLUMNS) this.columns[name].push(value(name));
    this.heat.push(heat);
  }

  /** From when to when a chart shows: as much as there is, but never less than two minutes, or half
   * an hour by minutes. */
  span() {
    const { time } = this.columns;
    const end = time.at(-1) ?? Date.now() / 1000;
    const start = Math.max(time[0] ?? end, end - this.rowsMax * this.resolution);
    return [Math.min(start, end - Math.max(120, 30 * this.resolution)), end];
  }
}
