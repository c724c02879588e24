"""The messages of the simple channels, built from the read model and a batch. Nothing here knows who listens."""

import time
from collections import defaultdict
from collections.abc import Iterable

from exchange.kinds import TRADE_KINDS
from exchange.published import Published
from exchange.venue.lifecycle import AUCTION_STATES, FINAL_STATES, LifeState
from exchange.view import MarketView, RegionStrain, TradeView, TrancheView
from exchange.view.batches import OrderEvent
from gateway.encoding.fields import time_text
from gateway.encoding.rows import (
    Row,
    instrument_row,
    region_row,
    stamp,
    trade_row,
)
from gateway.feeds.topics import EVERYTHING, Topic
from matching.schema import EventKind

RECENT_TRADES = 100
_TRADABLE_STATES = AUCTION_STATES | {LifeState.OPEN, LifeState.HALTED}


def snapshot(view: MarketView, topic: Topic) -> Row:
    """What a new subscriber starts from; the updates after it continue it."""
    return message(topic.channel, "snapshot", view) | _CONTENTS[topic.channel](view, topic.subject)


def trades_updates(view: MarketView, batch: Published) -> dict[int, Row]:
    """The trades of a batch for each tranche that traded, and all of them under EVERYTHING; empty without trades."""
    events = batch.events[TRADE_KINDS.among(batch.events["kind"])]
    rows: defaultdict[int, list[Row]] = defaultdict(list)
    for event in map(OrderEvent._make, events.tolist()):
        row = trade_row(trade_of(view, event, batch.time_ns))
        rows[EVERYTHING].append(row)
        rows[event.instrument_id].append(row)
    return {
        subject: message("trades", "update", view) | {"symbol": _symbol(view, subject), "trades": trades}
        for subject, trades in rows.items()
    }


def ticker_update(view: MarketView, tranches: Iterable[TrancheView]) -> Row:
    """The rows of tranches that changed."""
    return message("ticker", "update", view) | {"tickers": [instrument_row(tranche) for tranche in tranches]}


def message(channel: str, kind: str, view: MarketView) -> Row:
    """What every message of a channel begins with."""
    return {"channel": channel, "type": kind} | stamp(view)


def trade_of(view: MarketView, event: OrderEvent, time_ns: int) -> TradeView:
    """The trade that an event tells of."""
    return TradeView(
        event.sequence,
        event.index,
        event.instrument_id,
        view.tranches[event.instrument_id].symbol,
        event.price_ticks,
        event.quantity_lots,
        event.side if event.kind == EventKind.TRADE else None,
        time_ns,
    )


def heartbeat(view: MarketView) -> Row:
    """A sign of life with the last sequence, so that silence can be told from loss; on the wall clock's time."""
    return {"channel": "heartbeat", "sequence": view.sequence, "time": time_text(time.time_ns())}


def shutdown_notice() -> Row:
    """The last message of a gateway that closes."""
    return {"channel": "notice", "type": "shutdown"}


def _trades_content(view: MarketView, instrument_id: int) -> Row:
    trades = view.tape if instrument_id == EVERYTHING else view.tranches[instrument_id].trades
    rows = [trade_row(trade) for trade in list(trades)[-RECENT_TRADES:]]
    return {"symbol": _symbol(view, instrument_id), "trades": rows}


def _symbol(view: MarketView, instrument_id: int) -> str | None:
    return None if instrument_id == EVERYTHING else view.tranches[instrument_id].symbol


def _ticker_content(view: MarketView, instrument_id: int) -> Row:
    if instrument_id != EVERYTHING:
        tranche = view.tranches[instrument_id]
        return {"symbol": tranche.symbol, "tickers": [instrument_row(tranche)]}
    tradable = (tranche for tranche in view.tranches.values() if tranche.state in _TRADABLE_STATES)
    return {"tickers": [instrument_row(tranche) for tranche in tradable]}


def life_row(tranche: TrancheView) -> Row:
    """A tranche with its times, and where it is in its life."""
    row = instrument_row(tranche)
    return {name: row[name] for name in ("symbol", "region", "tier", "start", "end", "gate_closure", "state")}


def strain_rows(view: MarketView, region_ids: Iterable[int]) -> Row:
    """Regions, as in `GET /v1/regions`."""
    strains = ((view.regions[each], view.strains.get(each, RegionStrain())) for each in region_ids)
    return {"regions": [region_row(code, strain) for code, strain in strains]}


def _instruments_content(view: MarketView, _: int) -> Row:
    living = (each for each in view.tranches.values() if each.state not in FINAL_STATES)
    return {"instruments": [life_row(tranche) for tranche in living]}


_CONTENTS = {
    "instruments": _instruments_content,
    "strain": lambda view, _: strain_rows(view, view.regions),
    "trades": _trades_content,
    "ticker": _ticker_content,
}
