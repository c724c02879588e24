"""Whatever a provider does, no Mbps of it is sold twice, and it is refused just what would do so."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange import clearing_commands, commands
from exchange.venue.clearing.capacity_schema import STAKE_NANO_PER_LOT
from exchange.venue.schema import Reject, Tier
from matching.schema import ChangeFlag
from tests.exchange.venue.clearing.shop import HOUR_S, QUARTER_S, SERIES, Shop, is_feasible, register, sold_by_slot
from tests.exchange.venue.desk import reason_of
from tests.exchange.venue.market import ALICE, BOB, BUY, NANO_PER_S, SELL, START_NS

STEPS_MAX = 14
FROM_S = [0, HOUR_S, 2 * HOUR_S, 2 * HOUR_S + QUARTER_S, 3 * HOUR_S, 16 * HOUR_S]
"""Begins of capacity, from the start on."""
DAILY = [{}, {"daily_from_s": 10 * HOUR_S, "daily_length_s": HOUR_S, "weekdays": 0b101_0000}]

lots = st.integers(1, 9)
calendars = st.tuples(st.sampled_from(list(SERIES)), st.integers(0, 1))
sides = st.sampled_from([BUY, SELL])
steps = st.one_of(
    st.tuples(st.just("register"), lots, st.sampled_from(Tier), st.sampled_from(FROM_S), st.sampled_from(DAILY)),
    st.tuples(st.just("withdraw"), st.integers(1, 6)),
    st.tuples(st.just("place"), st.just(ALICE), calendars, st.just(SELL), lots),
    st.tuples(st.just("place"), st.sampled_from([ALICE, BOB]), calendars, sides, lots),
    st.tuples(st.just("quote"), calendars, calendars, lots, lots),
    st.tuples(st.just("replace"), st.integers(0, 5), lots),
    st.tuples(st.just("cancel"), st.integers(0, 5)),
    st.tuples(st.just("tick"), st.sampled_from([60, QUARTER_S, 2 * HOUR_S])),
    st.tuples(st.just("restart")),
)


class Stream:
    """A shop, and what its steps should come to."""

    def __init__(self) -> None:
        self.shop = Shop()
        self.shop.ask(clearing_commands.post_stake(ALICE, 2_000 * STAKE_NANO_PER_LOT))
        assert reason_of(self.shop.ask(register(5))) == Reject.NONE

    def run(self, kind: str, *values: Any) -> None:
        getattr(self, kind)(*values)
        self.shop.check()

    def register(self, quantity: int, tier: Tier, from_s: int, daily: dict[str, int]) -> None:
        first_ns = START_NS + from_s * NANO_PER_S
        self.shop.ask(register(quantity, tier=tier, first_ns=first_ns, **daily))

    def withdraw(self, capacity_id: int) -> None:
        image = self.shop.venue.image()
        rows = image["capacities"]
        mine = (rows["capacity_id"] == capacity_id) & (rows["account_id"] == ALICE)
        left = image | {"capacities": rows[~mine]}
        expected = Reject.NONE if self.is_sound(left) else Reject.CAPACITY_SOLD
        expected = expected if mine.any() else Reject.CAPACITY_OUT_OF_RANGE
        assert reason_of(self.shop.ask(clearing_commands.withdraw_capacity(ALICE, capacity_id))) == expected

    def place(self, account_id: int, calendar: tuple, side: int, quantity: int) -> None:
        instrument_id = self.tranche(calendar)
        if instrument_id is None:
            return
        image = self.shop.venue.image()
        expected = Reject.NONE
        if account_id == ALICE and side == SELL and not self.allows(image, with_ask(image, instrument_id, quantity)):
            expected = Reject.CAPACITY_EXCEEDED
        outcome = self.shop.place(account_id, side, 1_000, quantity, instrument_id=instrument_id)
        assert reason_of(outcome) == expected

    def quote(self, calendar: tuple, other: tuple, quantity: int, other_quantity: int) -> None:
        pair = self.tranche(calendar), self.tranche(other)
        if None in pair or pair[0] == pair[1]:
            return
        image = self.shop.venue.image()
        after = image
        for instrument_id, asked in zip(pair, (quantity, other_quantity), strict=True):
            resting = [row for row in after["orders"] if is_quote_of(row, instrument_id)]
            asked -= sum(int(row["leaves_lots"]) for row in resting)
            after = with_ask(after, instrument_id, asked)
        quotes = [commands.Quote(pair[0], 0, 0, 1_000, quantity), commands.Quote(pair[1], 0, 0, 1_000, other_quantity)]
        expected = Reject.NONE if self.allows(image, after) else Reject.CAPACITY_EXCEEDED
        assert reason_of(self.shop.ask(commands.mass_quote(ALICE, quotes))) == expected

    def replace(self, place: int, quantity: int) -> None:
        asks = self.asks()
        if place < len(asks):
            image = self.shop.venue.image()
            row = asks[place]
            after = with_ask(image, int(row["instrument_id"]), quantity - int(row["leaves_lots"]))
            expected = Reject.NONE if self.allows(image, after) else Reject.CAPACITY_EXCEEDED
            change = commands.replace(
                ALICE, 1_000, quantity, order_id=int(row["order_id"]), flags=ChangeFlag.NAMES_REMAINING
            )
            assert reason_of(self.shop.ask(change)) == expected

    def cancel(self, place: int) -> None:
        asks = self.asks()
        if place < len(asks):
            self.shop.ask(commands.cancel(ALICE, order_id=int(asks[place]["order_id"])))

    def tick(self, seconds: int) -> None:
        self.shop.tick(seconds)

    def restart(self) -> None:
        self.shop.go_on_alike()

    def asks(self) -> np.ndarray:
        """The resting asks of the provider that are no quotes."""
        orders = self.shop.venue.image()["orders"]
        is_ask = (orders["account_id"] == ALICE) & (orders["side"] == SELL) & (orders["order_id"] < 1 << 52)
        return orders[is_ask]

    def tranche(self, calendar: tuple) -> int | None:
        """A tranche of a calendar whose gate is open, or None."""
        key, place = calendar
        tranches = self.shop.venue.image()["tranches"]
        is_open = (tranches["series_id"] == SERIES[key]) & (tranches["gate_ns"] > self.shop.time_ns)
        ids = sorted(tranches["instrument_id"][is_open].tolist())
        return ids[place] if place < len(ids) else None

    def allows(self, before: dict, after: dict) -> bool:
        """Whether an order may come: it commits nothing more, or all that is committed then is covered."""
        grows = sold_by_slot(after, ALICE, 1) != sold_by_slot(before, ALICE, 1)
        return not grows or self.is_sound(after)

    def is_sound(self, image: dict) -> bool:
        return is_feasible(image, ALICE, 1, sold_by_slot(image, ALICE, 1))


def with_ask(image: dict, instrument_id: int, quantity: int) -> dict:
    """An image in which the provider has so many lots more open to sell."""
    row = np.zeros(1, image["orders"].dtype)
    row["account_id"], row["instrument_id"], row["side"], row["leaves_lots"] = ALICE, instrument_id, SELL, quantity
    return image | {"orders": np.concatenate([image["orders"], row])}


def is_quote_of(row: np.void, instrument_id: int) -> bool:
    return (row["account_id"], row["instrument_id"], row["side"]) == (ALICE, instrument_id, SELL) and row[
        "order_id"
    ] >= 1 << 52


@given(st.lists(steps, max_size=STEPS_MAX))
@settings(max_examples=40)
def test_no_lot_of_capacity_is_ever_sold_twice_and_only_that_is_refused(taken: list[tuple]) -> None:
    stream = Stream()
    for kind, *values in taken:
        stream.run(kind, *values)
