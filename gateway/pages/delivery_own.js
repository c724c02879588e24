// What the signed-in account bought or provides, live, with every slot that is settled.

import { isAgreed } from "./confirm.js";
import { money, ownSlots, stage } from "./delivery_format.js";
import { element } from "./dom.js";
import { count, symbolName } from "./format.js";
import { actionButton, table } from "./risk_table.js";
import { Refusal, session } from "./session.js";

const ROWS_MAX = 100;
const HEADINGS = [
  ["Allocation", false],
  ["Window, UTC", true],
  ["As", true],
  ["With", true],
  ["State", true],
  ["Slots", true],
  ["Sold, Mbps", false],
  ["Delivered, Mbps × slots", false],
  ["Paid, USD", false],
  ["Refunded, USD", false],
  ["Penalties, USD", false],
  ["Corrected, USD", false],
  ["Dispute", true],
];
const DISPUTABLE = ["delivering", "delivered", "short", "failed"];
const PARTIES = ["trader", "provider"];
const $ = (id) => document.getElementById(id);

export class OwnDeliveries {
  #connection;
  #name = null;
  #rows = null;

  constructor(connection) {
    this.#connection = connection;
  }

  /** Follow whoever is signed in, or nobody. */
  follow(current) {
    this.#name = current?.roles.some((role) => PARTIES.includes(role)) ? current.account : null;
    this.#rows = null;
    $("own-say").textContent = "";
    if (this.#name) this.#connection.subscribe("deliveries", undefined, (message) => this.#hear(message));
    else this.#connection.unsubscribe("deliveries");
    this.#draw();
  }

  #hear(message) {
    if (message.error) return this.#note(`Your allocations cannot be shown: ${message.error.message}`);
    if (message.type === "snapshot") this.#rows = new Map();
    for (const row of message.deliveries) this.#rows?.set(row.allocation, row);
    return this.#draw();
  }

  #draw() {
    $("own-sum").textContent = "";
    if (!session.current) return this.#note(signInLink(), " to see what you bought or provide.");
    if (!this.#name) return this.#note("This key is of no account that buys or provides.");
    if (!this.#rows) return this.#note("Loading your allocations…");
    const latest = [...this.#rows.values()].sort((one, other) => other.allocation - one.allocation);
    const shown = latest.slice(0, ROWS_MAX);
    if (shown.length < latest.length) $("own-sum").textContent = `the latest ${ROWS_MAX} of ${count(latest.length)}`;
    const made = table(HEADINGS, shown.map((row) => this.#cells(row)), "Nothing was allocated to you yet.");
    for (const [at, line] of [...made.querySelectorAll("tbody tr")].entries()) line.dataset.allocation = shown[at].allocation;
    $("own").replaceChildren(made);
    return undefined;
  }

  #note(...parts) {
    $("own").replaceChildren(element("p", { class: "note" }, ...parts));
  }

  #cells(row) {
    const isBuyer = row.buyer === this.#name;
    const penalties = isBuyer ? money(row.replacement) : element("span", {}, money(row.replacement), " + ", money(row.shortfall_fee));
    return [
      String(row.allocation),
      element("span", { title: row.symbol }, symbolName(row.symbol)),
      isBuyer ? "buyer" : "provider",
      isBuyer ? row.provider : row.buyer,
      stage(row.state),
      ownSlots(row),
      count(row.quantity),
      count(row.delivered),
      money(row.paid),
      money(row.refunded),
      penalties,
      money(row.corrected),
      this.#dispute(row),
    ];
  }

  #dispute(row) {
    if (row.is_disputed) return element("span", { class: "disputed" }, "disputed");
    if (!DISPUTABLE.includes(row.state)) return "–";
    const button = actionButton("Dispute…", () => this.#ask(row));
    button.setAttribute("aria-label", `Dispute allocation ${row.allocation}`);
    return button;
  }

  async #ask({ allocation, symbol }) {
    const text = "Risk staff look at what was measured, and correct it or dismiss the dispute.";
    if (!(await isAgreed(`Dispute allocation ${allocation} of ${symbolName(symbol)}?`, text, "Dispute"))) return;
    $("own-say").textContent = "";
    try {
      await session.send("POST", `/v1/deliveries/${allocation}/dispute`);
    } catch (error) {
      $("own-say").textContent = error instanceof Refusal ? error.message : "The exchange cannot be reached: nobody knows whether it is disputed.";
    }
  }
}

function signInLink() {
  const link = actionButton("Sign in", () => session.ask());
  link.className = "link-button";
  return link;
}
