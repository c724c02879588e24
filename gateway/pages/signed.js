// Requests that are signed in the browser: the secret stays in the memory of the page.

const TIMEOUT_MS = 8_000;
const TEXT = new TextEncoder();

/** Whether this browser signs here at all: without https it does so for a loopback address alone. */
export const CAN_SIGN = Boolean(globalThis.crypto?.subtle);

/** What the exchange answered in place of what was asked for. */
export class Refusal extends Error {
  constructor({ code, message }) {
    super(message);
    this.code = code;
  }
}

/** Reads under one key. */
export class SignedReader {
  #keyId;
  #secret;
  #skew = null;

  constructor(keyId, secret) {
    this.#keyId = keyId;
    this.#secret = crypto.subtle.importKey("raw", TEXT.encode(secret), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  }

  /** The JSON at a path with its query. Throws a Refusal, or what `fetch` throws. */
  async get(path) {
    this.#skew ??= await measureSkew();
    const timestamp = String(Math.round(Date.now() + this.#skew));
    const nonce = hex(crypto.getRandomValues(new Uint8Array(16)));
    const message = ["GET", path, timestamp, nonce, hex(await crypto.subtle.digest("SHA-256", new Uint8Array()))].join("\n");
    const signature = hex(await crypto.subtle.sign("HMAC", await this.#secret, TEXT.encode(message)));
    const headers = {
      "BWX-KEY": this.#keyId,
      "BWX-TIMESTAMP": timestamp,
      "BWX-NONCE": nonce,
      "BWX-SIGNATURE": signature,
    };
    const answer = await readJson(path, headers);
    if (answer.error?.code === "timestamp_out_of_window") this.#skew = null;
    if (answer.error) throw new Refusal(answer.error);
    return answer;
  }
}

/** JSON that needs no signature. */
export async function readJson(path, headers = {}) {
  const reply = await fetch(path, { headers, cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
  return reply.json();
}

/** By how much the exchange's clock is ahead of this computer's, in milliseconds. */
async function measureSkew() {
  const sent = Date.now();
  const { time_ns: timeNs } = await readJson("/v1/time");
  return timeNs / 1e6 - (sent + Date.now()) / 2;
}

function hex(bytes) {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
