"""What risk staff do, as the read model has it."""

from exchange import staff_commands
from exchange.symbols import NANO_PER_S
from exchange.view import MarketView, RegionRule
from tests.exchange.view.markets import ALICE, BOB, BUY, SELL, WINDOW, Market, assert_agrees_with_venue


def test_the_kill_switch_shows_on_the_account_or_on_the_market(market: Market) -> None:
    market.place(ALICE, BUY, 39_000, 5)
    market.send(staff_commands.kill_switch(ALICE))
    assert market.view.accounts[ALICE].is_blocked
    assert market.view.open_orders(ALICE) == []
    assert_agrees_with_venue(market)
    market.send(staff_commands.lift_kill_switch(ALICE), staff_commands.kill_switch(None))
    assert (market.view.accounts[ALICE].is_blocked, market.view.market_halted) == (False, True)


def test_limits_show_until_they_are_taken_away_and_refused_ones_never(market: Market) -> None:
    account, tranche = market.view.accounts[ALICE], market.view.tranches[WINDOW]
    market.send(
        staff_commands.set_account_limits(ALICE, position_lots=5, open_orders_base=3, open_orders_max=3),
        staff_commands.set_account_limits(ALICE, position_lots=-5),
        staff_commands.set_instrument_limits(WINDOW, order_nano=7),
        staff_commands.set_region_limit(ALICE, 1, 9),
        staff_commands.set_region_limit(ALICE, 99, 9),
    )
    assert (account.position_lots_limit, account.open_orders_max, tranche.order_nano_limit) == (5, 3, 7)
    assert account.rules == {1: RegionRule(1, position_lots=9)}
    market.send(staff_commands.set_account_limits(ALICE), staff_commands.set_region_limit(ALICE, 1, 0))
    assert (account.position_lots_limit, account.open_orders_max, account.rules) == (0, 0, {})


def test_protection_shows_from_when_it_goes_off_to_its_reset(market: Market) -> None:
    terms = {"interval_ms": 1_000, "frozen_ms": 5_000, "quantity_lots": 3}
    market.send(staff_commands.set_protection(ALICE, 1, **terms))
    market.place(ALICE, SELL, 40_000, 5)
    market.place(BOB, BUY, 40_000, 3)
    frozen_until_ns = market.time_ns + 5 * NANO_PER_S
    assert market.view.accounts[ALICE].rules == {1: RegionRule(1, **terms, frozen_until_ns=frozen_until_ns)}
    assert market.view.open_orders(ALICE) == []
    assert_agrees_with_venue(market)
    market.send(staff_commands.reset_protection(ALICE, 1))
    assert market.view.accounts[ALICE].rules == {1: RegionRule(1, **terms)}


def test_a_dump_holds_all_of_it(market: Market) -> None:
    market.send(
        staff_commands.set_account_limits(ALICE, position_lots=5),
        staff_commands.set_instrument_limits(WINDOW, order_lots=7),
        staff_commands.set_protection(BOB, 1, interval_ms=1_000, net_lots=3),
        staff_commands.kill_switch(BOB),
    )
    assert MarketView.load(market.view.dump()) == market.view
