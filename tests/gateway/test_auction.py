"""An auction as it is seen at the doors: its indicative price while it lasts, then its trades and an open tranche."""

import asyncio

import pytest
from typer.testing import CliRunner

from exchange import commands
from exchange.symbols import NANO_PER_S
from exchange.venue.schema import Tier
from gateway.cli import app
from tests.gateway.peer import connect

OPENING_S = 4
HOUR_S = 3_600


@pytest.fixture
async def symbol(doors):
    """A tranche whose opening auction has just begun."""
    now_ns = doors.exchange.clock.now_ns()
    await doors.exchange.submit(
        commands.define_series(
            4,
            1,
            Tier.AF,
            first_start_ns=(now_ns // (HOUR_S * NANO_PER_S) + 2) * HOUR_S * NANO_PER_S,
            duration_s=HOUR_S,
            gate_lead_s=900,
            horizon_s=3 * HOUR_S,
            reference_ticks=40_000,
            opening_auction_s=OPENING_S,
        )
    )
    await doors.exchange.submit(commands.resume_market())
    return next(symbol for symbol in doors.exchange.view.tranche_by_symbol if symbol.startswith("eu-fra.af."))


async def ticker_of(peer, symbol, state, **fields):
    """The next update of a tranche in a state that says all this of it."""
    while True:
        update = await peer.of_channel("ticker", "update")
        for row in update["tickers"]:
            if (row["symbol"], row["state"]) == (symbol, state) and fields.items() <= row.items():
                return row


async def test_an_auction_is_told_while_it_collects_and_when_it_has_traded(doors, symbol):
    async with await doors.client("alice") as alice, await doors.client("bob") as bob, connect(doors) as peer:
        await peer.ask("subscribe", channel="ticker")
        assert (await alice.place(symbol, "buy", 5, "0.041")).status == "open"
        assert (await bob.place(symbol, "sell", 3, "0.039")).status == "open"
        told = {"indicative_price": "0.040000", "indicative_quantity": "3", "imbalance": "2"}
        await ticker_of(peer, symbol, "auction", **told)
        _, row = await doors.ask("GET", f"/v1/instruments/{symbol}")
        assert row["state"] == "auction"
        assert told.items() <= row.items()
        assert row["last_price"] is None
        opened = await ticker_of(peer, symbol, "open", last_price="0.040000")
        assert opened["indicative_price"] is None
        _, row = await doors.ask("GET", f"/v1/instruments/{symbol}")
        assert (row["state"], row["last_price"], row["indicative_price"]) == ("open", "0.040000", None)
        (trade,) = await alice.trades(symbol)
        assert (str(trade.price), trade.quantity) == ("0.040000", 3)
        assert {position.symbol: position.quantity for position in (await bob.account()).positions} == {symbol: -3}


async def test_the_trade_command_lists_and_finds_a_tranche_in_its_auction(doors, symbol, monkeypatch, tmp_path):
    monkeypatch.setenv("BWX_URL", doors.url)
    monkeypatch.chdir(tmp_path)
    listed = await asyncio.to_thread(CliRunner().invoke, app, ["trade", "instruments", "--region", "eu-fra"])
    (line,) = [line for line in listed.output.splitlines() if line.startswith(symbol)]
    assert line.split()[1] == "auction"
    assert "open" in listed.output
    found = await asyncio.to_thread(CliRunner().invoke, app, ["trade", "book", "eu-fra.af"])
    assert found.output.startswith(symbol)
