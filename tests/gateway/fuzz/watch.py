"""Who watches a fuzzer at the doors: what happens in the exchange, what is logged, and a bystander who trades."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import structlog

from exchange import commands
from exchange.published import Published
from exchange.service import Exchange
from exchange.venue.schema import Command, Event, Reject
from gateway.errors import DoorError
from tests.gateway.doors import PATIENCE_S, Doors
from tests.gateway.peer import Peer, connect

BYSTANDER = "bystander"
QUIET = (Event.REJECTED, Event.REPEATED)
"""Outcomes of commands that change nothing."""
NO_LIMITS = {
    **dict.fromkeys(("account_weight_per_s", "market_maker_weight_per_s", "address_weight_per_s"), 10**9),
    **dict.fromkeys(("account_weight_burst", "market_maker_weight_burst", "address_weight_burst"), 10**9),
    **dict.fromkeys(("attempts_per_address_per_s", "attempts_per_address_burst", "requests_in_flight_max"), 10**9),
    "sequence_wait_s": 0.01,
    "statement_wait_s": 0.05,
    "nonces_max": 10**8,
}
"""Settings under which no budget hides what an input does, and nothing is waited for."""


class Effects:
    """What commands did to an exchange: all but time that passes, refusals, and what the bystander did."""

    def __init__(self, exchange: Exchange, bystander_id: int) -> None:
        self._bystander_id = bystander_id
        self._sequences: list[int] = []
        exchange.subscribe(self._hear)

    def take(self) -> set[int]:
        """The sequences of commands that did something since the last time."""
        taken, self._sequences = set(self._sequences), []
        return taken

    def _hear(self, batch: Published) -> None:
        sequences = batch.events["sequence"]
        lasts = np.flatnonzero(np.append(sequences[1:] != sequences[:-1], True))
        firsts = np.append(0, lasts[:-1] + 1)
        for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
            command = batch.commands[int(sequences[last]) - batch.first_sequence]
            if command["kind"] == Command.TICK or command["account_id"] == self._bystander_id:
                continue
            if batch.events["kind"][last] not in QUIET:
                self._sequences.append(int(sequences[last]))
            elif batch.events["kind"][last] == Event.REJECTED:
                assert first == last, "a refused command did something"


class Bystander:
    """Trades all the while on a connection of its own, and looks at every answer."""

    def __init__(self, doors: Doors, peer: Peer, pause_s: float) -> None:
        self.rounds = 0
        self._doors = doors
        self._peer = peer
        self._pause_s = pause_s
        self._symbol = next(each for each in doors.exchange.view.tranche_by_symbol if each.startswith("us-nyc."))

    async def trade(self) -> None:
        """An order, a look at it, and its cancel, again and again. While the market is halted it is told so."""
        order = {"symbol": self._symbol, "side": "sell", "price": "0.040500", "quantity": "2"}
        while True:
            placed = await self._peer.ask("place", **order)
            if placed["ok"]:
                await self._take_back(placed["result"])
            else:
                assert placed["error"]["number"] == Reject.MARKET_HALTED
            assert (await self._peer.ask("ping"))["ok"]
            self.rounds += 1
            await asyncio.sleep(self._pause_s)

    async def _take_back(self, placed: dict[str, Any]) -> None:
        assert (placed["status"], placed["price"], placed["remaining_quantity"]) == ("open", "0.040500", "2")
        resting = self._doors.exchange.view.order(placed["order_id"])
        assert resting is not None
        assert (resting.leaves_lots, resting.price_ticks) == (2, 40_500)
        cancelled = await self._peer.ask("cancel", order_id=placed["order_id"])
        assert (cancelled["ok"], cancelled["result"]["status"]) == (True, "cancelled")


@asynccontextmanager
async def watched(doors: Doors, caplog: Any, pause_s: float = 0.005) -> AsyncIterator[Effects]:
    """Watch an exchange: in the end the bystander was served all the time, and nothing was logged as a fault."""
    key = await doors.account(BYSTANDER)
    effects = Effects(doors.exchange, key.account_id)
    with structlog.testing.capture_logs() as logged:
        async with connect(doors, key) as peer:
            bystander = Bystander(doors, peer, pause_s)
            trading = asyncio.create_task(bystander.trade())
            try:
                yield effects
                await _served_once_more(bystander, trading)
            finally:
                trading.cancel()
                await asyncio.wait([trading])
    assert bystander.rounds > 1
    assert [each for each in logged if each["log_level"] not in ("debug", "info")] == []
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


async def _served_once_more(bystander: Bystander, trading: asyncio.Task[None]) -> None:
    rounds = bystander.rounds
    async with asyncio.timeout(PATIENCE_S):
        while bystander.rounds <= rounds and not trading.done():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    assert not trading.done(), f"the bystander was not served: {trading.exception()!r}"


def check_error(error: dict[str, Any]) -> None:
    """An error has a number and the name that belongs to it, and is no fault of ours."""
    number = error["number"]
    named = DoorError(number) if 400 <= number < 500 else Reject(number)
    assert error["code"] == named.name.lower()
    assert error["message"]
    assert number != DoorError.INTERNAL_ERROR


async def resume(exchange: Exchange) -> None:
    """Let the market go on, should an input have halted it."""
    if exchange.view.market_halted:
        await exchange.submit(commands.resume_market())
