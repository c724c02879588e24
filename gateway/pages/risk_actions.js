// What risk staff do. Each action says what will happen and is confirmed; then the line of the log is shown.

import { element } from "./dom.js";
import { auditRow } from "./risk_audit.js";
import { stateText } from "./risk_columns.js";
import { usd } from "./risk_format.js";
import { table } from "./risk_table.js";
import { Refusal, session } from "./session.js";

const ALL = "ALL ORDERS";
const WINDOW = { name: "symbol", label: "Window", list: "names-of-windows", required: true };

/** Actions: a title, what will happen, fields, what must be typed, and the request that is made of the fields. */
export const actions = {
  kill: (account) => ({
    title: `Kill switch for ${account}`,
    text: `All open orders of ${account} are cancelled at once, and it can send no new ones until the block is lifted. Its positions stay.`,
    typed: account,
    verb: "Pull the kill switch",
    request: () => ["POST", "/v1/admin/kill-switch", { account }],
    done: ({ cancelled }) => `${cancelled} order${cancelled === 1 ? "" : "s"} cancelled; ${account} is blocked.`,
  }),
  killAll: () => ({
    title: "Kill switch for everybody",
    text: "All open orders of all accounts are cancelled at once, and the market is halted until somebody resumes it. Positions stay.",
    typed: ALL,
    verb: "Pull the kill switch",
    request: () => ["POST", "/v1/admin/kill-switch", { account: null }],
    done: ({ cancelled }) => `${cancelled} orders cancelled; the market is halted.`,
  }),
  lift: (account) => ({
    title: `Lift the block of ${account}`,
    text: `${account} can send orders again. Those that were cancelled do not come back.`,
    verb: "Lift the block",
    request: () => ["DELETE", `/v1/admin/kill-switch/${encodeURIComponent(account)}`],
    done: () => `${account} can trade again.`,
  }),
  call: (account, addOn) => ({
    title: `Margin call for ${account}`,
    text: `From now on ${account} must have more than its positions and orders require, until 0 is added. While it has too little, orders that could grow a position are cancelled, only what closes one is taken, and nothing can be withdrawn. It is not closed out for it. Added now: ${usd(addOn)} USD.`,
    typed: account,
    verb: "Call",
    fields: [
      { name: "amount", label: "To be short of now, USD" },
      { name: "add_on", label: "Or added in all, USD; 0 ends the call" },
    ],
    request: (fields) => ["POST", "/v1/admin/margin-calls", { account, ...fields }],
    done: ({ add_on: added, standing }) => `${usd(added)} USD are added; ${account} is ${stateText(standing)}.`,
  }),
  limits: (account, now) => ({
    title: `Limits of ${account}`,
    text: "They hold for new orders from now on, in place of all that were set before. An empty field is no limit.",
    verb: "Set limits",
    fields: [
      { name: "position", label: "Position in each window, lots", value: now?.position },
      { name: "order_quantity", label: "Order, lots", value: now?.order_quantity },
      { name: "order_notional", label: "Order, USD", value: now?.order_notional },
      { name: "open_orders_max", label: "Open orders", value: now?.open_orders_max, isNumber: true },
    ],
    request: (fields) => ["POST", "/v1/admin/limits/accounts", limitsBody(account, fields)],
    done: () => `The limits of ${account} are set.`,
  }),
  haltMarket: () => ({
    title: "Halt the market",
    text: "No order trades in any window from now on. Orders can be cancelled; they keep their places.",
    verb: "Halt the market",
    request: () => ["POST", "/v1/admin/halt", { symbol: null }],
    done: () => "The market is halted.",
  }),
  resumeMarket: () => ({
    title: "Resume the market",
    text: "All windows trade again, but for those that are halted themselves. Accounts with too little are closed from now on.",
    verb: "Resume the market",
    request: () => ["POST", "/v1/admin/resume", { symbol: null }],
    done: () => "The market trades again.",
  }),
  haltWindow: () => ({
    title: "Halt a window",
    text: "No order of this window trades from now on. Orders can be cancelled; they keep their places.",
    verb: "Halt",
    fields: [WINDOW],
    request: ({ symbol }) => ["POST", "/v1/admin/halt", { symbol }],
    done: ({ symbol }) => `${symbol} is halted.`,
  }),
  resumeWindow: () => ({
    title: "Resume a window",
    text: "The window trades again.",
    verb: "Resume",
    fields: [WINDOW],
    request: ({ symbol }) => ["POST", "/v1/admin/resume", { symbol }],
    done: ({ symbol }) => `${symbol} trades again.`,
  }),
  correct: () => ({
    title: "Correct a delivery",
    text: "So many lots of the slot more count as delivered, or fewer; 0 dismisses a dispute. Money moves between buyer and provider at once.",
    verb: "Correct",
    fields: [
      { name: "allocation", label: "Allocation", required: true, isNumber: true },
      { name: "slot", label: "Slot, from 0", required: true, isNumber: true },
      { name: "change", label: "Change, lots", required: true, isNumber: true },
      { name: "reason", label: "Reason", required: true },
    ],
    request: (fields) => ["POST", "/v1/admin/corrections", { ...fields, reason: fields.reason ?? "" }],
    done: ({ allocation }) => `Allocation ${allocation} is corrected.`,
  }),
};

/** Ask, do, and show what came of it. Resolves when the dialog is closed. */
export function act(action) {
  const typed = action.typed && input({ name: "typed", label: `Type ${action.typed} to confirm` });
  const fields = (action.fields ?? []).map((each) => ({ ...each, ...input(each) }));
  const complaint = element("p", { class: "complaint", role: "alert", id: "action-complaint" });
  const told = element("div", { class: "told", role: "status" });
  const submit = element("button", { type: "submit", class: "main" }, action.verb);
  const cancel = element("button", { type: "button" }, "Cancel");
  const form = element(
    "form",
    { method: "dialog", novalidate: "" },
    element("h2", { id: "action-title" }, action.title),
    element("p", {}, action.text),
    ...fields.map(({ row }) => row),
    ...(typed ? [typed.row] : []),
    complaint,
    told,
    element("div", { class: "buttons" }, cancel, submit),
  );
  const dialog = element("dialog", { class: "action", "aria-labelledby": "action-title" }, form);
  document.body.append(dialog);
  if (fields.some(({ list }) => list)) listWindows(dialog);
  if (typed) {
    submit.disabled = true;
    typed.control.addEventListener("input", () => (submit.disabled = typed.control.value !== action.typed));
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (submit.disabled) return;
    submit.disabled = true;
    complaint.textContent = "";
    try {
      const request = action.request(valuesOf(fields));
      const answer = await session.send(...request);
      for (const part of [...fields, ...(typed ? [typed] : [])]) part.row.remove();
      submit.remove();
      cancel.textContent = "Close";
      cancel.focus();
      told.replaceChildren(element("p", {}, action.done(answer)), await auditLine(request));
      dispatchEvent(new Event("acted"));
    } catch (error) {
      complaint.textContent = error instanceof Refusal || error instanceof RangeError ? error.message : "The exchange cannot be reached: look at the log for whether it was done.";
      submit.disabled = false;
    }
  });
  cancel.addEventListener("click", () => dialog.close());
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve();
    });
    dialog.showModal();
  });
}

function input({ name, label, value, list, isNumber }) {
  const control = element("input", {
    type: "text",
    name,
    id: `action-${name}`,
    value: value ?? "",
    autocomplete: "off",
    spellcheck: "false",
    inputmode: isNumber ? "numeric" : "text",
    "aria-describedby": "action-complaint",
    ...(list ? { list } : {}),
  });
  return { control, row: element("label", { class: "field" }, label, control) };
}

/** Throws a RangeError that says what is missing or no number. */
function valuesOf(fields) {
  const values = {};
  for (const { name, label, control, required, isNumber } of fields) {
    const text = control.value.trim();
    if (required && !text) throw new RangeError(`${label}: this is needed.`);
    if (text && isNumber && !/^-?\d{1,15}$/.test(text)) throw new RangeError(`${label}: a whole number is needed.`);
    if (text) values[name] = isNumber ? Number(text) : text;
  }
  return values;
}

function limitsBody(account, { open_orders_max: most, ...sizes }) {
  return { account, ...sizes, ...(most === undefined ? {} : { open_orders_base: most, open_orders_max: most }) };
}

/** What the log says of a request that was just answered. */
async function auditLine([method, path]) {
  const query = new URLSearchParams({ limit: 1, contains: `${method} ${path}` });
  const { entries } = await session.get(`/v1/admin/audit?${query}`);
  const shown = table([["Time", true], ["Who", true], ["What", true], ["Outcome", true]], entries.map(auditRow), "It is not in the log.");
  shown.setAttribute("data-entry", entries[0]?.entry ?? "");
  return shown;
}

async function listWindows(dialog) {
  const { instruments } = await session.get("/v1/instruments?limit=1000");
  dialog.append(element("datalist", { id: WINDOW.list }, ...instruments.map(({ symbol }) => element("option", { value: symbol }))));
}
