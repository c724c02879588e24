// What is known of each provider, as evidence in allocations, and the multiplier of its bonds that follows.

import { percent } from "./delivery_format.js";
import { element } from "./dom.js";
import { table } from "./risk_table.js";

const HEADINGS = [["Provider", true], ["Kept", false], ["Allocations kept", false], ["Broken", false], ["Bond", false]];
const MILLION = 1_000_000;
const EVIDENCE = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** The table of providers, the best known first. */
export function providersTable(providers) {
  const sorted = [...providers].sort((one, other) => one.multiplier_ppm - other.multiplier_ppm || other.good_ppm - one.good_ppm);
  return table(HEADINGS, sorted.map(cells), "Nothing is known of any provider yet.");
}

function cells({ account, good_ppm: good, bad_ppm: bad, multiplier_ppm: multiplier }) {
  const share = good + bad ? good / (good + bad) : 0;
  const title = "What was kept of all that is known; the older, the less it counts";
  const meter = element("meter", { min: 0, max: 1, low: 0.9, high: 0.98, optimum: 1, value: share, "aria-label": `${account} kept` });
  const kept = element("span", { class: "kept", title }, meter, percent(share * MILLION));
  const bond = element("span", { title: "What its bonds are multiplied with" }, `× ${EVIDENCE.format(multiplier / MILLION)}`);
  return [account, kept, EVIDENCE.format(good / MILLION), EVIDENCE.format(bad / MILLION), bond];
}
