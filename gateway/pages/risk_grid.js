// All accounts in a live grid: Perspective sorts, filters and groups them beside the page; the exchange pushes rows.

import { ready, worker } from "/libraries/perspective.js";
import { FORMATS, SCHEMA, ofFigures, ofNames, ofShock, ofStakes, withoutShock } from "./risk_columns.js";

const MONEY = ["Equity USD", "Required USD", "Excess USD"];
const FIRST = ["Account", "State", ...MONEY, "Distance %", "Used %"];
const COUNTS = ["Orders", "Positions"];
const AFTER = ["After shock", "Equity after USD", "Excess after USD"];
const SUMS = { aggregates: { Account: "count", "Distance %": "min", "Used %": "max" } };
const MUCH_ROOM_PX = 1_140;

/** Layouts by what they are for. `more` are the columns of a grid that has room for them, behind the others. */
export const LAYOUTS = {
  "Nearest to liquidation": {
    columns: [...FIRST, ...COUNTS, "Region", "Blocked"],
    more: ["Maintenance USD", "Largest contributor", "Kind"],
    sort: [["Distance %", "asc"]],
    filter: [["Distance %", "is not null", null]],
  },
  Called: {
    columns: [...FIRST, "Maintenance USD", "Added USD", ...COUNTS],
    more: ["Region", "Largest contributor"],
    sort: [["Excess USD", "asc"]],
    filter: [["State", "!=", "sound"]],
  },
  "By region": { columns: ["Account", ...MONEY, "Distance %", ...COUNTS], group_by: ["Region"], ...SUMS },
  "By kind": { columns: ["Account", ...MONEY, "Distance %", ...COUNTS], group_by: ["Kind"], ...SUMS },
  "By state": { columns: ["Account", ...MONEY, "Distance %", ...COUNTS], group_by: ["State"], ...SUMS },
  "After the shock": {
    columns: ["Account", "State", ...AFTER, "Equity USD", "Required USD", ...COUNTS],
    more: ["Region", "Largest contributor"],
    sort: [["Excess after USD", "asc"]],
    filter: [["After shock", "!=", ""]],
  },
  "All accounts": {
    columns: [...FIRST, "Cash USD", ...COUNTS, "Kind", "Blocked"],
    more: ["Region", "Largest contributor", "Group"],
    sort: [["Account", "asc"]],
  },
};
const THEMES = { light: "Pro Light", dark: "Pro Dark" };
const TABLE = "accounts";
const PLAIN = { table: TABLE, plugin: "Datagrid", group_by: [], split_by: [], sort: [], filter: [], expressions: {}, aggregates: {} };

/** Tells `choose` with the name of an account. */
export class AccountGrid extends EventTarget {
  #viewer;
  #table = null;
  #accounts = new Map();
  #shocked = [];
  #theme = "";
  #untold = [];
  #isTelling = false;

  constructor(viewer) {
    super();
    this.#viewer = viewer;
    viewer.addEventListener("perspective-click", ({ detail }) => {
      const name = detail.row?.Account;
      if (typeof name === "string") this.dispatchEvent(new CustomEvent("choose", { detail: name }));
    });
  }

  /** What is known of each account, by its id, under the headings of the grid. */
  get accounts() {
    return this.#accounts;
  }

  async start(layout, theme) {
    await ready;
    const client = await worker();
    this.#table = await client.table(SCHEMA, { index: "id", name: TABLE });
    this.#theme = THEMES[theme];
    await this.#viewer.load(client);
    await this.show(layout, LAYOUTS[layout]);
    this.#push([]);
  }

  /** Arrange the grid: a layout, or what `save` gave. */
  async show(title, { columns, more = [], ...layout }) {
    const shown = this.#viewer.clientWidth < MUCH_ROOM_PX ? columns : [...columns, ...more];
    const arrangement = { ...PLAIN, settings: false, columns_config: FORMATS, theme: this.#theme, title };
    await this.#viewer.restore({ ...arrangement, columns: shown, ...layout });
  }

  /** The arrangement as it is, to be shown again later. */
  async save() {
    const { columns, group_by, split_by, sort, filter, aggregates } = await this.#viewer.save();
    return { columns, group_by, split_by, sort, filter, aggregates };
  }

  async recolour(theme) {
    this.#theme = THEMES[theme];
    await this.#viewer.restore({ theme: this.#theme });
  }

  /** Show what can be arranged, or hide it again. */
  async arrange() {
    await this.#viewer.toggleConfig();
  }

  /** Take in a message of the channel; resolves to the ids of accounts whose figures moved. */
  take({ type, columns }) {
    const parts = [];
    if (type === "snapshot") this.#accounts.clear();
    if (columns.names) parts.push(ofNames(columns.names));
    if (columns.figures) parts.push(ofFigures(columns.figures));
    if (columns.stakes) parts.push(ofStakes(columns.stakes));
    for (const part of parts) this.#remember(part);
    this.#push(parts);
    return columns.figures?.account_id ?? [];
  }

  /** Show what a move of forwards would do, in place of what was shown of one before. */
  shock(accounts) {
    const gone = withoutShock(this.#shocked);
    this.#shocked = accounts.map((each) => each.account_id);
    this.#push([gone, ofShock(accounts)]);
  }

  /** The ids of the accounts that the grid shows, in its order. */
  async shownIds() {
    const { filter, sort } = await this.#viewer.save();
    const view = await this.#table.view({ filter, sort, columns: ["id"] });
    const { id } = await view.to_columns();
    await view.delete();
    return id;
  }

  /** Parts go to the table one after the other, in the order in which they were told; they wait until there is one. */
  async #push(parts) {
    this.#untold.push(...parts.filter(({ id }) => id.length));
    if (this.#isTelling || !this.#table) return;
    this.#isTelling = true;
    while (this.#untold.length) await this.#table.update(this.#untold.shift());
    this.#isTelling = false;
  }

  #remember(part) {
    const names = Object.keys(part);
    part.id.forEach((id, at) => {
      const account = this.#accounts.get(id) ?? {};
      for (const name of names) account[name] = part[name][at];
      this.#accounts.set(id, account);
    });
  }
}
