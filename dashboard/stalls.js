// The dialog with the stacks of stalls: when, which worker, what it did, and where it stood.

import { byId, h, keyed, mark, say } from "./dom.js";
import { count, lasting, moment, seconds, text } from "./format.js";

const keyOf = (stall) => `${stall.role}${stall.worker}-${stall.time}`;

function detail(stall) {
  const facts = [
    ["Began", moment(stall.time)],
    ["Lasted", stall.ongoing ? `${text(lasting(stall.duration_s))}, goes on`
      : text(seconds(stall.duration_s))],
    ["Process", stall.worker == null ? stall.role : `${stall.role} ${stall.worker}`],
    ["Route", stall.route || "none: outside of a request"],
    ["At", stall.site || "unknown"],
  ];
  const frames = (stall.stack ?? []).map((frame) => {
    // "function file:line", without the file where the program does not know it.
    const [, name, place] = frame.match(/^(.*?)(?: (\S+:\d+))?$/s);
    return h("li", {}, h("span", {}, name, place && h("small", {}, ` ${place}`)));
  });
  return [
    h("dl", {}, facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
    frames.length ? h("ol", { class: "stack" }, frames)
      : h("p", { class: "quiet" }, "No stack was taken: at most five a minute are."),
  ];
}

export function stallsDialog() {
  const dialog = byId("stalls");
  const opener = byId("stalls-open");
  let [stalls, chosen] = [[], null];

  function draw() {
    const all = [...stalls].sort((a, b) => b.time - a.time);
    if (chosen && !all.some((stall) => keyOf(stall) === keyOf(chosen))) all.push(chosen);
    chosen = all.find((stall) => chosen && keyOf(stall) === keyOf(chosen)) ?? all[0] ?? null;
    keyed(byId("stalls-list"), all, keyOf, (first) => {
      let stall = first;
      const [time, words, lasted] = [h("time"), h("span"), h("b")];
      const button = h("button", { type: "button", onclick: () => {
        chosen = stall;
        draw();
      } }, time, lasted, words);
      return {
        root: h("li", {}, button),
        update(now) {
          stall = now;
          say(time, moment(now.time));
          say(lasted, text(seconds(now.duration_s)));
          say(words, now.route || now.site || now.role);
          mark(button, "ongoing", Boolean(now.ongoing));
          button.setAttribute("aria-current", chosen && keyOf(chosen) === keyOf(now));
        },
      };
    });
    const version = chosen ? JSON.stringify(chosen) : "";
    if (byId("stall").shown !== version) {
      byId("stall").shown = version;
      byId("stall").replaceChildren(...(chosen ? detail(chosen)
        : [h("p", { class: "quiet" }, "No stall so far.")]));
    }
  }

  function open(stall) {
    chosen = stall;
    draw();
    if (!dialog.open) dialog.showModal();
  }

  opener.addEventListener("click", () => open(null));
  byId("stalls-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // beside it
  });

  return {
    open,
    update(snapshot) {
      stalls = snapshot.loop?.stalls ?? [];
      const total = snapshot.loop?.stalls_total ?? stalls.length;
      say(opener, total === 1 ? "1 stall" : `${text(count(total))} stalls`);
      opener.disabled = !stalls.length;
      if (dialog.open) draw();
    },
  };
}
