"""What every kind of matching's events does to orders, levels, positions and the tape."""

from exchange import commands
from exchange.symbols import NANO_PER_S
from exchange.venue.schema import Reason
from exchange.view import records
from matching.schema import ChangeFlag, OrderFlag, SelfTrade, TimeInForce
from tests.exchange.view.markets import ALICE, BOB, BUY, CAROL, SELL, TICK_VALUE_NANO, WINDOW, Market


def test_a_trade_takes_lots_off_the_makers_level(market: Market) -> None:
    maker = market.place(BOB, SELL, 40_000, 10)
    taker = market.place(ALICE, BUY, 40_500, 4)
    assert market.book() == ([], [(40_000, 6, 1)])
    assert (market.view.order(taker).status, market.view.order(taker).filled_lots) == (records.FILLED, 4)
    assert (market.view.order(maker).status, market.view.order(maker).leaves_lots) == (records.OPEN, 6)


def test_a_level_that_is_traded_through_is_gone(market: Market) -> None:
    makers = [market.place(BOB, SELL, 40_000, 2), market.place(BOB, SELL, 40_100, 3)]
    market.place(ALICE, BUY, 40_100, 6)
    assert market.book() == ([(40_100, 1, 1)], [])
    assert [market.view.order(maker).status for maker in makers] == [records.FILLED, records.FILLED]


def test_a_cancel_takes_the_order_off_its_level(market: Market) -> None:
    first = market.place(ALICE, BUY, 39_000, 3)
    market.place(BOB, BUY, 39_000, 4)
    market.send(commands.cancel(ALICE, order_id=first))
    assert market.book() == ([(39_000, 4, 1)], [])
    order = market.view.order(first)
    assert (order.status, order.reason, order.quantity_lots) == (records.CANCELLED, Reason.REQUESTED, 3)
    assert (order.leaves_lots, order.filled_lots) == (0, 0)


def test_a_smaller_total_reduces_the_level_and_keeps_the_price(market: Market) -> None:
    order_id = market.place(ALICE, SELL, 41_000, 10, client_id="first")
    market.place(BOB, BUY, 41_000, 4)
    market.send(commands.replace(ALICE, 41_000, 7, order_id=order_id))
    assert market.book() == ([], [(41_000, 3, 1)])
    order = market.view.order(order_id)
    assert (order.quantity_lots, order.filled_lots, order.leaves_lots) == (7, 4, 3)
    assert order.client_id == "first"


def test_a_replace_to_another_price_moves_the_lots(market: Market) -> None:
    order_id = market.place(ALICE, SELL, 41_000, 10, client_id="mover")
    market.send(commands.replace(ALICE, 42_000, 12, order_id=order_id))
    assert market.book() == ([], [(42_000, 12, 1)])
    order = market.view.order(order_id)
    assert (order.price_ticks, order.quantity_lots, order.leaves_lots, order.status) == (42_000, 12, 12, records.OPEN)
    assert market.view.order_by_client_id(ALICE, "mover") == order


def test_a_replace_that_trades_counts_what_was_filled_before(market: Market) -> None:
    order_id = market.place(ALICE, BUY, 39_000, 10)
    market.place(BOB, SELL, 39_000, 2)
    market.place(BOB, SELL, 39_500, 3)
    market.send(commands.replace(ALICE, 39_500, 6, order_id=order_id, flags=ChangeFlag.NAMES_REMAINING))
    order = market.view.order(order_id)
    assert (order.quantity_lots, order.filled_lots, order.leaves_lots) == (8, 5, 3)
    assert market.book() == ([(39_500, 3, 1)], [])


def test_a_replace_that_fills_ends_the_order(market: Market) -> None:
    order_id = market.place(ALICE, BUY, 39_000, 3)
    market.place(BOB, SELL, 39_500, 5)
    market.send(commands.replace(ALICE, 39_500, 5, order_id=order_id))
    order = market.view.order(order_id)
    assert (order.status, order.quantity_lots, order.filled_lots, order.leaves_lots) == (records.FILLED, 5, 5, 0)
    assert market.view.open_orders(ALICE) == []
    assert market.book() == ([], [])


def test_a_replace_below_what_was_filled_cancels(market: Market) -> None:
    order_id = market.place(ALICE, BUY, 39_000, 10)
    market.place(BOB, SELL, 39_000, 4)
    market.send(commands.replace(ALICE, 39_000, 4, order_id=order_id))
    order = market.view.order(order_id)
    assert (order.status, order.reason) == (records.CANCELLED, Reason.REPLACED_BELOW_FILLED)
    assert market.book() == ([], [])


def test_a_refused_replace_leaves_the_order_as_it_was(market: Market) -> None:
    order_id = market.place(ALICE, BUY, 39_000, 10)
    market.send(commands.replace(ALICE, 39_050, 10, order_id=order_id))
    order = market.view.order(order_id)
    assert (order.price_ticks, order.status, order.sequence) == (39_000, records.OPEN, order_id)
    assert market.book() == ([(39_000, 10, 1)], [])


def test_an_immediate_order_is_killed_with_what_it_got(market: Market) -> None:
    market.place(BOB, SELL, 40_000, 3)
    order_id = market.place(ALICE, BUY, 40_000, 5, time_in_force=TimeInForce.IOC)
    order = market.view.order(order_id)
    assert (order.status, order.reason) == (records.KILLED, Reason.IMMEDIATE_REMAINDER)
    assert (order.quantity_lots, order.filled_lots, order.leaves_lots) == (5, 3, 0)
    assert market.book() == ([], [])


def test_a_market_order_shows_the_limit_that_bounded_it(market: Market) -> None:
    terms = {"time_in_force": TimeInForce.IOC, "flags": OrderFlag.MARKET}
    order_id = market.place(ALICE, BUY, 0, 5, **terms)
    assert market.view.order(order_id).price_ticks == market.view.tranches[WINDOW].band_high_ticks


def test_a_slid_order_rests_at_the_price_it_slid_to(market: Market) -> None:
    market.place(BOB, SELL, 40_000, 3)
    order_id = market.place(ALICE, BUY, 40_500, 5, flags=OrderFlag.POST_ONLY_SLIDE)
    assert market.book() == ([(39_900, 5, 1)], [(40_000, 3, 1)])
    assert market.view.order(order_id).price_ticks == 39_900


def test_prevention_by_decrement_shrinks_both_orders(market: Market) -> None:
    maker = market.place(BOB, SELL, 40_000, 10)
    taker = market.place(CAROL, BUY, 40_000, 4, self_trade=SelfTrade.DECREMENT)
    assert market.book() == ([], [(40_000, 6, 1)])
    taken, resting = market.view.order(taker), market.view.order(maker)
    assert (taken.status, taken.reason, taken.quantity_lots) == (records.KILLED, Reason.SELF_TRADE, 0)
    assert (resting.quantity_lots, resting.leaves_lots, resting.status) == (6, 6, records.OPEN)


def test_a_maker_that_prevention_consumes_is_cancelled(market: Market) -> None:
    maker = market.place(BOB, SELL, 40_000, 4)
    taker = market.place(CAROL, BUY, 40_000, 10, self_trade=SelfTrade.DECREMENT)
    assert market.book() == ([(40_000, 6, 1)], [])
    assert (market.view.order(maker).status, market.view.order(maker).reason) == (records.CANCELLED, Reason.SELF_TRADE)
    assert (market.view.order(taker).quantity_lots, market.view.order(taker).leaves_lots) == (6, 6)
    assert market.view.open_orders(BOB) == []


def test_prevention_by_cancelling_both_empties_the_level(market: Market) -> None:
    maker = market.place(BOB, SELL, 40_000, 4)
    taker = market.place(CAROL, BUY, 40_000, 10, self_trade=SelfTrade.CANCEL_BOTH)
    assert market.book() == ([], [])
    assert market.view.order(maker).status == records.CANCELLED
    assert market.view.order(taker).status == records.KILLED


def test_an_expired_order_leaves_its_level(market: Market) -> None:
    expires_ns = market.time_ns + NANO_PER_S
    order_id = market.place(ALICE, BUY, 39_000, 3, time_in_force=TimeInForce.GTD, expires_ns=expires_ns)
    assert market.book() == ([(39_000, 3, 1)], [])
    market.send(time_ns=expires_ns)
    assert market.book() == ([], [])
    assert (market.view.order(order_id).reason, market.view.order(order_id).updated_ns) == (Reason.EXPIRED, expires_ns)


def test_a_trade_is_on_the_tranches_tape_and_on_the_markets(market: Market) -> None:
    market.place(BOB, SELL, 40_000, 10)
    market.place(ALICE, BUY, 40_500, 4)
    sequence = market.venue.sequence
    (trade,) = market.view.tape
    assert list(market.view.tranches[WINDOW].trades) == [trade]
    assert trade.trade_id == f"{sequence}-0"
    assert (trade.price_ticks, trade.quantity_lots, trade.taker_side) == (40_000, 4, BUY)
    assert (trade.time_ns, trade.symbol) == (market.time_ns, market.view.tranches[WINDOW].symbol)
    tranche = market.view.tranches[WINDOW]
    assert (tranche.last_trade_ticks, tranche.traded_lots, market.view.trades) == (40_000, 4, 1)


def test_the_tape_of_a_tranche_keeps_the_latest_trades_alone(market: Market) -> None:
    market.place(BOB, SELL, 40_000, 500)
    for _ in range(10):
        takers = [commands.place(ALICE, WINDOW, BUY, 40_000, 1, client_id="") for _ in range(50)]
        market.send(*takers)
    market.place(BOB, SELL, 40_100, 1)
    market.place(ALICE, BUY, 40_100, 1)
    trades = market.view.tranches[WINDOW].trades
    assert (len(trades), trades[-1].price_ticks, market.view.trades) == (records.TRADES_KEPT, 40_100, 501)


def test_a_trade_makes_two_opposite_positions(market: Market) -> None:
    market.place(BOB, SELL, 40_000, 10)
    market.place(ALICE, BUY, 41_000, 10)
    cost_nano = 40_000 * 10 * TICK_VALUE_NANO
    (long,), (short,) = market.view.positions(ALICE), market.view.positions(BOB)
    assert (long.instrument_id, long.lots, long.cost_nano) == (WINDOW, 10, cost_nano)
    assert (short.instrument_id, short.lots, short.cost_nano) == (WINDOW, -10, -cost_nano)


def test_a_flat_position_keeps_what_it_made_until_it_is_settled(market: Market) -> None:
    market.place(BOB, SELL, 40_000, 10)
    market.place(ALICE, BUY, 40_000, 10)
    market.place(BOB, BUY, 41_000, 10)
    market.place(ALICE, SELL, 41_000, 10)
    gain_nano = 1_000 * 10 * TICK_VALUE_NANO
    (flat,), (loser,) = market.view.positions(ALICE), market.view.positions(BOB)
    assert (flat.lots, flat.cost_nano, flat.unsettled_nano) == (0, -gain_nano, gain_nano)
    assert (loser.lots, loser.cost_nano, loser.unsettled_nano) == (0, gain_nano, -gain_nano)
