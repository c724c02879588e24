"""What the read model shows, as JSON rows: the same rows in REST answers, on channels and in snapshots."""

from functools import lru_cache

from exchange.symbols import NANO_PER_S
from exchange.units import format_nano, format_ticks
from exchange.venue.clearing.ramp import RAMP_STEPS
from exchange.venue.clearing.schema import TERM_NAMES
from exchange.venue.schema import Reason, Reject, Tier
from exchange.view import (
    BookView,
    FillView,
    Financing,
    MarketView,
    OrderView,
    PositionView,
    RegionStrain,
    TradeView,
    TrancheView,
)
from exchange.view.records import REJECTED
from gateway.encoding.fields import time_text
from matching.schema import OrderFlag, Side, TimeInForce
from risk.schema import PPM, Standing

Row = dict[str, object]
Level = list[str]

SIDE_NAMES = {side.value: side.name.lower() for side in Side}
STANDING_NAMES = {
    Standing.SOUND.value: "sound",
    Standing.NOTED.value: "sound",
    Standing.CALLED.value: "margin_call",
    Standing.CLOSING.value: "liquidation",
}
LIFETIME_NAMES = {lifetime.value: lifetime.name.lower() for lifetime in TimeInForce}


def stamp(view: MarketView) -> Row:
    """As of which record, and at what time, a read is true."""
    return {"sequence": view.sequence, "time": time_text(view.time_ns), "time_ns": view.time_ns}


def instrument_row(tranche: TrancheView) -> Row:
    """One tranche with its terms and its best prices."""
    book = tranche.book
    bid_ticks, ask_ticks = book.best_bid_ticks, book.best_ask_ticks
    return {
        "symbol": tranche.symbol,
        "instrument_id": tranche.instrument_id,
        "region": tranche.region,
        "tier": Tier(tranche.tier).name.lower(),
        "start": _second_text(tranche.start_ns),
        "end": _second_text(tranche.end_ns),
        "gate_closure": _second_text(tranche.gate_ns),
        "state": tranche.state.name.lower(),
        "price_step": format_ticks(tranche.price_step_ticks),
        "quantity_step": str(tranche.quantity_step_lots),
        "quantity_max": str(tranche.quantity_max_lots),
        "reference_price": format_ticks(tranche.reference_ticks),
        "band_low": format_ticks(tranche.band_low_ticks),
        "band_high": format_ticks(tranche.band_high_ticks),
        "best_bid": _price_or_none(bid_ticks),
        "best_ask": _price_or_none(ask_ticks),
        "best_bid_quantity": None if bid_ticks is None else str(book.bids[bid_ticks]),
        "best_ask_quantity": None if ask_ticks is None else str(book.asks[ask_ticks]),
        "last_price": _price_or_none(tranche.last_trade_ticks),
        "final_price": _price_or_none(tranche.final_ticks),
        "replacement_price": _price_or_none(tranche.replacement_ticks),
        "delivery": {name: getattr(tranche, name) for name in TERM_NAMES} if tranche.slot_s else None,
        "traded_quantity": str(tranche.traded_lots),
        "indicative_price": _price_or_none(tranche.indicative_ticks),
        "indicative_quantity": str(tranche.indicative_lots) if tranche.indicative_ticks else None,
        "imbalance": str(tranche.imbalance_lots) if tranche.indicative_ticks else None,
        "mark_price": format_ticks(tranche.mark_ticks),
        "spread_charge": format_ticks(tranche.spread_ticks),
        "margin_ramp_ppm": tranche.ramp_step * PPM // RAMP_STEPS,
        "maker_fee_ppm": tranche.maker_fee_ppm,
        "taker_fee_ppm": tranche.taker_fee_ppm,
    }


def region_row(code: str, strain: RegionStrain) -> Row:
    """One region: how it is used, and how far that makes leverage dearer."""
    return {"region": code} | strain._asdict() | {"strain_ppm": strain.strain_ppm}


def financing_row(financing: Financing) -> Row:
    """What cash costs that accounts do not have."""
    return {**financing._asdict()}


def book_levels(book: BookView, depth: int | None = None) -> dict[str, list[Level]]:
    """Both sides, best first, as [price, quantity]; `depth` levels of each, or all."""
    bids, asks = book.depth(depth)
    return {
        "bids": [_level(level.price_ticks, level.quantity_lots) for level in bids],
        "asks": [_level(level.price_ticks, level.quantity_lots) for level in asks],
    }


def changed_levels(changes: dict[tuple[int, int], int]) -> dict[str, list[Level]]:
    """The levels that changed, in the same form; quantity "0" takes one away."""
    levels: dict[str, list[Level]] = {"bids": [], "asks": []}
    for (side, price_ticks), lots in changes.items():
        levels["bids" if side == Side.BUY else "asks"].append(_level(price_ticks, lots))
    return levels


def trade_row(trade: TradeView) -> Row:
    """One trade, as everybody may see it."""
    return {
        "id": trade.trade_id,
        "symbol": trade.symbol,
        "price": format_ticks(trade.price_ticks),
        "quantity": str(trade.quantity_lots),
        "taker_side": None if trade.taker_side is None else SIDE_NAMES[trade.taker_side],
        "time": time_text(trade.time_ns),
        "time_ns": trade.time_ns,
        "sequence": trade.sequence,
    }


def fill_row(fill: FillView) -> Row:
    """One trade of an own order."""
    row = trade_row(fill.trade)
    del row["taker_side"]
    return row | {
        "side": SIDE_NAMES[fill.side],
        "order_id": fill.order_id,
        "client_id": fill.client_id or None,
        "liquidity": fill.liquidity,
        "fee": format_nano(fill.fee_nano),
    }


def order_row(order: OrderView) -> Row:
    """One order, as its owner may see it."""
    return {
        "order_id": order.order_id,
        "client_id": order.client_id or None,
        "symbol": order.symbol,
        "side": SIDE_NAMES[order.side],
        "type": "market" if order.flags & OrderFlag.MARKET else "limit",
        "time_in_force": LIFETIME_NAMES[order.time_in_force],
        "post_only": _post_only(order.flags),
        "reduce_only": bool(order.flags & OrderFlag.REDUCE_ONLY),
        "forced": order.is_forced,
        "display_quantity": str(order.display_lots) if order.display_lots else None,
        "minimum_quantity": str(order.minimum_lots) if order.minimum_lots else None,
        "label": order.label,
        "session": order.session_id,
        "price": _price_or_none(order.price_ticks),
        "quantity": str(order.quantity_lots),
        "filled_quantity": str(order.filled_lots),
        "remaining_quantity": str(order.leaves_lots),
        "status": order.status,
        "reason": reason_name(order.reason, is_rejected=order.status == REJECTED),
        "created": time_text(order.created_ns),
        "created_ns": order.created_ns,
        "updated": time_text(order.updated_ns),
        "updated_ns": order.updated_ns,
        "sequence": order.sequence,
    }


def account_row(view: MarketView, account_id: int) -> Row:
    """An account's name, standing, money and positions. Raises KeyError for an unknown account."""
    name: Row = {"account_id": account_id, "name": view.accounts[account_id].name}
    positions: Row = {"positions": [position_row(position) for position in view.positions(account_id)]}
    return name | margin_row(view, account_id) | positions


def margin_row(view: MarketView, account_id: int) -> Row:
    """An account's standing and money. Raises KeyError for an unknown account."""
    balances = view.balances(account_id)
    return {
        "standing": STANDING_NAMES[view.accounts[account_id].standing],
        "balances": {
            "cash": format_nano(balances.cash_nano),
            "equity": format_nano(balances.equity_nano),
            "margin": format_nano(balances.margin_nano),
            "maintenance": format_nano(balances.maintenance_nano),
            "free": format_nano(balances.free_nano),
            "withdrawable": format_nano(balances.withdrawable_nano),
            "fees": format_nano(balances.fees_nano),
            "add_on": format_nano(balances.add_on_nano),
        },
    }


def reason_name(reason: int, *, is_rejected: bool) -> str | None:
    """Why an order ended, in words, or None when there is nothing to tell."""
    if not reason:
        return None
    return (Reject(reason) if is_rejected else Reason(reason)).name.lower()


def position_row(position: PositionView) -> Row:
    """What an account holds of one tranche."""
    return {
        "symbol": position.tranche.symbol,
        "quantity": str(position.lots),
        "cost": format_nano(position.cost_nano),
        "mark_price": format_ticks(position.mark_ticks),
        "unsettled": format_nano(position.unsettled_nano),
    }


def _level(price_ticks: int, lots: int) -> Level:
    return [format_ticks(price_ticks), str(lots)]


def _price_or_none(price_ticks: int | None) -> str | None:
    return format_ticks(price_ticks) if price_ticks else None


def _post_only(flags: int) -> bool | str:
    if flags & OrderFlag.POST_ONLY_SLIDE:
        return "slide"
    return "reject" if flags & OrderFlag.POST_ONLY else False


@lru_cache(maxsize=16_384)
def _second_text(time_ns: int) -> str:
    """Windows begin and end at whole minutes, and the same few instants come again and again."""
    return time_text(time_ns // NANO_PER_S * NANO_PER_S).replace(".000000Z", "Z")
