// Work on very many things in slices, so that the page answers and paints in between.

const SLICE_MS = 8;
const LOOKED_AT_EVERY = 256; // things: the clock is not free

/**
 * Hand each of many things to `take`. Resolves to false when `isWanted()` said in between that nobody waits for it any
 * more; what is left is not taken then. Few things are taken at once.
 */
export async function inSlices(things, take, isWanted) {
  let until = performance.now() + SLICE_MS;
  let taken = 0;
  for (const thing of things) {
    take(thing);
    taken += 1;
    if (taken % LOOKED_AT_EVERY || performance.now() < until) continue;
    await pause();
    if (!isWanted()) return false;
    until = performance.now() + SLICE_MS;
  }
  return true;
}

/** Let the page do what waits, and go on behind that. */
export function pause() {
  return globalThis.scheduler?.yield ? scheduler.yield() : new Promise((resolve) => setTimeout(resolve));
}
