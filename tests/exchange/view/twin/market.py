"""The read model of orders, trades and positions in the slow, obvious way, and what readers see of both."""

from __future__ import annotations

from collections import deque
from typing import Any

from exchange.published import Published
from exchange.symbols import Symbol
from exchange.units import tick_value_nano
from exchange.venue.lifecycle import AUCTION_STATES, FINAL_STATES
from exchange.venue.schema import (
    ACCOUNT_COMMAND,
    INSTRUMENT_COMMAND,
    PARAMETERS_EVENT,
    STATE_EVENT,
    TRANCHE_EVENT,
    Command,
    Event,
    Tier,
)
from exchange.view import MarketView, OrderView, TradeView
from exchange.view.batches import KIND, SEQUENCE, OrderEvent
from exchange.view.candles import INTERVALS_S
from exchange.view.columns.schema import Bounds
from matching.schema import Side
from tests.exchange.view.twin.candles import TwinCandles
from tests.exchange.view.twin.flow import APPLY_ORDER_EVENT, begin_basket, begin_order, begin_quotes, reject_order
from tests.exchange.view.twin.reader import TwinReader
from tests.exchange.view.twin.records import TwinAccount, TwinFills, TwinTranche

ENTERS_NOTHING = (Event.REPEATED, Event.BASKET_KILLED)
BEGIN = {Command.PLACE: begin_order, Command.MASS_QUOTE: begin_quotes, Command.BASKET: begin_basket}


class TwinOrders:
    """Every order that is open or finished lately, and the refusals of orders that had a client id."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.by_id: dict[int, OrderView] = {}
        self.by_client: dict[tuple[int, str], OrderView] = {}
        self.finished: deque[OrderView] = deque()
        self.ids: set[int] = set()
        self.client_ids: set[tuple[int, str]] = set()
        """Of all that there ever were."""

    def add(self, order: OrderView) -> None:
        self.by_id[order.order_id] = order
        self.ids.add(order.order_id)
        if order.client_id:
            self.by_client[order.account_id, order.client_id] = order
            self.client_ids.add((order.account_id, order.client_id))

    def add_rejected(self, order: OrderView) -> None:
        self.by_client[order.account_id, order.client_id] = order
        self.ids.add(order.order_id)
        self.client_ids.add((order.account_id, order.client_id))
        self.finish(order)

    def find(self, order_id: int) -> OrderView | None:
        return self.by_id.get(order_id)

    def finish(self, order: OrderView) -> None:
        self.finished.append(order)
        if len(self.finished) > self.bounds.finished_orders:
            self._forget(self.finished.popleft())

    def _forget(self, order: OrderView) -> None:
        if self.by_id.get(order.order_id) is order:
            del self.by_id[order.order_id]
        if self.by_client.get((order.account_id, order.client_id)) is order:
            del self.by_client[order.account_id, order.client_id]


class TwinOfAllCandles:
    """By tranche."""

    def __init__(self, kept: int) -> None:
        self.kept = kept
        self.of_tranches: dict[int, TwinCandles] = {}

    def add(self, instrument_id: int, time_ns: int, price_ticks: int, lots: int) -> None:
        self.of_tranches.setdefault(instrument_id, TwinCandles(self.kept)).add(time_ns, price_ticks, lots)


class ViewTwin:
    """What the arrays of a view hold."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.time_ns = self.commands = self.trades = self.resting_orders = 0
        self.accounts: dict[int, TwinAccount] = {}
        self.tranches: dict[int, TwinTranche] = {}
        self.ended: deque[int] = deque()
        self.orders = TwinOrders(bounds)
        self.tape: deque[TradeView] = deque(maxlen=bounds.tape)
        self.fills = TwinFills(bounds)
        self.candles = TwinOfAllCandles(bounds.candles)
        self.changed: dict[int, TwinTranche] = {}
        self._regions: dict[int, str] = {}
        self._fees: dict[int, tuple[int, int]] = {}

    def apply(self, batch: Published) -> None:
        """Take in a batch, event by event."""
        reader = TwinReader(batch)
        self.time_ns = batch.time_ns
        sequence = 0
        for position, event in enumerate(reader.events()):
            if event[SEQUENCE] != sequence:
                sequence = event[SEQUENCE]
                self.commands += 1
                self._begin(reader, event)
            if event[KIND] in APPLY_ORDER_EVENT:
                APPLY_ORDER_EVENT[event[KIND]](self, event)
            else:
                self._apply_rare(reader, position, event[KIND])

    def _begin(self, reader: TwinReader, event: tuple) -> None:
        kind, sequence = reader.kind(event[SEQUENCE]), event[SEQUENCE]
        if event[KIND] == Event.REJECTED:
            if kind == Command.PLACE:
                reject_order(self, reader, OrderEvent._make(event))
        elif kind in BEGIN and event[KIND] not in ENTERS_NOTHING:
            BEGIN[Command(kind)](self, reader, sequence)
        elif kind == Command.OPEN_ACCOUNT and event[KIND] == Event.ACCOUNT_OPENED:
            account_id = reader.command(sequence, ACCOUNT_COMMAND)["account_id"]
            self.accounts[account_id] = TwinAccount(account_id)
        elif kind == Command.DEFINE_REGION and event[KIND] == Event.REGION_DEFINED:
            self._regions[reader.command(sequence, INSTRUMENT_COMMAND)["region_id"]] = reader.text(sequence)

    def _apply_rare(self, reader: TwinReader, position: int, kind: int) -> None:
        if kind == Event.TRANCHE_LISTED:
            self._list(reader.event(position, TRANCHE_EVENT))
        elif kind == Event.FEES_SET:
            event = reader.event(position, PARAMETERS_EVENT)
            self._fees[event["series_id"]] = event["maker_fee_ppm"], event["taker_fee_ppm"]
        elif kind in (Event.REFERENCE_SET, Event.PARAMETERS_SET):
            instrument_id = reader.event(position, TRANCHE_EVENT)["instrument_id"]
            self.changed[instrument_id] = self.tranches[instrument_id]
        elif kind == Event.STATE_CHANGED:
            self._change_state(reader.event(position, STATE_EVENT))

    def _list(self, event: dict[str, int]) -> None:
        duration_s = event["duration_s"]
        symbol = Symbol(self._regions[event["region_id"]], Tier(event["tier"]), event["start_ns"], duration_s)
        rates = (tick_value_nano(duration_s), *self._fees.get(event["series_id"], (0, 0)))
        trades: deque[TradeView] = deque(maxlen=self.bounds.tranche_trades)
        tranche = TwinTranche(event["instrument_id"], str(symbol), *rates, trades)
        self.tranches[tranche.instrument_id] = self.changed[tranche.instrument_id] = tranche

    def _change_state(self, event: dict[str, int]) -> None:
        tranche = self.tranches[event["instrument_id"]]
        tranche.is_collecting = event["state"] in AUCTION_STATES
        if not tranche.is_collecting:
            tranche.indicative_ticks = tranche.indicative_lots = tranche.imbalance_lots = 0
        self.changed[tranche.instrument_id] = tranche
        if event["state"] in FINAL_STATES:
            self.ended.append(tranche.instrument_id)
            if len(self.ended) > self.bounds.ended_tranches:
                gone = self.ended.popleft()
                del self.tranches[gone]
                self.changed.pop(gone, None)
                self.candles.of_tranches.pop(gone, None)

    def take_changed(self) -> dict[int, dict[tuple[int, int], int]]:
        """The levels that changed since the last call, by instrument."""
        changed, self.changed = self.changed, {}
        taken = {}
        for instrument_id, tranche in changed.items():
            sides = enumerate(tranche.sides)
            taken[instrument_id] = {
                (at, price): each.lots.get(price, 0) for at, each in sides for price in each.touched
            }
            for each in tranche.sides:
                each.touched.clear()
        return taken


def take_changed(view: MarketView) -> dict[int, dict[tuple[int, int], int]]:
    """The same of a view."""
    return {tranche.instrument_id: tranche.book.take_changes() for tranche in view.take_changed()}


def shown_by_twin(twin: ViewTwin) -> dict[str, Any]:
    """All that readers can ask for."""
    fills, orders = twin.fills, twin.orders
    return {
        "counters": (twin.commands, twin.trades, twin.resting_orders),
        "orders": {each: orders.find(each) for each in orders.ids},
        "clients": {each: orders.by_client.get(each) for each in orders.client_ids},
        "open": {each: list(account.orders.values()) for each, account in twin.accounts.items()},
        "finished": list(orders.finished),
        "positions": {
            each: [(at, held.lots, held.cost_nano) for at, held in account.positions.items()]
            for each, account in twin.accounts.items()
        },
        "tranches": {each: _tranche_of_twin(twin, tranche) for each, tranche in twin.tranches.items()},
        "tape": list(twin.tape),
        "fills": {each: list(fills.of_account(each)) for each in twin.accounts},
        "forgotten": {each: fills.forgotten.get(each, (0, 0)) for each in twin.accounts},
    }


MOVING = ("last_trade_ticks", "traded_lots", "indicative_ticks", "indicative_lots", "imbalance_lots")


def _tranche_of_twin(twin: ViewTwin, tranche: TwinTranche) -> dict[str, Any]:
    candles = twin.candles.of_tranches.get(tranche.instrument_id)
    return {
        "moving": [getattr(tranche, name) for name in MOVING],
        "book_sequence": tranche.book_sequence,
        "levels": [
            sorted(((price, lots, each.orders[price]) for price, lots in each.lots.items()), reverse=side == Side.BUY)
            for side, each in zip(Side, tranche.sides, strict=True)
        ],
        "trades": list(tranche.trades),
        "candles": [candles.latest(each) if candles else [] for each in INTERVALS_S.values()],
    }


def shown(view: MarketView, twin: ViewTwin) -> dict[str, Any]:
    """The same of a view, under all names of orders that the twin ever heard of."""
    return {
        "counters": (view.commands, view.trades, view.resting_orders),
        "orders": {each: view.order(each) for each in twin.orders.ids},
        "clients": {each: view.order_by_client_id(*each) for each in twin.orders.client_ids},
        "open": {each: view.open_orders(each) for each in view.accounts},
        "finished": view.finished_orders(),
        "positions": {
            each: [(held.instrument_id, held.lots, held.cost_nano) for held in view.positions(each)]
            for each in view.accounts
        },
        "tranches": {
            each: {
                "moving": [getattr(tranche, name) for name in MOVING],
                "book_sequence": tranche.book.sequence,
                "levels": [list(map(tuple, tranche.book.levels(side))) for side in Side],
                "trades": tranche.trades,
                "candles": [view.candles.latest(each, interval_s) for interval_s in INTERVALS_S.values()],
            }
            for each, tranche in view.tranches.items()
        },
        "tape": view.tape,
        "fills": {each: list(view.fills.of_account(each)) for each in view.accounts},
        "forgotten": {each: view.fills.forgotten(each) for each in view.accounts},
    }
