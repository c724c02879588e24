"""The largest quantity that would pass is the one that the venue still takes, and one more it does not."""

from hypothesis import given
from hypothesis import strategies as st

from exchange import commands
from exchange.margin.largest import largest_lots
from exchange.margin.requirement import check_order
from exchange.margin.what_if import Entry
from exchange.venue.schema import Event, Reject
from matching.schema import Side
from tests.exchange.margin.readers import Reader
from tests.exchange.venue.market import ALICE, BOB, BUY, CASH_NANO, REFERENCE_TICKS, SELL, TICK_VALUE_NANO, open_market
from tests.exchange.venue.stream_operators import tranche_at
from tests.exchange.venue.streams import BUSY, DISTANCES, Session, rehearse, sessions

LOT_NANO = (REFERENCE_TICKS + REFERENCE_TICKS // 5) * TICK_VALUE_NANO
CHOICE = st.tuples(st.sampled_from([0, 1, 2]), st.sampled_from(Side), DISTANCES)
LOTS_MAX = 200


@given(sessions(30, BUSY), st.sampled_from([1, 2, 3]), CHOICE)
def test_it_is_what_trying_every_quantity_finds(
    session: Session, account_id: int, choice: tuple[int, Side, int]
) -> None:
    market = rehearse(session)
    pick, side, distance_ticks = choice
    entry = Entry(tranche_at(market, pick), side, REFERENCE_TICKS + distance_ticks, LOTS_MAX)
    portfolio = Reader(market).portfolio(account_id, entry.instrument_id)
    terms = portfolio.terms.get(entry.instrument_id)
    found = largest_lots(portfolio, entry)
    held = portfolio.requirement()
    if terms is None or portfolio.cash_nano + held.unsettled_nano < 0:
        assert found == 0
        return
    steps = range(terms.quantity_step_lots, LOTS_MAX + 1, terms.quantity_step_lots)
    passing = [
        lots for lots in steps if not check_order(held, portfolio.cash_nano, terms, side, entry.price_ticks, lots)
    ]
    assert found == max(passing, default=0)
    assert len(passing) == found // terms.quantity_step_lots


def test_the_venue_takes_it_and_not_a_lot_more() -> None:
    market = open_market()
    most = CASH_NANO // LOT_NANO
    found = largest_lots(Reader(market).portfolio(ALICE, 1), Entry(1, BUY, REFERENCE_TICKS, most + 50))
    for lots, kind in ((found + 1, Event.REJECTED), (found, Event.RESTED)):
        (events,) = market.send(commands.place(ALICE, 1, BUY, REFERENCE_TICKS, lots))
        assert events[-1]["kind"] == kind
    assert found == most


def test_what_rests_already_counts() -> None:
    market = open_market()
    market.place(ALICE, BUY, REFERENCE_TICKS, CASH_NANO // LOT_NANO)
    assert largest_lots(Reader(market).portfolio(ALICE, 2), Entry(2, BUY, REFERENCE_TICKS, 10)) == 0


def test_an_account_without_free_means_may_close_what_it_has() -> None:
    market = open_market()
    most = CASH_NANO // LOT_NANO
    market.place(BOB, SELL, REFERENCE_TICKS, most)
    market.place(ALICE, BUY, REFERENCE_TICKS, most)
    assert market.figures(ALICE).margin_nano <= CASH_NANO
    found = largest_lots(Reader(market).portfolio(ALICE), Entry(1, SELL, REFERENCE_TICKS, 3 * most))
    assert found >= most
    (events,) = market.send(commands.place(ALICE, 1, SELL, REFERENCE_TICKS, found + 1))
    assert events[-1]["reason"] == Reject.INSUFFICIENT_MARGIN
