"""Who holds what, against sums over positions and orders one by one."""

from collections import Counter, defaultdict

from hypothesis import given

from exchange import commands
from exchange.margin.detail import detail_of
from exchange.margin.exposure import exposure_by_window, exposure_of_accounts
from exchange.margin.whole_book import read_whole
from tests.exchange.margin.readers import Reader
from tests.exchange.margin.test_census import fallen
from tests.exchange.venue.market import ALICE, BOB, BUY, CAROL, SELL, open_market
from tests.exchange.venue.streams import BUSY, Session, rehearse, sessions


@given(sessions(60, BUSY))
def test_sums_are_those_of_positions_and_orders(session: Session) -> None:
    market = rehearse(session)
    reader = Reader(market)
    book = read_whole(market.venue, {})
    lots: defaultdict[int, list[int]] = defaultdict(list)
    buys: Counter[int] = Counter()
    sells: Counter[int] = Counter()
    accounts = exposure_of_accounts(book)
    for at, account_id in enumerate(accounts.account_id.tolist()):
        portfolio = reader.portfolio(account_id)
        assert accounts.open_orders[at] == len(reader.view.open_orders(account_id))
        assert accounts.positions[at] == sum(each.lots != 0 for each in portfolio.positions.values())
        rungs = detail_of(portfolio).ladder
        most_nano = max((rung.worst_nano for rung in rungs), default=0)
        largest = min((rung.region_id for rung in rungs if rung.worst_nano == most_nano), default=0)
        assert accounts.region_id[at] == (largest if most_nano else 0)
        for instrument_id, position in portfolio.positions.items():
            lots[instrument_id].append(position.lots)
        for order in portfolio.orders:
            (buys if order.side == BUY else sells)[order.instrument_id] += order.lots
    windows = exposure_by_window(book)
    found = {
        instrument_id: tuple(int(column[at]) for column in windows[1:5])
        for at, instrument_id in enumerate(windows.instrument_id.tolist())
    }
    expected = {
        instrument_id: (
            sum(max(each, 0) for each in lots[instrument_id]),
            buys[instrument_id],
            sells[instrument_id],
            max(map(abs, lots[instrument_id]), default=0),
        )
        for instrument_id in lots.keys() | buys.keys() | sells.keys()
    }
    assert found == {instrument_id: row for instrument_id, row in expected.items() if any(row)}


def test_lots_of_who_has_less_than_it_must_are_told_apart() -> None:
    windows = exposure_by_window(read_whole(fallen().venue, {}))
    assert windows.gross_lots.tolist() == windows.called_net_lots.tolist() == windows.called_gross_lots.tolist()
    assert windows.gross_lots.tolist() == [1_000]
    rising = exposure_by_window(read_whole(fallen(1_150).venue, {}))
    assert rising.called_net_lots.tolist() == [-1_000], "the seller would have to buy"


def test_what_could_require_most_is_named() -> None:
    market = open_market()
    market.place(ALICE, SELL, 1_000, 3, instrument_id=1)
    market.place(BOB, BUY, 1_000, 3, instrument_id=1)
    market.send(commands.place(BOB, 2, BUY, 900, 5))
    accounts = exposure_of_accounts(read_whole(market.venue, {}))
    assert accounts.account_id.tolist() == [ALICE, BOB, CAROL]
    assert accounts.instrument_id.tolist() == [1, 2, 0]
