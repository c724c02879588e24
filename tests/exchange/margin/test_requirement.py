"""The requirement in plain integers is the venue's, to the nano-USD, whatever happened before."""

import numpy as np
from hypothesis import given

from exchange import commands
from exchange.margin.detail import detail_of
from exchange.margin.portfolio import take_portfolio
from exchange.margin.terms import read_venue
from exchange.venue.clearing.ramp import RAMP_STEPS
from risk.schema import SCENARIOS
from tests.exchange.margin.readers import Reader
from tests.exchange.venue.market import Market
from tests.exchange.venue.streams import BUSY, STEPS, Session, rehearse, sessions
from tests.exchange.view.markets import ALICE, BOB, CAROL, FIRST_GATE_NS, SELL, SHOCKS_TICKS
from tests.exchange.view.test_deliveries import delivered_market, sold


def compare_all(market: Market) -> None:
    """Every account's figures worked out anew, with the losses that the venue keeps of each region."""
    reader = Reader(market)
    ledger = market.venue.state.ledger
    for account_id in market.twin.accounts:
        portfolio = reader.portfolio(account_id)
        held, money = portfolio.requirement(), portfolio.reading.money
        assert (held.margin_nano, held.unsettled_nano, held.gross_nano) == (
            money.margin_nano,
            money.unsettled_nano,
            money.gross_nano,
        )
        detail = detail_of(portfolio)
        assert detail.add_on_nano == money.add_on_nano
        ladder_nano = sum(rung.margin_nano for rung in detail.ladder)
        assert detail.margin_nano == money.margin_nano == ladder_nano + detail.add_on_nano
        kept = {
            int(row["region_id"]): tuple(ledger.losses[slot * SCENARIOS : (slot + 1) * SCENARIOS].tolist())
            for slot, row in enumerate(ledger.classes)
            if row["account_id"] == account_id and row["position_count"] > 0
        }
        assert {rung.region_id: rung.losses_nano for rung in detail.ladder} == kept


@given(sessions(40, STEPS))
def test_an_account_that_is_worked_out_anew_requires_what_the_venue_says(session: Session) -> None:
    compare_all(rehearse(session))


@given(sessions(60, BUSY))
def test_so_does_one_that_trades_all_the_time(session: Session) -> None:
    compare_all(rehearse(session))


def test_the_margin_ramp_before_a_gate_is_reckoned_alike() -> None:
    market = delivered_market()
    window = sold(market)
    market.send(
        commands.set_parameters(window, mark_ticks=40_000, shocks_ticks=SHOCKS_TICKS),
        commands.place(BOB, window, SELL, 41_000, 20),
    )
    market.send(time_ns=FIRST_GATE_NS - 1)
    for account_id in (ALICE, BOB, CAROL):
        reading = read_venue(market.venue, account_id, np.array([window], np.uint32))
        portfolio = take_portfolio(market.view, reading)
        assert portfolio is not None
        detail = detail_of(portfolio)
        assert detail.margin_nano == market.venue.figures(np.array([account_id]))[0]["margin_nano"]
        assert (detail.ramp_nano > 0) == (account_id != CAROL), "what has capacity of its own is on no ramp"
    assert market.view.tranches[window].ramp_step == RAMP_STEPS
