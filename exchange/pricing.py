"""Marks and shocks while the market runs: what `exchange.parameters` makes of it goes in as commands, like anybody's.

    batches ─▶ latest trades, with the groups behind both sides ─┐
    every round: references, books, marks of what trades ────────┴▶ compute, in a thread ─▶ rows that changed, as
                                                                    SET_PARAMETERS, a bounded portion at a time

Commands are journaled, so a replay needs nothing of this. Where a price has no quorum its mark stays, and a tranche
that never had one keeps the parameters with which it was listed. What a person sets stands until its time is up.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from exchange.kinds import TRADE_KINDS
from exchange.parameters import (
    Parameters,
    ParameterSettings,
    TradeInput,
    TrancheInput,
    TrancheParameters,
    compute,
)
from exchange.parameters.history import History
from exchange.pricing_rows import Due, Manual, by_hand, command_of, is_without_quorum, row_of, with_mark
from exchange.service import Exchange, ExchangeStopped, Overloaded, Published, Reply
from exchange.settings import PricingSettings
from exchange.symbols import NANO_PER_S
from exchange.venue.lifecycle import AUCTION_STATES, LifeState
from exchange.venue.schema import Event, Reject
from exchange.view import TrancheView
from exchange.view.batches import OrderEvent
from exchange.view.records import is_forced
from matching.schema import Side

log = structlog.get_logger()
PRICED_STATES = AUCTION_STATES | {LifeState.OPEN}


@dataclass(slots=True)
class _Memory:
    """What is kept of one tranche while it lives."""

    trades: deque[TradeInput]
    priced_ns: int | None = None
    row: TrancheParameters | None = None
    """What stands, unless it is as listed; the next row is held back by it."""
    sent: bytes | None = None
    manual: Manual | None = None


class Pricer:
    """Sets marks and shocks from market data. Call `start` once the exchange is open, and `stop` before it closes."""

    def __init__(self, exchange: Exchange, settings: PricingSettings) -> None:
        self.settings = settings
        self._exchange = exchange
        self._view = exchange.view
        self._memories: dict[int, _Memory] = {}
        self._history = History()
        self._stop_listening: Callable[[], None] | None = None
        self._rounds: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen, and to set parameters from one interval on."""
        self._stop_listening = self._exchange.subscribe(self._hear)
        self._rounds = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Set nothing more."""
        if self._stop_listening is not None:
            self._stop_listening()
            self._stop_listening = None
        if self._rounds is not None:
            self._rounds.cancel()
            with suppress(asyncio.CancelledError):
                await self._rounds

    def hold(self, instrument_id: int, manual: Manual | None) -> Manual | None:
        """Leave a tranche to what a person set, or with None price it again; returns what was held before."""
        memory = self._memory(instrument_id)
        before, memory.manual = memory.manual, manual
        memory.sent = None
        return before

    def held(self, instrument_id: int) -> Manual | None:
        """What a person set for a tranche, while it holds."""
        memory = self._memories.get(instrument_id)
        return None if memory is None else memory.manual

    async def price_once(self) -> int:
        """One round, unless the market stands still; how many rows were set. Raises ExchangeStopped."""
        if self._exchange.phase != "trading":
            return 0
        time_ns = self._exchange.clock.now_ns()
        self._forget(time_ns)
        inputs = [self._input(tranche, time_ns) for tranche in self._view.tranches.values() if _is_priced(tranche)]
        previous = Parameters(time_ns, tuple(self._rows()), history=self._history)
        try:
            parameters = await asyncio.to_thread(compute, inputs, previous, self._overridden(), time_ns)
        except Exception:
            log.exception("pricing_failed", effect="none: the last parameters stay until the next round")
            return 0
        self._history = parameters.history
        return await self._send(self._due(inputs, parameters))

    async def _run(self) -> None:
        while self._exchange.phase != "stopping":
            await asyncio.sleep(self.settings.interval_s)
            try:
                await self.price_once()
            except ExchangeStopped:
                return
            except Exception:
                log.exception("pricing_failed", effect="none: the next round goes on")

    def _hear(self, batch: Published) -> None:
        """A batch is durable, and the view has it."""
        if TRADE_KINDS.isdisjoint(batch.event_kinds):
            return
        events = batch.events
        for event in map(OrderEvent._make, events[TRADE_KINDS.among(events["kind"])].tolist()):
            buyer, seller = self._group(event.account_id), self._group(event.counter_account_id)
            if event.side == Side.SELL:
                buyer, seller = seller, buyer
            # Within a group nothing counts, nor what somebody was forced to, nor may it crowd out what does.
            is_free = buyer != seller and not (is_forced(event.order_id) or is_forced(event.counter_order_id))
            if is_free and event.instrument_id in self._view.tranches:
                trade = TradeInput(event.price_ticks, event.quantity_lots, batch.time_ns, buyer, seller)
                self._memory(event.instrument_id).trades.append(trade)

    def _group(self, account_id: int) -> int:
        """Groups are told below zero, and accounts without one above."""
        account = self._view.accounts.get(account_id)
        return -account.group if account is not None and account.group else account_id

    def _memory(self, instrument_id: int) -> _Memory:
        memory = self._memories.get(instrument_id)
        if memory is None:
            standing = self._exchange.standing_at_start.get(instrument_id)
            row = None if standing is None else row_of(instrument_id, standing)
            memory = self._memories[instrument_id] = _Memory(deque(maxlen=self.settings.trades_kept), row=row)
        return memory

    def _forget(self, time_ns: int) -> None:
        """What is over: tranches, trades, and what people set."""
        oldest_ns = time_ns - int(self.settings.parameters.forward.trade_age_max_s * NANO_PER_S)
        for instrument_id, memory in list(self._memories.items()):
            tranche = self._view.tranches.get(instrument_id)
            if tranche is None or tranche.gate_ns <= time_ns:
                del self._memories[instrument_id]
                continue
            while memory.trades and memory.trades[0].time_ns < oldest_ns:
                memory.trades.popleft()
            if memory.manual is not None and time_ns >= memory.manual.override.until_ns:
                memory.manual = None
                log.info("override_ended", symbol=tranche.symbol)

    def _input(self, tranche: TrancheView, time_ns: int) -> TrancheInput:
        memory = self._memory(tranche.instrument_id)
        # In an auction nobody has to stand by an order yet.
        depth = tranche.book.depth(1) if tranche.state is LifeState.OPEN else ([], [])
        bid, ask = (next(iter(levels), None) for levels in depth)
        return TrancheInput(
            tranche.instrument_id,
            tranche.region,
            tranche.tier,
            tranche.start_ns,
            tranche.gate_ns,
            tranche.duration_s,
            tranche.reference_ticks,
            bid.price_ticks if bid else None,
            bid.quantity_lots if bid else 0,
            ask.price_ticks if ask else None,
            ask.quantity_lots if ask else 0,
            time_ns,
            tuple(memory.trades),
            tranche.mark_ticks,
            0 if memory.priced_ns is None else time_ns - memory.priced_ns,
        )

    def _rows(self) -> Iterable[TrancheParameters]:
        return (memory.row for memory in self._memories.values() if memory.row is not None)

    def _overridden(self) -> ParameterSettings:
        manual = [memory.manual.override for memory in self._memories.values() if memory.manual is not None]
        overrides = (*self.settings.parameters.overrides, *manual)
        return self.settings.parameters.model_copy(update={"overrides": overrides})

    def _due(self, inputs: list[TrancheInput], parameters: Parameters) -> list[Due]:
        """The rows that change something."""
        tranches = {tranche.instrument_id: tranche for tranche in inputs}
        rows = [self._row(tranches[row.instrument_id], row, parameters.time_ns) for row in parameters.rows]
        fraction = self.settings.concentration_fraction
        found = [Due(row, command_of(row, tranches[row.instrument_id], fraction)) for row in rows if row is not None]
        return [due for due in found if due.command.tobytes() != self._memory(due.instrument_id).sent]

    def _row(self, tranche: TrancheInput, row: TrancheParameters, time_ns: int) -> TrancheParameters | None:
        """The row to set, if any, with a mark that stays where too little vouches for a move."""
        memory = self._memory(row.instrument_id)
        memory.priced_ns = time_ns
        if memory.manual is not None:
            memory.row = by_hand(row, memory.manual)
            return None
        if not is_without_quorum(row):
            return row
        return None if memory.row is None else with_mark(row, tranche.mark_ticks)

    async def _send(self, due: list[Due]) -> int:
        """Set rows, a portion after the other. What was put off is due again in the next round."""
        count = 0
        for first in range(0, len(due), self.settings.portion_rows):
            portion = [each for each in due[first : first + self.settings.portion_rows] if self._may_set(each)]
            try:
                futures = self._exchange.submit_many([each.command for each in portion])
            except Overloaded as error:
                log.warning("pricing_put_off", reason=str(error))
                break
            replies = await asyncio.gather(*futures, return_exceptions=True)
            count += sum(self._is_set(each, reply) for each, reply in zip(portion, replies, strict=True))
        return count

    def _may_set(self, due: Due) -> bool:
        """Whether that is so still: the market, the disk and people went on meanwhile."""
        return self._exchange.phase == "trading" and self.held(due.instrument_id) is None

    def _is_set(self, due: Due, reply: Reply | BaseException) -> bool:
        if isinstance(reply, BaseException):
            log.warning("pricing_put_off", reason=str(reply))
            return False
        outcome = reply.events[-1]
        if outcome["kind"] == Event.REJECTED:
            reason = Reject(int(outcome["reason"])).name.lower()
            log.error("parameters_refused", instrument_id=due.instrument_id, reason=reason)
            return False
        memory = self._memory(due.instrument_id)
        memory.row, memory.sent = due.row, due.command.tobytes()
        return True


def _is_priced(tranche: TrancheView) -> bool:
    return tranche.state in PRICED_STATES
