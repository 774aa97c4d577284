// The workers, a row each, in the order that the reader chose; and the other processes.

import { byId, h, keyed, mark, remember, remembered, say, share } from "./dom.js";
import { bytes, count, lasting, rate, ratio, seconds, text } from "./format.js";

/** Worst first, when sorted by state. */
const STATES = ["blocked", "silent", "backoff", "starting", "draining", "ready"];

const COLUMNS = [
  { name: "Worker", of: (w) => w.slot, show: (w) => String(w.slot), help: "Slot number" },
  { name: "State", of: (w) => STATES.indexOf(w.state), kind: "state" },
  { name: "PID", of: (w) => w.pid, show: (w) => (w.pid ? String(w.pid) : "–") },
  { name: "Age", of: (w) => w.age_s, show: (w) => text(lasting(w.age_s)) },
  { name: "Restarts", of: (w) => w.restarts, kind: "restarts" },
  { name: "Requests", of: (w) => w.rate, show: (w) => text(rate(w.rate)) },
  { name: "Share", of: (w) => w.share, kind: "share", help: "Of all requests" },
  { name: "In flight", of: (w) => w.in_flight, show: (w) => text(count(w.in_flight)) },
  { name: "p95", of: (w) => w.p95, show: (w) => text(seconds(w.p95)) },
  { name: "Loop", of: (w) => w.utilization, kind: "loop", help: "Share of time the loop is busy" },
  { name: "CPU", of: (w) => w.cpu, show: (w) => text(ratio(w.cpu)) },
  { name: "Lag max", of: (w) => w.lag_max, show: (w) => text(seconds(w.lag_max)),
    help: "Worst loop lag of the last interval" },
  { name: "RSS", of: (w) => w.rss, show: (w) => text(bytes(w.rss)),
    help: "Resident memory; shared pages count in every worker" },
  { name: "PSS", of: (w) => w.pss, show: (w) => text(bytes(w.pss)),
    help: "Resident memory; shared pages count once in all" },
  { name: "Cache", of: (w) => w.cache, show: (w) => text(bytes(w.cache)) },
  { name: "Conns", of: (w) => w.connections, show: (w) => text(count(w.connections)),
    help: "Open connections" },
];

const SPECIAL = {
  state: () => {
    const word = h("span", { class: "badge" });
    const note = h("small", {});
    return { parts: [word, note], update(worker) {
      mark(word, "state", worker.state);
      const since = worker.state === "blocked" && worker.blocked_s != null
        ? ` ${text(lasting(worker.blocked_s))}` : "";
      say(word, worker.state + since);
      say(note, worker.state === "blocked" && worker.doing ? worker.doing : "");
    } };
  },
  restarts: () => {
    const number = h("span", {});
    const note = h("small", {});
    return { parts: [number, note], update(worker) {
      say(number, text(count(worker.restarts)));
      say(note, worker.restarts && worker.last_exit ? worker.last_exit : "");
    } };
  },
  share: () => bar((worker) => worker.share),
  loop: () => bar((worker) => worker.utilization),
};

function bar(of) {
  const number = h("span", {});
  const line = h("i", { class: "bar", "aria-hidden": "true" });
  return { parts: [number, line], update(worker) {
    say(number, text(ratio(of(worker))));
    share(line, of(worker));
  } };
}

function row() {
  const cells = COLUMNS.map((column, index) => {
    const special = column.kind && SPECIAL[column.kind]();
    const cell = h(index ? "td" : "th", index ? { class: column.kind } : { scope: "row" },
      special ? special.parts : null);
    return { cell, update: (worker) => {
      if (special) special.update(worker);
      else say(cell, column.show(worker));
    } };
  });
  const root = h("tr", {}, cells.map((one) => one.cell));
  return {
    root,
    update(worker) {
      mark(root, "state", worker.state);
      for (const one of cells) one.update(worker);
    },
  };
}

/** Unknown values stand last, whichever way the rest is sorted. */
function compare(of, down) {
  return (left, right) => {
    const [a, b] = [of(left), of(right)];
    if (a == null || b == null) return (a == null) - (b == null) || left.slot - right.slot;
    return (down ? b - a : a - b) || left.slot - right.slot;
  };
}

export function workersTable() {
  const table = byId("workers-table");
  let [by, down] = remembered("workers", "Worker").split(" down");
  down = down !== undefined;
  let workers = [];

  const heads = COLUMNS.map((column) => {
    const button = h("button", { type: "button", title: column.help, onclick: () => {
      // A first click shows the largest, which one looks for; names and states start at the top.
      down = by === column.name ? !down : !["Worker", "State", "PID"].includes(column.name);
      by = column.name;
      remember("workers", by + (down ? " down" : ""));
      draw();
    } }, column.name);
    return h("th", { scope: "col", class: column.kind }, button);
  });
  table.tHead.rows[0].append(...heads);

  function draw() {
    const chosen = COLUMNS.find((column) => column.name === by) ?? COLUMNS[0];
    heads.forEach((head, index) => {
      const sorted = COLUMNS[index] === chosen;
      if (sorted) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    keyed(table.tBodies[0], [...workers].sort(compare(chosen.of, down)), (w) => w.slot, row);
  }

  return (snapshot) => {
    workers = snapshot.workers ?? [];
    const ready = workers.filter((worker) => worker.state === "ready").length;
    say(byId("workers-note"), `${ready} of ${workers.length} ready`);
    draw();
    keyed(byId("processes"), snapshot.processes ?? [], (one) => one.role, () => {
      const [role, rest] = [h("b", {}), h("span", {})];
      return {
        root: h("li", {}, role, rest),
        update(one) {
          say(role, one.role);
          say(rest, (one.pid ? `pid ${one.pid} · ` : "") + `CPU ${text(ratio(one.cpu))} · ` +
            `RSS ${text(bytes(one.rss))}`);
        },
      };
    });
  };
}
