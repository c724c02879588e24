// What a trader does with the chosen window: book and ticket, charts, own orders, fills, positions and margin.

import { Book } from "./book.js";
import { Charts } from "./charts.js";
import { isAgreed } from "./confirm.js";
import { count, price, symbolName } from "./format.js";
import { listen } from "./keyboard.js";
import { Ladder } from "./ladder.js";
import { OrderEntry } from "./order_entry.js";
import { OwnAccount } from "./own_account.js";
import { OwnTables } from "./own_tables.js";
import { session } from "./session.js";
import { Ticket } from "./ticket.js";

const NARROW = matchMedia("(max-width: 959px)");
const DONE = { buy: "Bought", sell: "Sold" };
const $ = (id) => document.getElementById(id);

export class Desk {
  #connection;
  #book = new Book();
  #account;
  #entry;
  #ladder;
  #ticket;
  #tables;
  #charts;
  #symbol = "";
  #instrument = null;
  #decimals = 0;
  #isDrawDue = false;

  /** `choose(symbol)` opens a window. */
  constructor(connection, choose) {
    this.#connection = connection;
    this.#account = new OwnAccount(connection);
    this.#entry = new OrderEntry(connection);
    this.#ticket = new Ticket(this.#book, this.#account, this.#entry, choose);
    this.#charts = new Charts(connection, this.#book);
    this.#tables = new OwnTables(this.#account, this.#entry, {
      onWindow: choose,
      onSignIn: () => session.ask(),
      say: (text, kind) => this.#say(text, kind),
    });
    this.#ladder = new Ladder($("ladder"), this.#book, {
      onPick: (side, at) => this.#ticket.fill({ side, at }),
      onCancel: (orders) => this.#cancel(orders),
    });
    $("cancel-all").addEventListener("click", () => this.#cancelAll());
    session.addEventListener("change", () => this.#account.follow(session.current?.account ?? null));
    this.#account.addEventListener("change", () => this.#onAccount());
    this.#account.addEventListener("fill", (event) => this.#tellFill(event.detail));
    NARROW.addEventListener("change", () => this.#settle());
    this.#settle();
    this.#listen();
  }

  /** Show another window, or none. */
  open(symbol, decimals) {
    if (this.#symbol) this.#connection.unsubscribe("book", this.#symbol);
    this.#symbol = symbol;
    this.#instrument = null;
    $("desk").hidden = !symbol;
    this.#charts.open(undefined, decimals);
    if (!symbol) return;
    this.#book.clear();
    this.#ladder.clear(decimals);
    this.#connection.subscribe("book", symbol, (message) => this.#onBook(message));
  }

  /** Bring up to date what follows from the window's terms and best prices. */
  show(instrument, decimals) {
    if (!instrument) return;
    if (!this.#instrument) {
      this.#decimals = decimals;
      this.#ticket.open(instrument, decimals);
      this.#charts.open(instrument, decimals);
      this.#tables.open(instrument.symbol, decimals);
      this.#onAccount();
    }
    this.#instrument = instrument;
    this.#ticket.show(instrument);
  }

  #onBook(message) {
    if (message.error) return this.#ladder.say(message.error.message);
    if (!this.#book.take(message)) return this.#connection.resubscribe("book", this.#symbol);
    this.#ladder.show();
    this.#charts.showBook();
    return this.#previewSoon();
  }

  // A burst of changes is worked out once.
  #previewSoon() {
    if (this.#isDrawDue) return;
    this.#isDrawDue = true;
    requestAnimationFrame(() => {
      this.#isDrawDue = false;
      this.#ticket.show(this.#instrument);
    });
  }

  #onAccount() {
    const orders = this.#account.openOrders(this.#symbol || undefined);
    this.#ladder.mark(this.#symbol ? orders : []);
    $("cancel-all").disabled = !this.#symbol || !orders.length;
  }

  async #cancel(orders) {
    const outcomes = await Promise.allSettled(orders.map((order) => this.#entry.cancel(order)));
    const failed = outcomes.find(({ status }) => status === "rejected");
    if (failed) this.#say(reasonOf(failed.reason), "bad");
    else this.#say("Cancelled.", "good");
  }

  async #cancelAll() {
    const symbol = this.#symbol;
    const orders = this.#account.openOrders(symbol);
    if (!symbol || !orders.length) return this.#say("No order of yours is working here.", "");
    const lots = orders.reduce((sum, order) => sum + Number(order.remaining_quantity), 0);
    const number = `${count(orders.length)} ${orders.length === 1 ? "order" : "orders"}`;
    const what = `${number} with ${count(lots)} Mbps in ${symbolName(symbol)}`;
    if (!(await isAgreed("Cancel all own orders here?", what, "Cancel them all"))) return undefined;
    try {
      const { cancelled } = await this.#entry.cancelAll(symbol);
      return this.#say(cancelled === null ? "All cancelled." : `${count(cancelled)} cancelled.`, "good");
    } catch (error) {
      return this.#say(reasonOf(error), "bad");
    }
  }

  #cancelLast() {
    const [last] = this.#account.openOrders(this.#symbol);
    if (last) this.#cancel([last]);
    else this.#say("No order of yours is working here.", "");
  }

  #tellFill({ side, quantity, price: at, symbol }) {
    this.#say(`${DONE[side]} ${count(quantity)} Mbps at ${price(at, this.#decimals)} in ${symbolName(symbol)}.`, side);
  }

  #say(text, kind) {
    $("own-say").textContent = text;
    $("own-say").dataset.kind = kind;
  }

  // On a phone the window is a sheet, and all that belongs to it is on it.
  #settle() {
    if (NARROW.matches) $("ticket-panel").after($("desk"));
    else document.querySelector("main").append($("desk"));
  }

  #listen() {
    const whenOpen = (act) => () => this.#symbol && act();
    listen({
      b: whenOpen(() => this.#ticket.setSide("buy")),
      s: whenOpen(() => this.#ticket.setSide("sell")),
      "+": whenOpen(() => this.#ticket.stepPrice(1)),
      "-": whenOpen(() => this.#ticket.stepPrice(-1)),
      Enter: whenOpen(() => this.#ticket.submit()),
      c: whenOpen(() => this.#cancelLast()),
      C: whenOpen(() => this.#cancelAll()),
    });
  }
}

function reasonOf(error) {
  return error.code ? `${error.message} (${error.code})` : "No answer came; the list shows what is so.";
}
