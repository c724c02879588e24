"""Lines that a person can recompute: from the price, the quantity and the rate that stand in them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange import commands, staff_commands
from exchange.statements.lines import Kind, Line, Statement
from exchange.statements.replay import DAY_NS, work_out
from exchange.venue.schema import Event
from matching.schema import SelfTrade, Side
from tests.exchange.statements.days import (
    LIMITS,
    MIDNIGHT_NS,
    NUMBERS,
    OPENING_NS,
    POOR,
    REFERENCE_TICKS,
    Days,
    parameters,
)
from tests.exchange.venue.market import NANO_PER_S

TICK_VALUE_NANO = 50
ANN, BEN, CAT, TIM = (NUMBERS[name] for name in ("ann", "ben", "cat", POOR))


@pytest.fixture
def days(tmp_path: Path) -> Iterator[Days]:
    with Days(tmp_path) as opened:
        opened.open()
        yield opened


def lines_of(days: Days, account: str, *kinds: Kind, day_ns: int = MIDNIGHT_NS - DAY_NS) -> list[Line]:
    found = work_out(days.journal, days.snapshots, LIMITS, account, day_ns)
    assert isinstance(found, Statement)
    assert found.faults == ()
    return [line for line in found.lines if line.entry.kind in kinds]


def trade(days: Days, buyer: int, seller: int, instrument_id: int, lots: int) -> None:
    """The seller waits, the buyer takes."""
    days.send(
        commands.place(seller, instrument_id, Side.SELL, REFERENCE_TICKS, lots),
        commands.place(buyer, instrument_id, Side.BUY, REFERENCE_TICKS, lots),
    )


def cash_settled(days: Days, place: int) -> int:
    """A window that is not delivered, in the order in which they are listed."""
    return sorted(number for number, each in days.view.tranches.items() if not each.slot_s)[place]


def tick_to(days: Days, time_ns: int) -> None:
    days.send(seconds=(time_ns - days.time_ns) / NANO_PER_S)


def test_a_trade_costs_its_taker_a_fee_and_brings_its_maker_a_rebate(days: Days) -> None:
    delivered = next(number for number, each in days.view.tranches.items() if each.slot_s)
    trade(days, BEN, ANN, delivered, 4)
    (taken,) = lines_of(days, "ben", Kind.TRADE)
    (made,) = lines_of(days, "ann", Kind.TRADE)
    for line, side, rate_ppm in ((taken, "buy", 517), (made, "sell", -131)):
        entry = line.entry
        assert (entry.side, entry.lots, entry.price_ticks, entry.rate_ppm) == (side, 4, REFERENCE_TICKS, rate_ppm)
        per_lot_nano = -(-REFERENCE_TICKS * TICK_VALUE_NANO * rate_ppm // 1_000_000)
        assert entry.amount_nano == -4 * per_lot_nano != 0
        assert abs(entry.moved_cost_nano) == 4 * REFERENCE_TICKS * TICK_VALUE_NANO
        assert entry.counterparty == "", "trades are anonymous"
    assert (taken.sequence, taken.index) == (made.sequence, made.index)


def test_an_account_that_trades_with_itself_has_a_line_for_either_side(days: Days) -> None:
    delivered = next(number for number, each in days.view.tranches.items() if each.slot_s)
    for side in (Side.SELL, Side.BUY):
        days.send(commands.place(BEN, delivered, side, REFERENCE_TICKS, 2, self_trade=SelfTrade.NONE))
    lines = lines_of(days, "ben", Kind.TRADE)
    assert [(line.part, line.entry.side, line.entry.moved_lots) for line in lines] == [(0, "buy", 2), (1, "sell", -2)]


def test_a_settlement_is_the_value_at_the_final_price_less_the_cost(days: Days) -> None:
    tick_to(days, OPENING_NS + 200 * NANO_PER_S)
    window = cash_settled(days, 0)
    trade(days, BEN, ANN, window, 3)
    days.send(parameters(window, 1_100))
    tick_to(days, days.view.tranches[window].gate_ns)
    final_ticks = days.view.tranches[window].final_ticks
    (bought,) = lines_of(days, "ben", Kind.SETTLEMENT)
    assert bought.entry.price_ticks == final_ticks != REFERENCE_TICKS
    assert bought.entry.amount_nano == 3 * (final_ticks - REFERENCE_TICKS) * TICK_VALUE_NANO
    assert (bought.entry.moved_lots, bought.entry.lots, bought.entry.side) == (-3, 3, "sell")
    (sold,) = lines_of(days, "ann", Kind.SETTLEMENT)
    assert sold.entry.amount_nano == -bought.entry.amount_nano


def test_what_a_loser_cannot_pay_stands_beside_its_settlement_and_that_of_the_winner(days: Days) -> None:
    tick_to(days, OPENING_NS + 200 * NANO_PER_S)
    window = cash_settled(days, 0)
    trade(days, ANN, TIM, window, 8)
    days.send(commands.halt_market(), parameters(window, 4_000))
    tick_to(days, days.view.tranches[window].gate_ns)
    assert Event.SHORTFALL in days.kinds
    (let_off,) = lines_of(days, POOR, Kind.SHORTFALL)
    (without,) = lines_of(days, "ann", Kind.SHORTFALL)
    (loss,) = lines_of(days, POOR, Kind.SETTLEMENT)
    assert let_off.entry.amount_nano > 0 > without.entry.amount_nano
    assert loss.entry.amount_nano == 8 * (REFERENCE_TICKS - loss.entry.price_ticks) * TICK_VALUE_NANO
    assert let_off.cash_nano == 0
    assert (let_off.sequence, let_off.index, let_off.part) == (loss.sequence, loss.index, 1)


def test_interest_on_cash_below_zero_is_a_line_at_the_full_hour(days: Days) -> None:
    days.send(staff_commands.set_financing(base_ppm=900_000, slope_1_ppm=0, slope_2_ppm=0, optimum_ppm=800_000))
    tick_to(days, OPENING_NS + 600 * NANO_PER_S)
    first, last = cash_settled(days, 0), cash_settled(days, -1)
    assert days.view.tranches[last].gate_ns > MIDNIGHT_NS
    for window in (first, last):
        days.send(parameters(window, REFERENCE_TICKS))
    trade(days, ANN, TIM, first, 10)
    trade(days, TIM, BEN, last, 10)
    days.send(parameters(last, 3_000))
    days.send(parameters(first, 2_600))
    tick_to(days, days.view.tranches[first].gate_ns)
    owed_nano = -days.account(POOR).cash_nano
    assert owed_nano > 0
    tick_to(days, MIDNIGHT_NS)
    (paid,) = lines_of(days, POOR, Kind.INTEREST, day_ns=MIDNIGHT_NS)
    assert paid.time_ns == MIDNIGHT_NS
    assert paid.entry.amount_nano == -owed_nano * paid.entry.rate_ppm // (8_760 * 1_000_000)
    assert paid.entry.amount_nano < 0
