// Orders on their way, over the page's one connection. Each request carries an id of its own, so that one which is sent
// again is the same request; and nobody is left with an order whose fate is unknown: where no answer came, the exchange
// is asked what became of it.

import { NotSent } from "./connection.js";
import { Refusal, session } from "./session.js";

const UNSURE = new Set(["internal_error", "exchange_stopped", "shutting_down"]);
const ASK_AGAIN_MS = [500, 1_000, 2_000, 4_000, 8_000];
const ASKING = "Asking the exchange what became of the order …";
const SIGN_IN = "Sign in again, and the exchange tells what became of the order.";
const MISSES_MIN = 2; // a request that was cut off may still be on its way when it is asked for first
const REMEMBERED_MS = 90_000; // ids are remembered for two minutes
const RESENDS_MS = [500, 1_500, 4_000];

/** The exchange has no such order: it never arrived, if `isSure`; else it may have ended and been forgotten. */
export class NotThere extends Error {
  constructor(isSure) {
    super(
      isSure
        ? "The order did not reach the exchange: nothing was placed."
        : "The exchange has no such open order. Whether it traded before, your fills tell.",
    );
    this.isSure = isSure;
  }
}

/** A name that no other request has. */
export function newId() {
  return `web-${crypto.randomUUID().replaceAll("-", "")}`;
}

export class OrderEntry {
  #connection;

  constructor(connection) {
    this.#connection = connection;
  }

  /**
   * Place an order, which has a `client_id`. What became of it; throws a Refusal, NotSent or NotThere. Where no answer
   * comes, `tell(text)` hears what is being done about it.
   */
  async place(order, tell) {
    try {
      return await this.#ask("place", order);
    } catch (error) {
      if (error instanceof NotSent || (error instanceof Refusal && !UNSURE.has(error.code))) throw error;
      return findOut(order.client_id, tell);
    }
  }

  /** Cancel one order. */
  cancel({ order_id }) {
    return this.#askAgain("cancel", { order_id, retry_id: newId() });
  }

  /** Cancel all own orders of a window. */
  cancelAll(symbol) {
    return this.#askAgain("cancel_all", { symbol, retry_id: newId() });
  }

  /** Give an order another price, with the lots that are left of it. */
  reprice({ order_id, remaining_quantity: quantity }, price) {
    return this.#askAgain("replace", { order_id, price, quantity, quantity_is: "remaining", retry_id: newId() });
  }

  // Requests that carry a `retry_id` are sent again until an answer comes, a few times.
  async #askAgain(op, fields) {
    for (const wait of RESENDS_MS) {
      try {
        return await this.#ask(op, fields);
      } catch (error) {
        if (error instanceof Refusal) throw error;
      }
      await pause(wait);
    }
    return this.#ask(op, fields);
  }

  async #ask(op, fields) {
    const { ok, result, error } = await this.#connection.ask(op, fields);
    if (!ok) throw new Refusal(error);
    return result;
  }
}

async function findOut(clientId, tell) {
  const since = performance.now();
  let doing = ASKING;
  let misses = 0;
  for (let asked = 0; ; asked++) {
    tell(`No answer came. ${doing}`);
    await pause(ASK_AGAIN_MS[Math.min(asked, ASK_AGAIN_MS.length - 1)]);
    try {
      return await session.get(`/v1/orders/by-client-id/${clientId}`);
    } catch (error) {
      if (error.code === "unknown_order" && ++misses >= MISSES_MIN) {
        throw new NotThere(performance.now() - since < REMEMBERED_MS);
      }
      doing = error.code === "not_signed_in" ? SIGN_IN : ASKING;
    }
  }
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
