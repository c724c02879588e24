// Who is signed in. A key signs once, here in the browser; from then on a cookie that no script reads stands for it.

import { signer } from "./signing.js";

const TIMEOUT_MS = 10_000;
const ALIVE_MS = 5 * 60_000; // a page that is looked at keeps its sign-in in use
const READS = new Set(["GET", "HEAD"]);
const LOST = new Set(["not_signed_in", "not_signed", "unknown_key", "key_expired", "address_not_allowed"]);

/** What the exchange answered in place of what was asked for. */
export class Refusal extends Error {
  constructor(error, status) {
    super(error.message);
    this.code = error.code;
    this.number = error.number;
    this.param = error.param;
    this.status = status;
    this.retryAfterMs = error.retry_after_ms;
    this.alternatives = error.alternatives;
  }
}

/**
 * The sign-in of this browser. `current` is null or { account, key_id, roles, scopes, csrf, expires }; the event
 * `change` tells that somebody signed in or out, here or in another window of the same browser.
 */
class Session extends EventTarget {
  #current = null;
  #loading = null;
  #windows = new BroadcastChannel("bwx-session");

  constructor() {
    super();
    this.#windows.onmessage = ({ data }) => (data === "in" ? this.#read() : this.#become(null));
    setInterval(() => this.#current && !document.hidden && this.#read(), ALIVE_MS);
    addEventListener("pageshow", (event) => event.persisted && this.#current && this.#read());
  }

  get current() {
    return this.#current;
  }

  /** Whoever is signed in; asks the exchange once, and only if it said with the page that somebody is. */
  load() {
    this.#loading ??= "signedIn" in document.documentElement.dataset ? this.#read() : Promise.resolve(null);
    return this.#loading;
  }

  /** Sign in by a key; its secret is used here and goes nowhere. Throws a Refusal, or what `fetch` throws. */
  async signIn(keyId, secret, remember = false) {
    const sign = await signer(keyId, secret);
    const body = JSON.stringify({ remember });
    this.#become(await request("POST", "/v1/session", await sign("POST", "/v1/session", body), body));
    this.#windows.postMessage("in");
    return this.#current;
  }

  async signOut() {
    try {
      if (this.#current) await this.send("DELETE", "/v1/session");
    } catch (error) {
      if (!(error instanceof Refusal)) throw error; // an unreachable exchange has not signed anybody out
    }
    this.#become(null);
    this.#windows.postMessage("out");
  }

  /** The JSON at a path with its query. Throws a Refusal, or what `fetch` throws. */
  get(path) {
    return this.send("GET", path);
  }

  /** Ask for something, as whoever is signed in. Throws a Refusal, or what `fetch` throws. */
  async send(method, path, body) {
    const headers = READS.has(method) || !this.#current ? {} : { "BWX-CSRF": this.#current.csrf };
    try {
      return await request(method, path, headers, body === undefined ? undefined : JSON.stringify(body));
    } catch (error) {
      if (error instanceof Refusal && LOST.has(error.code) && this.#current) this.#become(null);
      throw error;
    }
  }

  /** Open the sign-in dialog. Resolves to whoever signed in, or null when it was closed. */
  async ask(why = "") {
    const { askToSignIn } = await import("./sign_in.js");
    return askToSignIn(this, why);
  }

  async #read() {
    try {
      this.#become(await request("GET", "/v1/session"));
    } catch (error) {
      if (error instanceof Refusal && LOST.has(error.code)) this.#become(null);
    }
    return this.#current;
  }

  #become(current) {
    const isNews = current?.csrf !== this.#current?.csrf;
    this.#current = current;
    this.#loading = Promise.resolve(current);
    if (isNews) this.dispatchEvent(new Event("change"));
  }
}

async function request(method, path, headers = {}, body) {
  const reply = await fetch(path, {
    method,
    body,
    headers: body === undefined ? headers : { ...headers, "Content-Type": "application/json" },
    cache: "no-store",
    credentials: "same-origin",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const answer = await reply.json();
  if (answer.error) throw new Refusal(answer.error, reply.status);
  return answer;
}

export const session = new Session();
