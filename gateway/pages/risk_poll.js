// Asking again and again: the next time some seconds after the last answer, at once on demand, never twice at a time.

import { Refusal } from "./session.js";

const EVERY_MS = 2_000;

export class Poll {
  #ask;
  #complain;
  #isRunning = false;
  #turn = 0;

  /** `ask` gets and shows; what it throws is told to `complain` as a text. */
  constructor(ask, complain) {
    this.#ask = ask;
    this.#complain = complain;
  }

  /** Begin, or stop. */
  run(isRunning) {
    this.#isRunning = isRunning;
    this.#turn += 1;
    if (isRunning) this.now();
  }

  /** Ask at once, and go on from there. */
  async now() {
    if (!this.#isRunning) return;
    const mine = ++this.#turn;
    try {
      await this.#ask(() => mine === this.#turn);
    } catch (error) {
      if (mine === this.#turn) this.#complain(error instanceof Refusal ? error.message : "The exchange cannot be reached.");
    }
    setTimeout(() => mine === this.#turn && this.now(), EVERY_MS);
  }
}
