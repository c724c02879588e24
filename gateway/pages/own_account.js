// What the signed-in account has: open orders, fills, positions, margin, live from its private channels.
//
// After a broken connection the channel `orders` is asked for all that was missed. Where that is not kept any more,
// everything is read anew. A fill is known by its id and an order by its own, so nothing is ever there twice.

import { Refusal, session } from "./session.js";

const FILLS_KEPT = 500;
const PAGE_ROWS = 1_000;
const PAGES_MAX = 100; // all that the exchange keeps
const RETRY_MS = 3_000;

/** Tells `change` whenever something is different, `fill` with each trade that was made while somebody looked on. */
export class OwnAccount extends EventTarget {
  orders = new Map();
  fills = new Map();
  positions = new Map();
  margin = null;
  /** "away" while nobody is signed in, "loading", then "live"; "refused" when this key may not read. */
  state = "away";
  complaint = "";

  #connection;
  #name = null;
  #sequence = null;
  #turn = 0;
  #isTold = true;

  constructor(connection) {
    super();
    this.#connection = connection;
  }

  /** The account's name, or null while nobody is signed in. */
  get name() {
    return this.#name;
  }

  /** Follow this account from now on, or none. */
  follow(name) {
    this.#forget();
    this.#name = name;
    this.#become(name ? "loading" : "away");
    const channels = {
      orders: (message) => this.#onOrders(message),
      positions: (message) => this.#onPositions(message),
      margin: (message) => this.#onMargin(message),
    };
    for (const [channel, handler] of Object.entries(channels)) {
      if (!name) this.#connection.unsubscribe(channel);
      else this.#connection.subscribe(channel, undefined, handler, () => this.#since(channel));
    }
  }

  /** Open orders of a window, the latest first; of all windows without one. */
  openOrders(symbol) {
    return newestFirst(this.orders.values(), symbol, (order) => [order.order_id]);
  }

  /** Own trades of a window, the latest first. */
  latestFills(symbol) {
    return newestFirst(this.fills.values(), symbol, (fill) => fill.id.split("-").map(Number));
  }

  #since(channel) {
    return channel === "orders" && this.#sequence !== null ? { since_sequence: this.#sequence } : {};
  }

  #onOrders(message) {
    if (message.error) return this.#onRefused(message.error);
    if (message.type === "snapshot") {
      this.orders.clear();
      this.#loadFills();
    }
    this.#sequence = message.sequence;
    for (const order of message.orders) {
      if (order.status === "open") this.orders.set(order.order_id, order);
      else this.orders.delete(order.order_id);
    }
    for (const fill of message.fills) this.#takeFill(fill, message.type !== "snapshot");
    if (message.type === "replay") this.#become("live");
    this.#changed();
    return undefined;
  }

  #onPositions(message) {
    if (message.error) return undefined; // the orders are refused alike, and tell why
    if (message.type === "snapshot") this.positions.clear();
    for (const position of message.positions) {
      if (Number(position.quantity)) this.positions.set(position.symbol, position);
      else this.positions.delete(position.symbol);
    }
    return this.#changed();
  }

  #onMargin(message) {
    if (message.error) return undefined;
    this.margin = { standing: message.standing, ...message.balances };
    return this.#changed();
  }

  // What was missed is not kept: begin anew.
  #onRefused(error) {
    if (this.#sequence !== null && (error.param === "since_sequence" || error.code === "replay_not_kept")) {
      return this.follow(this.#name);
    }
    this.complaint = error.message;
    this.#become("refused");
    // The exchange does not know this sign-in any more: the session notices when it is used.
    if (error.code === "not_logged_in") session.get("/v1/session").catch(() => {});
    return undefined;
  }

  // Fills before the snapshot come by REST, those behind it by the channel; what both tell is one.
  async #loadFills() {
    const mine = ++this.#turn;
    const name = this.#name;
    let cursor = "";
    for (let pages = 0; pages < PAGES_MAX; pages++) {
      const page = await this.#readFills(cursor, () => mine === this.#turn && name === this.#name);
      if (!page) return;
      for (const fill of page.fills) this.#takeFill(fill, false);
      cursor = page.next_cursor;
      if (!cursor) break;
    }
    this.#become("live");
  }

  async #readFills(cursor, isWanted) {
    const path = `/v1/fills?limit=${PAGE_ROWS}${cursor ? `&cursor=${cursor}` : ""}`;
    for (;;) {
      try {
        const page = await session.get(path);
        return isWanted() ? page : null;
      } catch (error) {
        if (!isWanted()) return null;
        if (error instanceof Refusal) {
          this.complaint = error.message;
          this.#become("refused");
          return null;
        }
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        if (!isWanted()) return null;
      }
    }
  }

  #takeFill(fill, isNews) {
    const isKnown = this.fills.has(fill.id);
    this.fills.set(fill.id, fill);
    if (this.fills.size > 2 * FILLS_KEPT) {
      this.fills = new Map(this.latestFills().slice(0, FILLS_KEPT).map((each) => [each.id, each]));
    }
    if (isNews && !isKnown) this.dispatchEvent(new CustomEvent("fill", { detail: fill }));
  }

  #forget() {
    this.#turn += 1;
    this.#sequence = null;
    this.orders.clear();
    this.fills.clear();
    this.positions.clear();
    this.margin = null;
    this.complaint = "";
  }

  #become(state) {
    this.state = state;
    this.#changed();
  }

  // A burst of changes is told once.
  #changed() {
    if (!this.#isTold) return;
    this.#isTold = false;
    queueMicrotask(() => {
      this.#isTold = true;
      this.dispatchEvent(new Event("change"));
    });
  }
}

function newestFirst(rows, symbol, keyOf) {
  const wanted = [...rows].filter((row) => !symbol || row.symbol === symbol);
  return wanted.sort((one, other) => compare(keyOf(other), keyOf(one)));
}

function compare([first, second = 0], [otherFirst, otherSecond = 0]) {
  return first - otherFirst || second - otherSecond;
}
