// The connection to the monitor: history once, then one snapshot a second. Goes on by itself when
// the monitor was away; says how old the newest frame is.

const STALE_AFTER = 3; // seconds without a frame
const PAUSE_FIRST = 0.5; // seconds before the first new attempt, doubled up to the last
const PAUSE_LAST = 5;

/** The session is missing or over. */
export class SignInNeeded extends Error {}

export async function getJson(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  if (answer.status === 401) throw new SignInNeeded(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

/** A cookie for the token; the token itself is kept nowhere. */
export async function signIn(token) {
  const answer = await fetch("/api/v1/session", {
    method: "POST",
    headers: { Authorization: `Bearer ${token}` },
  });
  return answer.ok;
}

export class Feed {
  #on;
  #source = null;
  #pause = PAUSE_FIRST;
  #retry = 0;
  #last = performance.now();
  #stale = false;

  /** on: {connect(), snapshot(value), stale(seconds or 0), signIn()}; connect may be async. */
  constructor(on) {
    this.#on = on;
    setInterval(() => this.#lookAtClock(), 250);
  }

  async open() {
    clearTimeout(this.#retry);
    this.#source?.close();
    this.#source = null;
    try {
      await this.#on.connect();
    } catch (error) {
      if (error instanceof SignInNeeded) this.#on.signIn();
      else this.#later();
      return;
    }
    // EventSource gives up after an answer like 503, and waits long otherwise: retry here.
    const source = new EventSource("/api/v1/stream");
    this.#source = source;
    source.addEventListener("snapshot", (event) => this.#frame(event));
    source.addEventListener("error", () => {
      if (this.#source === source) this.#later();
    });
  }

  #frame(event) {
    let snapshot;
    try {
      snapshot = JSON.parse(event.data);
    } catch {
      return; // half a frame of a monitor that ended; the next one tells
    }
    this.#pause = PAUSE_FIRST;
    this.#last = performance.now();
    this.#lookAtClock();
    this.#on.snapshot(snapshot);
  }

  #later() {
    this.#source?.close();
    this.#source = null;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.open(), this.#pause * 1000);
    this.#pause = Math.min(this.#pause * 2, PAUSE_LAST);
  }

  #lookAtClock() {
    const age = (performance.now() - this.#last) / 1000;
    const stale = age > STALE_AFTER;
    if (stale || this.#stale) this.#on.stale(stale ? age : 0);
    this.#stale = stale;
  }
}
