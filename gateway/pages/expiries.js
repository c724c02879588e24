// Until when orders last that were placed here: the exchange tells of an order that it lasts until a time, not which.

const KEPT_IN = "bwx-expiries";
const KEPT_MAX = 500;

const expiries = new Map(read());

/** Keep when an order expires that is about to be placed, in milliseconds since 1970. */
export function noteExpiry(clientId, at) {
  expiries.set(clientId, at);
  localStorage.setItem(KEPT_IN, JSON.stringify([...expiries].slice(-KEPT_MAX)));
}

/** When an order expires; undefined for one that came another way, or so long ago that it is forgotten. */
export function expiryOf({ client_id: clientId }) {
  return expiries.get(clientId);
}

function read() {
  try {
    return JSON.parse(localStorage.getItem(KEPT_IN)) ?? [];
  } catch {
    return [];
  }
}
