"""What accounts sent and traded, against counts made one command and one event at a time."""

from collections import Counter

import numpy as np
import pytest

from exchange import commands
from exchange.published import Published
from exchange.venue.schema import Command
from exchange.view.activity import ROOM_MIN, ActivityCounts
from matching.schema import EventKind
from tests.exchange.view.markets import ALICE, BOB, BUY, CAROL, HOUR_S, SELL, WINDOW, Market, open_market

ORDERS, REPLACES, CANCELS, FILLS = range(4)


class Twin:
    """Counts as slowly as it gets."""

    def __init__(self) -> None:
        self.counts: dict[int, list[int]] = {}
        self.traded: set[int] = set()

    def note(self, batch: Published) -> Counter[int]:
        owners = {}
        for command in batch.commands:
            what = {Command.PLACE: ORDERS, Command.REPLACE: REPLACES, Command.CANCEL: CANCELS}.get(int(command["kind"]))
            if what is not None:
                self.count(int(command["account_id"]), what)
        first: Counter[int] = Counter()
        for event in batch.events[batch.events["kind"] == EventKind.TRADE]:
            owners = {
                int(event["order_id"]): int(event["account_id"]),
                int(event["counter_order_id"]): int(event["counter_account_id"]),
            }
            for order_id, account_id in owners.items():
                self.count(account_id, FILLS)
                first[account_id] += order_id not in self.traded
                self.traded.add(order_id)
        return +first

    def count(self, account_id: int, what: int) -> None:
        self.counts.setdefault(account_id, [0, 0, 0, 0])[what] += 1


@pytest.mark.parametrize("seed", range(5))
def test_counts_are_those_made_one_by_one_in_batches_of_any_size(market: Market, seed: int) -> None:
    random = np.random.default_rng(seed)
    counts, twin = ActivityCounts(market.view), Twin()
    for _ in range(60):
        groups = []
        for _ in range(int(random.integers(0, 12))):
            account_id, side = int(random.integers(1, 4)), (BUY, SELL)[int(random.integers(2))]
            price, lots = 39_800 + 100 * int(random.integers(5)), 1 + int(random.integers(9))
            known = int(random.integers(1, market.sequence + 1))
            groups.append(
                (
                    commands.place(account_id, WINDOW, side, price, lots, client_id="x" * int(random.integers(3))),
                    commands.place(account_id, WINDOW, side, price, lots),
                    commands.cancel(account_id, order_id=known),
                    commands.replace(account_id, price, lots, order_id=known),
                )[int(random.integers(4))]
            )
        batch = market.send(*groups)
        assert counts.note(batch) == twin.note(batch)
    assert twin.traded
    filled = {order_id: market.view.order(order_id).filled_lots for order_id in sorted(twin.traded)}
    assert all(lots > 0 for lots in filled.values())
    for account_id in (ALICE, BOB, CAROL):
        assert list(counts.of_account(account_id)) == twin.counts[account_id]
    assert {account_id: list(each) for account_id, each in counts.take().items()} == twin.counts
    assert counts.take() == {}


def test_quotes_and_legs_count_as_orders_of_the_account_that_sent_them() -> None:
    market = open_market(horizon_s=3 * HOUR_S)
    counts = ActivityCounts(market.view)
    quotes = [commands.Quote(each, 39_000, 5, 41_000, 5) for each in (WINDOW, WINDOW + 1)]
    counts.note(market.send(commands.mass_quote(BOB, quotes), commands.mass_cancel(CAROL)))
    legs = [commands.Leg(WINDOW, BUY, 41_000, 2), commands.Leg(WINDOW + 1, SELL, 39_000, 1)]
    counts.note(market.send(commands.basket(ALICE, legs)))
    assert counts.of_account(BOB) == (2, 0, 0, 2)
    assert counts.of_account(ALICE) == (2, 0, 0, 2)
    assert counts.of_account(CAROL) == (0, 0, 1, 0)


def test_a_batch_of_more_trades_than_there_was_room_for_is_counted_whole(market: Market) -> None:
    counts = ActivityCounts(market.view)
    for _ in range(4):
        market.send(*[commands.place(BOB, WINDOW, SELL, 40_000, 1)] * 100)
    crossing = [commands.place(ALICE, WINDOW, BUY, 40_000, 1)] * 400
    batch = market.send(*crossing)
    assert counts.note(batch) == {ALICE: 400, BOB: 400}
    assert counts.of_account(BOB)[FILLS] == 400
    many = batch._replace(events=np.concatenate([batch.events] * (1 + ROOM_MIN // len(batch.events))))
    counts.note(many)
    assert counts.of_account(BOB)[FILLS] == 400 * (1 + len(many.events) // len(batch.events))


def test_an_account_that_there_is_not_counts_nothing(market: Market) -> None:
    counts = ActivityCounts(market.view)
    counts.note(market.send(commands.cancel(1 << 20, order_id=1)))
    assert counts.of_account(1 << 20) == (0, 0, 0, 0)
    assert counts.take() == {}
