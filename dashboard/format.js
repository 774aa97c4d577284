// Values of the snapshot as text. Each answers [number, unit], so that a page can set the unit
// smaller; text() joins them. null is unknown, and shown as a dash.

const NONE = "–";
const GAP = "\u202f"; // narrow no-break space

const plain = (digits) =>
  new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const FIXED = [0, 1, 2, 3].map(plain);

/** About three digits: 1234, 123, 12.3, 1.23. */
function short(value) {
  const size = Math.abs(value);
  return FIXED[size >= 99.95 || size === 0 ? 0 : size >= 9.995 ? 1 : 2].format(value);
}

function scaled(value, steps) {
  const step = steps.find(([from]) => Math.abs(value) >= from) ?? steps.at(-1);
  return [short(value / step[1]), step[2]];
}

const known = (value) => typeof value === "number" && Number.isFinite(value);

export function seconds(value) {
  if (!known(value)) return [NONE, ""];
  if (value === 0) return ["0", "ms"];
  return scaled(value, [[0.9995, 1, "s"], [0.0009995, 1e-3, "ms"], [0, 1e-6, "µs"]]);
}

export function bytes(value) {
  if (!known(value)) return [NONE, ""];
  const [k, m, g, t] = [1, 2, 3, 4].map((power) => 1024 ** power);
  return scaled(value, [[t, t, "TiB"], [g, g, "GiB"], [m, m, "MiB"], [k, k, "KiB"], [0, 1, "B"]]);
}

/** 0 to 1 as percent; small ones keep the digits that tell 0.1 % from 0.05 %. */
export function ratio(value) {
  if (!known(value)) return [NONE, ""];
  const percent = value * 100;
  const size = Math.abs(percent);
  if (size !== 0 && size < 0.005) return ["< 0.01", "%"];
  const whole = size === 0 || size >= 99.995 || (size >= 10 && size <= 99);
  const digits = whole ? 0 : size >= 1 && size < 10 ? 1 : 2;
  return [FIXED[digits].format(percent), "%"];
}

/** Up to five nines need their digits. */
export function availability(value) {
  if (!known(value)) return [NONE, ""];
  return [value === 1 ? "100" : FIXED[3].format(Math.floor(value * 1e5) / 1e3), "%"];
}

export function count(value) {
  if (!known(value)) return [NONE, ""];
  if (Math.abs(value) >= 999_950) {
    return scaled(value, [[1e9, 1e9, "G"], [0, 1e6, "M"]]);
  }
  return [Number.isInteger(value) ? FIXED[0].format(value) : short(value), ""];
}

/** A rate, per second. */
export function rate(value, what = "/s") {
  const [number, unit] = count(value);
  return [number, number === NONE ? "" : unit + what];
}

export function byteRate(value) {
  const [number, unit] = bytes(value);
  return [number, unit && `${unit}/s`];
}

/** How long something lasts, in its two largest units. */
export function lasting(value) {
  if (!known(value)) return [NONE, ""];
  if (value < 60) return [short(Math.max(0, value)), "s"];
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = units.findIndex(([, size]) => value >= size);
  const [name, size] = units[first];
  const whole = Math.floor(value / size);
  const [nextName, nextSize] = units[first + 1];
  const rest = Math.floor((value % size) / nextSize);
  return [rest ? `${whole} ${name} ${rest}` : `${whole}`, rest ? nextName : name];
}

export const text = ([number, unit]) =>
  !unit ? number : unit.startsWith("/") ? number + unit : number + GAP + unit;

/** For an axis, and for goals: 10 ms instead of 10.0 ms. */
export const tick = ([number, unit]) => text([number.replace(/\.0+$|(\.\d*[1-9])0+$/, "$1"), unit]);

/** "headroom >= 50%" as one would write it by hand. */
export const goalText = (expr) =>
  expr.replace(">=", "≥").replace("<=", "≤").replace(/(\d)([a-z%])/g, `$1${GAP}$2`);

/** A goal's value by the unit that the snapshot names. */
export function byUnit(value, unit) {
  if (unit === "s") return seconds(value);
  if (unit === "ratio") return ratio(value);
  if (unit === "bytes") return bytes(value);
  if (unit === "req/s") return rate(value, "req/s");
  const [number, scale] = count(value);
  return [number, scale + (unit ?? "")];
}

const pad = (value) => String(value).padStart(2, "0");

/** Local time of day of unix seconds; with the date when it was another day. */
export function clock(time, withSeconds = true) {
  if (!known(time)) return NONE;
  const date = new Date(time * 1000);
  const day = `${pad(date.getHours())}:${pad(date.getMinutes())}`;
  return withSeconds ? `${day}:${pad(date.getSeconds())}` : day;
}

export function moment(time, now = Date.now() / 1000) {
  if (!known(time)) return NONE;
  const date = new Date(time * 1000);
  const sameDay = date.toDateString() === new Date(now * 1000).toDateString();
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} `;
  return (sameDay ? "" : day) + clock(time);
}
