// One WebSocket to the exchange that outlives its failures: it reconnects with back-off and subscribes again.

const RETRY_MS = [500, 1_000, 2_000, 4_000, 8_000, 15_000];
const STALE_MS = 12_000; // heartbeats come every 5 s
const SILENCE_MS = 25_000;
const WATCH_MS = 1_000;
const ANSWER_MS = 8_000;

/** Nothing was sent, because there is no connection now. */
export class NotSent extends Error {
  constructor() {
    super("There is no connection to the exchange now: nothing was sent.");
  }
}

/** Something was sent, and no answer came. */
export class NoAnswer extends Error {
  constructor() {
    super("No answer came from the exchange.");
  }
}

/**
 * `onState(state, retryAt)` hears of "connecting", "live", "stale" (nothing was heard for a while) and "waiting"; a
 * waiting link tries again at `retryAt`, in milliseconds of `performance.now()`.
 */
export class Connection {
  #url;
  #onState;
  #onHeartbeat;
  #socket = null;
  #subscriptions = new Map();
  #requests = new Map(); // the keys of subscriptions under way, by request
  #waiting = new Map(); // who waits for the answer to another request
  #nextId = 1;
  #failures = 0;
  #heardAt = 0;
  #timer = 0;
  #state = "";

  constructor(url, { onState, onHeartbeat }) {
    this.#url = url;
    this.#onState = onState;
    this.#onHeartbeat = onHeartbeat;
    setInterval(() => this.#watch(), WATCH_MS);
    addEventListener("online", () => this.retryNow());
    document.addEventListener("visibilitychange", () => document.hidden || this.retryNow());
  }

  open() {
    clearTimeout(this.#timer);
    for (const id of [...this.#waiting.keys()]) this.#giveUp(id);
    this.#become("connecting");
    this.#heardAt = performance.now();
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.onopen = () => socket === this.#socket && this.#onOpen();
    socket.onmessage = (event) => socket === this.#socket && this.#onMessage(JSON.parse(event.data));
    socket.onclose = () => socket === this.#socket && this.#retryLater();
  }

  /** Try at once if the link is waiting to try again. */
  retryNow() {
    if (this.#state === "waiting") this.open();
  }

  /** Open the link anew: it is logged in as whoever is signed in when it opens. */
  reopen() {
    this.#socket.onclose = null;
    this.#socket.close();
    this.open();
  }

  /**
   * Hear a channel: `handler(message)` for what it says, `handler({ error })` when the exchange refuses. `options()`
   * tells what else the subscription says, each time that it is sent.
   */
  subscribe(channel, symbol, handler, options = () => ({})) {
    this.#subscriptions.set(keyOf(channel, symbol), { channel, symbol, handler, options });
    this.#send("subscribe", channel, symbol, options());
  }

  unsubscribe(channel, symbol) {
    const options = this.#subscriptions.get(keyOf(channel, symbol))?.options();
    this.#subscriptions.delete(keyOf(channel, symbol));
    this.#send("unsubscribe", channel, symbol, options);
  }

  /** Ask for a new snapshot of a channel that lost its thread. */
  resubscribe(channel, symbol) {
    this.#send("unsubscribe", channel, symbol);
    this.#send("subscribe", channel, symbol);
  }

  /**
   * Ask for something. Resolves to the exchange's answer, `{ ok, result, error }`; rejects with NotSent while there is no
   * connection, and with NoAnswer when none came in time or the connection broke: then nobody knows what became of it.
   */
  ask(op, fields) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return Promise.reject(new NotSent());
    const id = this.#nextId++;
    const answer = new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#giveUp(id), ANSWER_MS);
      this.#waiting.set(id, { resolve, reject, timer });
    });
    this.#socket.send(JSON.stringify({ op, id, ...fields }));
    return answer;
  }

  #giveUp(id) {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    clearTimeout(waiting.timer);
    this.#waiting.delete(id);
    waiting.reject(new NoAnswer());
  }

  #onOpen() {
    this.#requests.clear();
    for (const { channel, symbol, options } of this.#subscriptions.values()) {
      this.#send("subscribe", channel, symbol, options());
    }
  }

  #onMessage(message) {
    this.#heardAt = performance.now();
    this.#failures = 0;
    this.#become("live");
    if ("ok" in message) return this.#onReply(message);
    if (message.channel === "heartbeat") return this.#onHeartbeat(message);
    this.#subscriptions.get(keyOf(message.channel, message.symbol))?.handler(message);
  }

  #onReply({ id, ok, result, error }) {
    if (this.#waiting.has(id)) {
      const { resolve, timer } = this.#waiting.get(id);
      clearTimeout(timer);
      this.#waiting.delete(id);
      return resolve({ ok, result, error });
    }
    const key = this.#requests.get(id);
    this.#requests.delete(id);
    if (!ok) this.#subscriptions.get(key)?.handler({ error });
  }

  #send(op, channel, symbol, options = {}) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    const id = this.#nextId++;
    if (op === "subscribe") this.#requests.set(id, keyOf(channel, symbol));
    this.#socket.send(JSON.stringify({ op, id, channel, symbol, ...options }));
  }

  #retryLater() {
    for (const id of [...this.#waiting.keys()]) this.#giveUp(id);
    const step = RETRY_MS[Math.min(this.#failures++, RETRY_MS.length - 1)];
    const delay = step * (1 + Math.random() / 4); // so that all pages do not come back at the same moment
    this.#timer = setTimeout(() => this.open(), delay);
    this.#become("waiting", performance.now() + delay);
  }

  #watch() {
    const silence = performance.now() - this.#heardAt;
    if (this.#state === "live" && silence > STALE_MS) this.#become("stale");
    if (this.#state !== "waiting" && silence > SILENCE_MS) {
      this.#socket.onclose = null;
      this.#socket.close();
      this.#retryLater();
    }
  }

  #become(state, retryAt = 0) {
    if (state === this.#state && state !== "waiting") return;
    this.#state = state;
    this.#onState(state, retryAt);
  }
}

function keyOf(channel, symbol) {
  return `${channel} ${symbol ?? ""}`;
}
