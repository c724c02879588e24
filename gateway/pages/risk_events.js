// What happened to accounts that have too little, in words.

import { element } from "./dom.js";
import { count } from "./format.js";
import { stateText } from "./risk_columns.js";
import { usd } from "./risk_format.js";
import { moment } from "./risk_table.js";

const TEXTS = {
  standing: ({ previous, standing, equity, margin }) =>
    `${stateText(previous)} → ${stateText(standing)}; equity ${usd(equity)} of ${usd(margin)} USD`,
  add_on: ({ add_on: added, called }) =>
    called === null ? `${usd(added)} USD added to what it must have` : `called for ${usd(called)} USD; ${usd(added)} USD added to what it must have`,
  forced_order: ({ side, quantity, symbol, price }) => `forced to ${side} ${count(quantity)} lots of ${symbol} at ${price} or better`,
  deleveraging: ({ role, side, quantity, symbol, price }) =>
    `deleveraged (${role}): ${side} ${count(quantity)} lots of ${symbol} at ${price}`,
  fund: ({ amount }) => (amount.startsWith("-") ? `paid ${usd(amount.slice(1))} USD to the fund` : `got ${usd(amount)} USD from the fund`),
};

/** Time and text of an event, as cells of a table. */
export function eventRow(event) {
  return [moment(event.time), element("span", { title: `sequence ${event.sequence}` }, TEXTS[event.kind](event))];
}
