// A request that is signed in the browser. The secret becomes a key that cannot be read again, and is kept nowhere.

const TEXT = new TextEncoder();
const PEM = /-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END PRIVATE KEY-----/;

/** Whether this browser signs here at all: without https it does so for a loopback address alone. */
export const CAN_SIGN = Boolean(globalThis.crypto?.subtle);

/** A function `(method, path, body)` that gives the headers of a request, signed by HMAC or, of a PEM, by Ed25519. */
export async function signer(keyId, secret) {
  const pem = PEM.exec(secret);
  const algorithm = pem ? { name: "Ed25519" } : { name: "HMAC", hash: "SHA-256" };
  const bytes = pem ? Uint8Array.from(atob(pem[1].replace(/\s/g, "")), (each) => each.charCodeAt(0)) : TEXT.encode(secret);
  const key = await crypto.subtle.importKey(pem ? "pkcs8" : "raw", bytes, algorithm, false, ["sign"]);
  const ahead = await clockAhead();
  return async (method, path, body) => {
    const timestamp = String(Math.round(Date.now() + ahead));
    const nonce = hex(crypto.getRandomValues(new Uint8Array(16)));
    const digest = hex(await crypto.subtle.digest("SHA-256", TEXT.encode(body)));
    const message = TEXT.encode([method, path, timestamp, nonce, digest].join("\n"));
    const signature = hex(await crypto.subtle.sign(algorithm.name, key, message));
    return { "BWX-KEY": keyId, "BWX-TIMESTAMP": timestamp, "BWX-NONCE": nonce, "BWX-SIGNATURE": signature };
  };
}

/** By how much the exchange's clock is ahead of this computer's, in milliseconds. */
async function clockAhead() {
  const sent = Date.now();
  const { time_ns: timeNs } = await (await fetch("/v1/time", { cache: "no-store" })).json();
  return timeNs / 1e6 - (sent + Date.now()) / 2;
}

function hex(bytes) {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
