// The log of what administrators and risk staff did and tried, the newest first.

import { element } from "./dom.js";
import { moment, section, actionButton, table } from "./risk_table.js";
import { Refusal, session } from "./session.js";

const PAGE = 50;
const HEADINGS = [["Time", true], ["Who", true], ["What", true], ["Outcome", true]];

export class AuditPanel {
  #list = element("div", { id: "audit-list" });
  #filter = element("input", { type: "search", id: "audit-filter", placeholder: "Path, account, key or outcome", spellcheck: "false" });
  #more = actionButton("Older", () => this.#read(this.#next));
  #complaint = element("p", { class: "complaint", role: "alert" });
  #entries = [];
  #next = null;

  constructor(place) {
    const form = element(
      "form",
      { class: "audit-filter" },
      element("label", { for: "audit-filter" }, "Only with"),
      this.#filter,
      element("button", { type: "submit", class: "button" }, "Filter"),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.refresh();
    });
    place.replaceChildren(section("What was done", form, this.#complaint, this.#list, this.#more));
  }

  refresh() {
    this.#entries = [];
    return this.#read(null);
  }

  async #read(cursor) {
    const query = new URLSearchParams({ limit: PAGE });
    if (cursor) query.set("cursor", cursor);
    if (this.#filter.value.trim()) query.set("contains", this.#filter.value.trim());
    try {
      const { entries, next_cursor: next } = await session.get(`/v1/admin/audit?${query}`);
      this.#entries = cursor ? [...this.#entries, ...entries] : entries;
      this.#next = next;
      this.#complaint.textContent = "";
    } catch (error) {
      this.#complaint.textContent = error instanceof Refusal ? error.message : "The exchange cannot be reached.";
    }
    this.#more.hidden = !this.#next;
    this.#list.replaceChildren(table(HEADINGS, this.#entries.map(auditRow), "Nothing was done, or nothing with this text."));
  }
}

/** An entry as cells of a table; `entry` and `sequence` name it. */
export function auditRow(entry) {
  const title = `entry ${entry.entry}${entry.sequence ? `, sequence ${entry.sequence}` : ""}, from ${entry.address}`;
  const what = element("span", { title }, element("code", {}, entry.action), " ", element("span", { class: "soft" }, entry.body));
  const outcome = element("span", { class: entry.outcome === "ok" ? "bid" : "ask" }, entry.outcome);
  return [moment(entry.time), entry.account ?? entry.key_id ?? "–", what, outcome];
}
