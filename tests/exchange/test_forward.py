"""Images of rules under which the last trade was the final price, read by those of today."""

import numpy as np
import orjson

from exchange import commands
from exchange.forward import read_image
from exchange.venue.image import Image
from exchange.venue.machine import Venue
from exchange.venue.schema import Event
from tests.exchange.venue.market import (
    ALICE,
    BOB,
    BUY,
    CASH_NANO,
    LIMITS,
    NANO_PER_S,
    REFERENCE_TICKS,
    SELL,
    START_NS,
    WINDOW_S,
    Market,
    open_market,
)
from tests.exchange.venue.told import told

DAVE = 4
TRADED, UNTRADED, OPEN = 1, 2, 4
"""Two windows that have passed their gates, and one that has not."""
LAST_TICKS = 1_100


def market_of_old() -> Market:
    """Two minutes before the third gate; both open windows have all that a price of today is made of."""
    market = open_market()
    market.send(commands.open_account(DAVE, "dave"), commands.deposit(DAVE, CASH_NANO))
    market.tick(WINDOW_S * 2 - 30)
    for seller, buyer in ((ALICE, BOB), (BOB, DAVE)):
        market.place(seller, SELL, LAST_TICKS, 10, instrument_id=OPEN)
        market.place(buyer, BUY, LAST_TICKS, 10, instrument_id=OPEN)
    return market


def written_by_older_rules(image: Image) -> bytes:
    """An image whose tranches say what was traded last, and neither keep prints nor a final price."""
    stored = dict(image)
    names = [name for name in stored["tranches"].dtype.names or () if name not in ("prints", "final_ticks")]
    fields = [(name, stored["tranches"].dtype[name].str) for name in names]
    tranches = np.zeros(len(stored["tranches"]), [*fields, ("last_trade_ticks", "<i4")])
    for name in names:
        tranches[name] = stored["tranches"][name]
    tranches["last_trade_ticks"][tranches["instrument_id"] == TRADED] = LAST_TICKS
    tranches["last_trade_ticks"][tranches["instrument_id"] == OPEN] = LAST_TICKS
    stored["tranches"] = tranches
    del stored["prints"]
    layouts = {name: [(each, rows.dtype[each].str) for each in rows.dtype.names or ()] for name, rows in stored.items()}
    counts = {name: len(rows) for name, rows in stored.items()}
    header = orjson.dumps({"counts": counts, "layouts": layouts, "view_bytes": 0})
    return header + b"\n" + b"".join(rows.tobytes() for rows in stored.values())


def test_a_window_that_has_passed_its_gate_keeps_what_it_was_settled_at_and_an_open_one_goes_by_the_mark() -> None:
    market = market_of_old()
    _, image, _ = read_image(written_by_older_rules(market.venue.image()))
    assert len(image["prints"]) == 0
    final_ticks = dict(image["tranches"][["instrument_id", "final_ticks"]].tolist())
    assert (final_ticks[TRADED], final_ticks[UNTRADED], final_ticks[OPEN]) == (LAST_TICKS, REFERENCE_TICKS, 0)
    venue = Venue.from_image(image, LIMITS)
    events = told(venue.apply(commands.tick(START_NS + 10 * WINDOW_S * NANO_PER_S), market.next_sequence))
    moves = [event for event in events if event["kind"] == Event.STATE_CHANGED]
    for instrument_id, ticks in ((TRADED, LAST_TICKS), (UNTRADED, REFERENCE_TICKS), (OPEN, REFERENCE_TICKS)):
        assert {event["final_ticks"] for event in moves if event["instrument_id"] == instrument_id} == {ticks}
