"""Before the gate a provider has a bond for what it may come to have sold, as a part of its requirement."""

import numpy as np
import pytest

from exchange import commands, staff_commands
from exchange.venue.clearing.bonds import bond_nano, failure_nano, replacement_ticks
from exchange.venue.clearing.commitments import set_multiplier
from exchange.venue.clearing.schema import TERMS as TERMS_LAYOUT
from exchange.venue.schema import Event, Reason, Reject, Tier
from risk.schema import CONTRACT
from tests.exchange.venue.clearing.shop import QUARTER_S, Shop, bond
from tests.exchange.venue.desk import exposure, reason_of, resting
from tests.exchange.venue.market import ALICE, BOB, BUY, CAROL, SELL

LOT_NANO = 250
"""Of one tick of one lot over a quarter."""


def contract(mark_ticks: int, worst_shock_ticks: int, price_max_ticks: int = 32_000) -> np.void:
    row = np.zeros(1, CONTRACT)
    row["mark_ticks"], row["worst_shock_ticks"], row["price_max_ticks"] = mark_ticks, worst_shock_ticks, price_max_ticks
    row["tick_value_nano"] = LOT_NANO
    return row[0]


def terms(slot_s: int = 60, shortfall_fee_ppm: int = 0) -> np.void:
    row = np.zeros(1, TERMS_LAYOUT)
    row["slot_s"], row["shortfall_fee_ppm"] = slot_s, shortfall_fee_ppm
    return row[0]


@pytest.mark.parametrize(
    ("final_ticks", "mark_ticks", "shock_ticks", "expected_ticks"),
    [(1_000, 900, 500, 1_500), (1_000, 1_200, 500, 1_700), (1_000, 1_200, 40_000, 32_000)],
)
def test_replacing_costs_the_largest_shock_beyond_the_price(
    final_ticks: int, mark_ticks: int, shock_ticks: int, expected_ticks: int
) -> None:
    assert replacement_ticks(contract(mark_ticks, shock_ticks), final_ticks) == expected_ticks


@pytest.mark.parametrize(
    ("slot_s", "fee_ppm", "replacement", "expected_nano"),
    [
        (60, 0, 1_500, 125_000),
        (60, 100_000, 1_500, 150_000),
        (60, 1, 1_000, 1),
        (60, 0, 900, 0),
        (0, 100_000, 1_500, 0),
    ],
)
def test_failing_costs_a_fee_and_what_replacing_costs_beyond_the_price(
    slot_s: int, fee_ppm: int, replacement: int, expected_nano: int
) -> None:
    assert failure_nano(contract(1_000, 0), terms(slot_s, fee_ppm), 1_000, replacement) == expected_nano


def test_a_bond_is_rounded_up_and_no_product_wraps() -> None:
    assert bond_nano(np.int64(3), np.int64(1), np.uint32(1_000_001)) == 4
    most = np.int64(1 << 60)
    assert bond_nano(most, np.int64(1), np.uint32(2_000_000)) == 1 << 61


def test_a_bond_follows_orders_trades_and_cancels() -> None:
    shop = Shop()
    shop.provide(10)
    quarter = shop.window(Tier.EF, QUARTER_S)

    def bond_nano_kept() -> int:
        shop.check()
        return int(shop.venue.state.clearing.providers["bond_margin_nano"][ALICE])

    assert bond_nano_kept() == 0
    shop.place(ALICE, SELL, 1_000, 6, instrument_id=quarter)
    assert bond_nano_kept() == 2 * 6 * (100 + 1_000) * LOT_NANO, "a price that may double, and a tenth of it as a fee"
    shop.place(BOB, BUY, 1_000, 4, instrument_id=quarter)
    assert bond_nano_kept() == 2 * 6 * 1_100 * LOT_NANO
    shop.send(commands.mass_cancel(ALICE))
    assert bond_nano_kept() == 2 * 4 * 1_100 * LOT_NANO
    shop.place(BOB, SELL, 1_010, 3, instrument_id=quarter)
    shop.place(ALICE, BUY, 1_010, 3, instrument_id=quarter)
    assert bond_nano_kept() == 2 * 1_100 * LOT_NANO


def test_a_bond_follows_marks_shocks_and_strain() -> None:
    shop = Shop()
    shop.provide(10)
    quarter = shop.window(Tier.EF, QUARTER_S)
    shop.place(ALICE, SELL, 1_000, 6, instrument_id=quarter)
    shop.place(BOB, BUY, 1_000, 4, instrument_id=quarter)
    shop.place(ALICE, SELL, 1_010, 1, instrument_id=quarter)
    shop.send(commands.set_parameters(quarter, mark_ticks=800, shocks_ticks=[0, 100, -100, *[0] * 13]))
    assert bond(shop.venue.image(), ALICE) == 2 * 7 * (80 + 100) * LOT_NANO
    shop.check()
    shop.send(staff_commands.set_strain(1, 500_000, 1_000_000), staff_commands.set_utilisation(1, 750_000))
    provider = shop.venue.state.clearing.providers[ALICE : ALICE + 1]
    assert int(provider["bond_margin_nano"][0]) > 2 * 7 * (80 + 100) * LOT_NANO
    shop.send(staff_commands.set_utilisation(1, 0))
    assert int(provider["bond_margin_nano"][0]) == 2 * 7 * (80 + 100) * LOT_NANO
    shop.check()


def test_a_tranche_that_is_settled_in_cash_needs_no_bond() -> None:
    shop = Shop(is_delivered=False)
    shop.provide(10)
    shop.place(ALICE, SELL, 1_000, 6, instrument_id=shop.window(Tier.EF, QUARTER_S))
    shop.check()
    assert shop.venue.state.clearing.providers["bond_margin_nano"][ALICE] == 0


def test_a_reputation_changes_the_bond_at_once_and_in_an_image() -> None:
    shop = Shop()
    shop.provide(10)
    shop.place(ALICE, SELL, 1_000, 6, instrument_id=shop.window(Tier.EF, QUARTER_S))
    for venue in (shop.venue, shop.narrow):
        set_multiplier(venue.state, ALICE, 1_250_000)
    assert shop.venue.state.clearing.providers["bond_margin_nano"][ALICE] == 6 * 1_100 * LOT_NANO * 5 // 4
    shop.check()


def spare_nano(shop: Shop, account_id: int) -> int:
    figures = shop.venue.figures(np.array([account_id]))[0]
    return int(figures["cash_nano"] + figures["unsettled_nano"] - figures["margin_nano"])


def test_an_ask_whose_bond_is_not_free_is_refused() -> None:
    shop = Shop()
    shop.provide(10)
    quarter = shop.window(Tier.EF, QUARTER_S)
    before_nano = spare_nano(shop, ALICE)
    shop.place(ALICE, SELL, 1_000, 1, instrument_id=quarter)
    lot_nano = before_nano - spare_nano(shop, ALICE)
    assert lot_nano > 2 * 1_100 * LOT_NANO
    shop.ask(commands.withdraw(ALICE, spare_nano(shop, ALICE) - 3 * lot_nano + 1))
    for lots, reason in ((3, Reject.INSUFFICIENT_MARGIN), (2, Reject.NONE)):
        outcome = shop.place(ALICE, SELL, 1_000, lots, instrument_id=quarter)
        assert reason_of(outcome) == reason
        shop.check()
    quotes = commands.mass_quote(ALICE, [commands.Quote(quarter, 0, 0, 1_000, 1)])
    assert reason_of(shop.ask(quotes)) == Reject.INSUFFICIENT_MARGIN
    shop.check()
    shop.ask(commands.deposit(ALICE, 1))
    assert reason_of(shop.ask(quotes)) == Reject.NONE
    shop.check()


def short_of_margin() -> tuple[Shop, int]:
    """A provider that has sold, and whose requirement a mark has carried above what it has."""
    shop = Shop()
    shop.provide(10)
    quarter = shop.window(Tier.EF, QUARTER_S)
    shop.send(commands.set_parameters(quarter, mark_ticks=1_000, shocks_ticks=[0, 1_000, -1_000, *[0] * 13]))
    shop.place(ALICE, SELL, 1_000, 10, instrument_id=quarter)
    shop.place(BOB, BUY, 1_000, 10, instrument_id=quarter)
    shop.place(BOB, SELL, 1_400, 10, instrument_id=quarter)
    shop.ask(commands.withdraw(ALICE, spare_nano(shop, ALICE)))
    shop.send(commands.set_parameters(quarter, mark_ticks=1_001, shocks_ticks=[0, 1_000, -1_000, *[0] * 13]))
    assert spare_nano(shop, ALICE) < 0
    return shop, quarter


def test_buying_back_may_cost_more_than_margin_alone_is_worth_by_the_bond_that_it_frees() -> None:
    shop, quarter = short_of_margin()
    shop.send(commands.mass_cancel(BOB))
    shop.send(commands.set_parameters(quarter, mark_ticks=400, shocks_ticks=[0, 400, -400, *[0] * 13]))
    shop.ask(commands.withdraw(ALICE, spare_nano(shop, ALICE)))
    shop.send(commands.set_parameters(quarter, mark_ticks=401, shocks_ticks=[0, 400, -400, *[0] * 13]))
    assert spare_nano(shop, ALICE) < 0
    # A lot costs 400 ticks of margin and a bond of 2 x (40.1 + 400): a price up to 1,281 above the mark helps.
    assert reason_of(shop.place(ALICE, SELL, 1_490, 1, instrument_id=quarter)) == Reject.CAPACITY_EXCEEDED
    assert reason_of(shop.place(ALICE, BUY, 1_490, 11, instrument_id=quarter)) == Reject.INSUFFICIENT_MARGIN
    assert reason_of(shop.place(ALICE, BUY, 1_490, 1, instrument_id=quarter)) == Reject.NONE
    shop.check()


def test_asks_of_a_provider_go_where_deleveraging_leaves_them_without_cover() -> None:
    shop = Shop()
    shop.provide(30)
    quarter = shop.window(Tier.EF, QUARTER_S)
    shop.place(CAROL, SELL, 1_000, 100, instrument_id=quarter)
    shop.place(ALICE, BUY, 1_000, 100, instrument_id=quarter)
    first = shop.place(ALICE, SELL, 1_100, 80, instrument_id=quarter)["order_id"]
    second = shop.place(ALICE, SELL, 1_100, 20, instrument_id=quarter)["order_id"]
    assert resting(shop, ALICE) == [first, second]
    shop.check()
    shop.send(commands.halt(quarter))
    mark = commands.set_parameters(quarter, mark_ticks=5_100, shocks_ticks=[0, 100, -100, *[0] * 13])
    events = shop.send(mark)[0]
    kinds = [event["kind"] for event in events]
    assert kinds.index(Event.CANCELLED) < kinds.index(Event.DELEVERAGED)
    cancelled = events[kinds.index(Event.CANCELLED)]
    assert (cancelled["order_id"], cancelled["reason"]) == (first, Reason.NOT_COVERED)
    assert resting(shop, ALICE) == [second]
    shop.check()


def test_a_provider_that_is_closed_gives_up_bond_with_its_position() -> None:
    shop, quarter = short_of_margin()
    shop.send(commands.mass_cancel(BOB))
    shop.place(BOB, SELL, 1_200, 10, instrument_id=quarter)
    shop.send(commands.set_parameters(quarter, mark_ticks=3_000, shocks_ticks=[0, 1_000, -1_000, *[0] * 13]))
    shop.check()
    for _ in range(3):
        shop.tick(1)
        shop.check()
    left_lots = exposure(shop.venue.image(), ALICE, quarter)[0]
    assert -10 < left_lots <= 0
    assert shop.venue.state.clearing.providers["bond_margin_nano"][ALICE] == 2 * -left_lots * 1_300 * LOT_NANO
