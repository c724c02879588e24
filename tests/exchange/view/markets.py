"""A real venue whose every batch goes to a read model."""

import numpy as np

from exchange import clearing_commands, commands
from exchange.published import Published
from exchange.sequencer import stamp_order_ids
from exchange.symbols import NANO_PER_S
from exchange.venue.figures_schema import FIGURES
from exchange.venue.machine import Venue
from exchange.venue.schema import Tier
from exchange.venue.state import VenueLimits
from exchange.view import MarketView, OrderView
from exchange.view.columns.schema import Bounds
from kernels.records import names_of
from matching.export import level_rows
from matching.schema import Side
from tests.exchange.view.twin.market import ViewTwin, shown, shown_by_twin

BUY, SELL = Side
LIMITS = VenueLimits(instruments=64, orders=500, nodes=400, accounts=64, positions=500, client_ids=256)
HOUR_S = 3_600
START_NS = 1_800_000_000 * NANO_PER_S
FIRST_WINDOW_NS = START_NS + HOUR_S * NANO_PER_S
GATE_LEAD_S = 300
FIRST_GATE_NS = FIRST_WINDOW_NS - GATE_LEAD_S * NANO_PER_S
TICK_VALUE_NANO = 1_000  # of one lot over an hour
CASH_NANO = 1_000_000 * 1_000_000_000
MARGIN_PER_LOT_NANO = (40_000 + 8_000) * TICK_VALUE_NANO
"""What a lot at the mark requires until parameters come: the price may double or vanish, and a fifth is for spread."""
SHOCKS_TICKS = [0, *(sign * size for size in range(1_000, 8_000, 1_000) for sign in (1, -1)), 500]
COMPARED_TRADES_MAX = 100
"""While there are fewer, every batch is compared with the twin."""
ALICE, BOB, CAROL = 1, 2, 3
WINDOW = 1
"""The instrument id of the first tranche listed."""


class Market:
    """A venue whose every batch goes to a view, as the exchange does it, and to the view's slow twin."""

    def __init__(self, bounds: Bounds = Bounds()) -> None:  # noqa: B008
        self.venue = Venue(LIMITS)
        self.view = MarketView(bounds)
        self.twin = ViewTwin(bounds)
        self.sequence = 0
        self.time_ns = START_NS
        self.published: list[Published] = []

    def send(self, *groups: np.ndarray, time_ns: int | None = None) -> Published:
        """One batch: a tick, then the commands."""
        self.time_ns = time_ns or self.time_ns + 1_000
        batch = commands.concatenate(commands.tick(self.time_ns), *groups)
        first_sequence = self.sequence + 1
        stamp_order_ids(batch, first_sequence)
        events = self.venue.apply(batch, first_sequence)
        published = Published(first_sequence, self.time_ns, batch, events, self.venue.figures_after(events))
        self.sequence += len(batch)
        self.view.apply(published)
        self.twin.apply(published)
        if len(self.twin.tape) < COMPARED_TRADES_MAX:
            self.compare()
        self.published.append(published)
        return published

    def compare(self) -> None:
        """The view shows what the twin shows."""
        expected, found = shown_by_twin(self.twin), shown(self.view, self.twin)
        for name in expected:
            assert found[name] == expected[name], name

    def place(self, account_id: int, side: Side, price_ticks: int, quantity_lots: int, **terms: object) -> int:
        """Place one order in a batch of its own; return its id."""
        self.send(commands.place(account_id, WINDOW, side, price_ticks, quantity_lots, **terms))
        return self.venue.sequence

    def book(self) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
        """What the view tells of the first tranche's book."""
        return self.view.tranches[WINDOW].book.depth()


def open_market(
    horizon_s: int = 2 * HOUR_S - 1,
    fees_ppm: tuple[int, int] = (0, 0),
    price_step_ticks: int = 100,
    terms: dict[str, int] | None = None,
    bounds: Bounds = Bounds(),  # noqa: B008
    **auctions: int,
) -> Market:
    """Its windows are delivered if there are terms for it."""
    market = Market(bounds)
    accounts = [commands.open_account(ALICE, "alice"), commands.open_account(BOB, "bob", 7)]
    accounts.append(commands.open_account(CAROL, "carol", 7))
    market.send(commands.define_region(1, "eu-fra"), *accounts)
    market.send(*(commands.deposit(account_id, CASH_NANO) for account_id in (ALICE, BOB, CAROL)))
    delivery = [clearing_commands.set_delivery_terms(1, **terms)] if terms else []
    market.send(define_windows(horizon_s, price_step_ticks, **auctions), commands.set_fees(1, *fees_ppm), *delivery)
    market.send()
    return market


def define_windows(horizon_s: int, price_step_ticks: int = 100, **auctions: int) -> np.ndarray:
    return commands.define_series(
        1,
        1,
        Tier.EF,
        first_start_ns=FIRST_WINDOW_NS,
        duration_s=HOUR_S,
        gate_lead_s=GATE_LEAD_S,
        horizon_s=horizon_s,
        reference_ticks=40_000,
        price_step_ticks=price_step_ticks,
        quantity_step_lots=1,
        quantity_max_lots=500,
        band_bps=5_000,
        **auctions,
    )


def assert_agrees_with_venue(market: Market) -> None:
    """Levels, money, positions, marks, fees, counts: the view says what the venue knows."""
    view, state = market.view, market.venue.state
    for tranche in view.tranches.values():
        for side in Side:
            assert tranche.book.levels(side) == [
                tuple(row) for row in level_rows(state.book, tranche.instrument_id, side).tolist()
            ]
    assert_orders_agree(market)
    for account_id in view.accounts:
        account = state.ledger.accounts[account_id]
        shown = view.accounts[account_id]
        assert all(getattr(shown, name) == account[name] for name in names_of(FIGURES)[1:])
        assert sum(position.unsettled_nano for position in view.positions(account_id)) == account["unsettled_nano"]
        assert len(view.positions(account_id)) == account["position_count"]
    assert_contracts_agree(market)
    assert view.resting_orders == state.book.counters[0]["resting_orders"]
    assert view.resting_orders == sum(len(view.open_orders(account_id)) for account_id in view.accounts)
    assert view.trades == state.book.counters[0]["trades"]
    assert view.commands == state.clock[0]["commands"]
    assert view.fund_nano == state.ledger.totals[0]["fund_nano"]
    assert MarketView.load(view.dump()) == view


def assert_contracts_agree(market: Market) -> None:
    """Every tranche that is listed shows the mark, charge and rates by which its positions are margined."""
    names = ("mark_ticks", "spread_ticks", "maker_fee_ppm", "taker_fee_ppm")
    for contract in market.venue.image()["contracts"]:
        tranche = market.view.tranches.get(int(contract["instrument_id"]))
        if tranche is not None:
            assert all(getattr(tranche, name) == contract[name] for name in names)


def assert_orders_agree(market: Market) -> None:
    """Every resting order, by its id, with all that its owner may ask for."""
    names = ("account_id", "instrument_id", "side", "price_ticks", "quantity_lots", "leaves_lots", "flags")
    names = (*names, "display_lots", "label", "session_id", "time_in_force")
    shown = {order.order_id: tuple(getattr(order, name) for name in names) for order in resting(market.view)}
    rows = market.venue.image()["orders"]
    assert shown == {int(row["order_id"]): tuple(int(row[name]) for name in names) for row in rows}
    assert all(order.filled_lots + order.leaves_lots == order.quantity_lots for order in resting(market.view))


def resting(view: MarketView) -> list[OrderView]:
    """Every order that rests."""
    return [order for account_id in view.accounts for order in view.open_orders(account_id)]
