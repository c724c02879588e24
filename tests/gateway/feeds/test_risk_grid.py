"""All accounts as columns, and which of them differ from what was told last."""

from exchange.margin.census import Census, touched_room
from exchange.margin.exposure import NOTHING_AT_STAKE, exposure_of_accounts
from exchange.margin.whole_book import read_whole
from gateway.feeds.risk_grid import NOTHING, Grid, changed_figures, changed_names, changed_stakes, grid_of
from tests.exchange.view.markets import ALICE, BOB, BUY, CASH_NANO, SELL, WINDOW, Market, open_market


def grid(market: Market) -> Grid:
    return grid_of(Census(market.venue, touched_room(0)), exposure_of_accounts(read_whole(market.venue, {})))


def test_everything_is_told_at_first_and_nothing_when_nothing_moved() -> None:
    market = open_market()
    now = grid(market)
    everyone = sorted(market.view.accounts)
    assert changed_names(market.view, NOTHING, now)["account_id"] == everyone
    assert changed_figures(NOTHING, now)["equity_micro"] == [CASH_NANO // 1_000] * len(everyone)
    assert changed_stakes(market.view, NOTHING, now)["open_orders"] == [0] * len(everyone)
    again = grid(market)
    parts = changed_names(market.view, now, again), changed_figures(now, again), changed_stakes(market.view, now, again)
    assert [part["account_id"] for part in parts] == [[], [], []]


def test_who_trades_is_told_with_what_is_at_stake() -> None:
    market = open_market()
    before = grid(market)
    market.place(ALICE, SELL, 40_000, 3)
    market.place(BOB, BUY, 40_000, 2)
    after = grid(market)
    figures, stakes = changed_figures(before, after), changed_stakes(market.view, before, after)
    assert figures["account_id"] == stakes["account_id"] == [ALICE, BOB]
    assert figures["margin_micro"] == [market.view.accounts[each].margin_nano // 1_000 for each in (ALICE, BOB)]
    assert (stakes["open_orders"], stakes["positions"]) == ([1, 0], [1, 1])
    assert stakes["contributor"] == [market.view.tranches[WINDOW].symbol] * 2
    assert stakes["region"] == [market.view.tranches[WINDOW].region] * 2
    assert changed_names(market.view, before, after)["account_id"] == []


def test_an_account_of_which_no_exposure_is_known_yet_has_nothing_at_stake() -> None:
    market = open_market()
    market.place(ALICE, SELL, 40_000, 3)
    found = grid_of(Census(market.venue, touched_room(0)), NOTHING_AT_STAKE)
    assert found.account_ids.tolist() == sorted(market.view.accounts)
    assert not found.stakes.any()
    assert changed_stakes(market.view, NOTHING, found)["region"] == [None] * len(market.view.accounts)
