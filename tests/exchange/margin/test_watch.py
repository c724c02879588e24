"""Risk of a market that runs: read between two batches, as old as the view, and only when somebody asks."""

import asyncio

import pytest

from exchange import commands
from exchange.margin.detail import detail_of
from exchange.margin.watch import CENSUS_AGE_MS_MAX, RiskWatch
from exchange.service import Exchange, ExchangeStopped
from tests.exchange.test_service import exchange, place  # noqa: F401 - a fixture
from tests.exchange.venue.market import ALICE, BOB, BUY, SELL


async def test_the_census_is_shared_until_it_is_old_or_somebody_has_seen_more(exchange: Exchange) -> None:  # noqa: F811
    watch = RiskWatch(exchange)
    first, second = await asyncio.gather(watch.census(), watch.census())
    assert first is second
    reply = await exchange.submit(commands.deposit(ALICE, 7))
    later = await watch.census(reply.sequence)
    assert later.sequence >= reply.sequence > first.sequence
    assert later.time_ns == exchange.view.time_ns
    assert later.rows.cash_nano.sum() == first.rows.cash_nano.sum() + 7
    await asyncio.sleep(CENSUS_AGE_MS_MAX / 1_000)
    assert await watch.census() is not later


async def test_a_portfolio_is_of_the_moment_of_the_view(exchange: Exchange) -> None:  # noqa: F811
    watch = RiskWatch(exchange)
    await place(exchange, ALICE, SELL, 3)
    await place(exchange, BOB, BUY, 2)
    held = await watch.portfolio(ALICE)
    assert (held.reading.sequence, held.positions[1].lots, held.orders[0].lots) == (exchange.view.sequence, -2, 1)
    assert detail_of(held).margin_nano == held.reading.money.margin_nano
    assert held.reading.money.margin_nano == exchange.view.balances(ALICE).margin_nano


async def test_portfolios_stay_whole_while_the_account_trades(exchange: Exchange) -> None:  # noqa: F811
    """Each is worked out to just what the venue had at its sequence, whatever goes on beside it."""
    watch = RiskWatch(exchange)
    instruments = list(exchange.view.tranches)

    async def trade() -> None:
        for turn in range(60):
            instrument_id = instruments[turn % len(instruments)]
            await exchange.submit(commands.place(ALICE, instrument_id, SELL, 1_000, 1 + turn % 3))
            await exchange.submit(commands.place(BOB, instrument_id, BUY, 1_000, 2))

    trading = asyncio.create_task(trade())
    sequences = set()
    while not trading.done():
        for account_id in (ALICE, BOB):
            held = await watch.portfolio(account_id)
            detail, money = detail_of(held), held.reading.money
            assert (detail.margin_nano, detail.unsettled_nano) == (money.margin_nano, money.unsettled_nano)
            sequences.add(held.reading.sequence)
    await trading
    assert len(sequences) > 5


async def test_who_is_in_a_region_is_known_for_a_second(exchange: Exchange) -> None:  # noqa: F811
    watch = RiskWatch(exchange)
    await place(exchange, ALICE, SELL, 3)
    assert (await watch.members(1)).tolist() == [ALICE]
    assert (await watch.members(2)).tolist() == []


async def test_a_stopped_exchange_is_read_no_more(exchange: Exchange) -> None:  # noqa: F811
    await exchange.close()
    with pytest.raises(ExchangeStopped):
        await RiskWatch(exchange).census()


async def test_the_whole_book_is_shared_for_as_long_as_its_reader_allows(exchange: Exchange) -> None:  # noqa: F811
    watch = RiskWatch(exchange)
    await place(exchange, ALICE, SELL, 3)
    first = await watch.whole()
    assert first.sequence == exchange.view.sequence
    assert first.open_orders.lots.tolist() == [3]
    await asyncio.sleep(CENSUS_AGE_MS_MAX / 1_000)
    assert await watch.whole(60_000) is first
    one, other = await asyncio.gather(watch.whole(), watch.whole())
    assert one is other
    assert one is not first
