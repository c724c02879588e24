// What a window's ticker says of its prices.

/** The middle of bid and ask, or the one there is; null without any. */
export function midOf(instrument) {
  if (!instrument) return null;
  const { best_bid: bid, best_ask: ask } = instrument;
  if (bid && ask) return (Number(bid) + Number(ask)) / 2;
  return bid || ask ? Number(bid || ask) : null;
}
