"""Reading what older rules wrote: records and rows are taken by the names of their fields, and what is new is zero.

A snapshot says how its records lie, and a dump of the view how its rows lie. Those of engine 1 did not say it yet; how
theirs lay stands here. Before engine 3 nothing was margined: its contracts are as if every tranche were listed today.
Before engine 4 nobody was called who has less than it must. Trades of before have left no prints: they have no say in
the price of a tranche that is open yet, and one that has passed its gate keeps what it was settled at.
"""

from collections import Counter
from typing import Any

import numpy as np
import orjson

from exchange.venue.image import LAYOUTS, SHOCK_ROW
from exchange.venue.lifecycle import LifeState
from exchange.venue.machine import Venue
from exchange.venue.schema import TIER_BITS
from exchange.view import MarketView
from exchange.view.format_2 import LEVEL_OF_FORMAT_2, Dump, Orders, fill_from, order_layout
from exchange.view.records import STATUSES
from kernels.records import names_of
from matching.schema import PRICE_TICKS_MAX, Side
from risk import accounts
from risk.contracts import list_contract
from risk.schema import GROSS_NANO_MAX, Standing

READABLE_ENGINES = frozenset({"1", "2", "3", "4", "5", "6", "7", "8"})
"""Engines before this one whose snapshots mean, field by field, what this one's mean."""

_ENGINE_1_DUMP = b'{"format":1,'
_ENGINE_1_RECORDS = {
    "summary": "sequence:u8 time_ns:i8 commands:i8 trades:i8 deposits_nano:i8 withdrawals_nano:i8 "
    "next_instrument_id:u4 region_count:u4 series_count:u4 is_halted:u4",
    "accounts": "account_id:u4 group:u4 cash_nano:i8 order_hold_nano:i8 position_hold_nano:i8",
    "instruments": "instrument_id:u4 phase:u4 price_step_ticks:i4 band_low_ticks:i4 band_high_ticks:i4 reserved:u4 "
    "quantity_step_lots:i8 quantity_max_lots:i8 reserved_2:i8 reserved_3:i8 reserved_4:i8",
    "tranches": "instrument_id:u4 series_id:u4 region_id:u4 tier:u1 state:u1 was_held:u2 start_ns:i8 end_ns:i8 "
    "gate_ns:i8 tick_value_nano:i8 traded_lots:i8 reference_ticks:i4 last_trade_ticks:i4 band_bps:u4 duration_s:u4 "
    "first_position:u4 last_position:u4",
    "series": "next_start_ns:i8 quantity_step_lots:i8 quantity_max_lots:i8 duration_s:u4 gate_lead_s:u4 horizon_s:u4 "
    "region_id:u4 price_step_ticks:i4 reference_ticks:i4 band_bps:u4 tier:u4",
    "orders": "order_id:u8 leaves_lots:i8 quantity_lots:i8 expires_ns:i8 client_id_high:u8 client_id_low:u8 "
    "instrument_id:u4 account_id:u4 price_ticks:i4 label:u4 session_id:u2 side:u1 time_in_force:u1 flags:u1 "
    "self_trade:u1 reserved:u2",
    "positions": "account_id:u4 instrument_id:u4 lots:i8 cost_nano:i8 hold_nano:i8 next:u4 reserved:u4",
    "clients": "client_id_high:u8 client_id_low:u8 content:u8 sequence:u8 order_id:u8 time_ns:i8 quantity_lots:i8 "
    "leaves_lots:i8 account_id:u4 instrument_id:u4 price_ticks:i4 reason:u2 outcome:u1 reserved:u1",
}
_ENGINE_1_COLUMNS = {
    "order": "order_id account_id instrument_id symbol client_id side price_ticks quantity_lots filled_lots "
    "leaves_lots status reason time_in_force flags created_ns updated_ns sequence",
    "tranche": "instrument_id symbol region tier start_ns end_ns gate_ns duration_s tick_value_nano price_step_ticks "
    "quantity_step_lots quantity_max_lots reference_ticks band_low_ticks band_high_ticks state last_trade_ticks "
    "traded_lots final_ticks",
    "account": "account_id name group cash_nano order_hold_nano",
    "position": "instrument_id lots cost_nano",
    "trade": "sequence index instrument_id symbol price_ticks quantity_lots taker_side time_ns",
    "series": "quantity_step_lots quantity_max_lots region_id tier duration_s",
}


def read_image(payload: bytes) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], bytes]:
    """A snapshot's image as it was written, the same in the layouts of this version, and its view, still as it was.

    Raises ValueError for what is no snapshot.
    """
    header_bytes, _, body = payload.partition(b"\n")
    header = orjson.loads(header_bytes)
    stored: dict[str, np.ndarray] = {}
    at = 0
    for name, layout in _stored_layouts(header).items():
        stored[name] = np.frombuffer(body, layout, header["counts"][name], at)
        at += stored[name].nbytes
    if len(body) - at != header["view_bytes"]:
        raise ValueError("a snapshot has other bytes than its header says")
    image = {name: _with_fields_of(stored.get(name), layout) for name, layout in LAYOUTS.items()}
    if "scope" not in (stored["instruments"].dtype.names or ()):
        # Engine 1 had no mass cancels, which go by region and tier.
        image["instruments"]["scope"] = image["tranches"]["region_id"] << TIER_BITS | image["tranches"]["tier"]
    if "next_allocation_id" not in (stored["summary"].dtype.names or ()):
        image["summary"]["next_allocation_id"] = 1
    if "final_ticks" not in (stored["tranches"].dtype.names or ()):
        image["tranches"]["final_ticks"] = _final_ticks(stored["tranches"])
    if "contracts" not in stored:
        listed = _listed_contracts(image["tranches"])
        image |= {name: _with_fields_of(rows, LAYOUTS[name]) for name, rows in listed.items()}
    return stored, image, body[at:]


def beyond_bounds(image: dict[str, np.ndarray]) -> list[str]:
    """What of a market is more than the sums of risk are made for, in words."""
    prices_max = dict(image["contracts"][["instrument_id", "price_max_ticks"]].tolist())
    found = []
    for order_id, instrument_id, price_ticks in image["orders"][["order_id", "instrument_id", "price_ticks"]].tolist():
        if price_ticks > prices_max[instrument_id]:
            found.append(f"order {order_id} has a price above {prices_max[instrument_id]} ticks")
    gross_nano = _gross_of_accounts(image)
    found += [f"account {each} has too much at stake" for each in gross_nano if gross_nano[each] > GROSS_NANO_MAX]
    return found


def note_short(venue: Venue) -> None:
    """Let every account that has less than it must, and of which nobody knows it, be looked at with the first tick."""
    rows = venue.state.ledger.accounts
    free_nano = rows["cash_nano"] + rows["unsettled_nano"] - rows["margin_nano"]
    short = (rows["is_open"] != 0) & (free_nano < 0) & (rows["standing"] == Standing.SOUND)
    rows["standing"][short] = Standing.NOTED
    venue.state.reviews[: len(rows)][short] = venue.time_ns


def complete_view(view: MarketView, venue: Venue) -> None:
    """Give a view what no dump of older rules has: figures of accounts, the fund, marks and charges of tranches."""
    view.set_figures(venue.figures_of_all())
    view.fund_nano = int(venue.state.ledger.totals[0]["fund_nano"])
    contracts = venue.state.ledger.contracts
    for tranche in view.tranches.values():
        contract = contracts[tranche.instrument_id & (len(contracts) - 1)]
        tranche.mark_ticks = tranche.mark_ticks or tranche.reference_ticks  # one that ended has no contract any more
        if contract["instrument_id"] == tranche.instrument_id:
            tranche.mark_ticks, tranche.spread_ticks = int(contract["mark_ticks"]), int(contract["spread_ticks"])


def read_view(dump: bytes | memoryview) -> MarketView:
    """The view that was dumped. Raises ValueError, LookupError or TypeError for what is no dump."""
    if bytes(dump[: len(_ENGINE_1_DUMP)]) == _ENGINE_1_DUMP:
        return _read_view_of_engine_1(dump)
    return MarketView.load(dump)


def _read_view_of_engine_1(dump: bytes | memoryview) -> MarketView:
    """Levels stood between a tranche's row and its trades, and orders as rows of the document."""
    document = orjson.loads(dump)
    columns = {name: names.split() for name, names in _ENGINE_1_COLUMNS.items()}
    levels = [
        (row[0], side, *level)
        for row, _, *sides, _ in document["tranches"]
        for side, of_side in zip(Side, sides, strict=True)
        for level in of_side
    ]
    document["tranches"] = [[row, sequence, trades] for row, sequence, _, _, trades in document["tranches"]]
    orders = [_orders_of_engine_1(document[name], columns["order"]) for name in ("open_orders", "finished_orders")]
    view = MarketView()
    fill_from(view, Dump(document, columns, orders, np.array(levels, LEVEL_OF_FORMAT_2)))
    return view


def _orders_of_engine_1(rows: list[list[Any]], columns: list[str]) -> Orders:
    """Rows of a document as records."""
    orders = [dict(zip(columns, row, strict=True)) for row in rows]
    symbols = sorted({order["symbol"] for order in orders})
    texts = [order["client_id"].encode() for order in orders]
    records = np.zeros(len(orders), order_layout(columns))
    for name in set(columns) & set(names_of(records.dtype)) - {"symbol", "status"}:
        records[name] = [order[name] for order in orders]
    records["symbol"] = [symbols.index(order["symbol"]) for order in orders]
    records["status"] = [STATUSES.index(order["status"]) for order in orders]
    records["client_id_end"] = np.cumsum([len(each) for each in texts], dtype=np.int64)
    return Orders(records, b"".join(texts), symbols)


def lost_fields(stored: dict[str, np.ndarray], restored: dict[str, np.ndarray]) -> list[str]:
    """Fields that both versions have, and that do not say in one what they say in the other."""
    return [
        f"{name}.{field}"
        for name, rows in stored.items()
        if name in restored
        for field in rows.dtype.names or ()
        if field in (restored[name].dtype.names or ()) and not np.array_equal(rows[field], restored[name][field])
    ]


def _stored_layouts(header: dict[str, Any]) -> dict[str, np.dtype]:
    if "layouts" in header:
        return {name: np.dtype([(field, code) for field, code in fields]) for name, fields in header["layouts"].items()}
    return {
        name: np.dtype([(field, f"<{code}") for field, code in (each.split(":") for each in fields.split())])
        for name, fields in _ENGINE_1_RECORDS.items()
    }


def _with_fields_of(rows: np.ndarray | None, layout: np.dtype) -> np.ndarray:
    """Records in another layout: fields of the same name as they were, new ones zero."""
    converted = np.zeros(0 if rows is None else len(rows), layout)
    if rows is not None:
        for field in set(layout.names or ()) & set(rows.dtype.names or ()):
            converted[field] = rows[field]
    return converted


def _final_ticks(tranches: np.ndarray) -> np.ndarray:
    """What tranches were settled at while that was the price of the last trade, or the reference; 0 before the gate."""
    is_closed = (tranches["state"] >= LifeState.GATE_CLOSED) & (tranches["state"] <= LifeState.EXPIRED)
    last_ticks = tranches["last_trade_ticks"]
    return np.where(is_closed, np.where(last_ticks != 0, last_ticks, tranches["reference_ticks"]), 0)


def _listed_contracts(tranches: np.ndarray) -> dict[str, np.ndarray]:
    """Contracts and shocks of tranches, as if each were listed with the reference that it has."""
    count = len(tranches)
    ledger = accounts.allocate(accounts=1, positions=1, contracts=max(count, 1))
    names = ["instrument_id", "region_id", "tick_value_nano", "reference_ticks"]
    for slot, (instrument_id, region_id, value_nano, reference_ticks) in enumerate(tranches[names].tolist()):
        list_contract(ledger, slot, instrument_id, region_id, value_nano, reference_ticks, PRICE_TICKS_MAX)
    return {"contracts": ledger.contracts[:count], "shocks": ledger.base_shocks.view(SHOCK_ROW)[:count]}


def _gross_of_accounts(image: dict[str, np.ndarray]) -> Counter[int]:
    """What the lots of each account, held and open, would be worth at the highest prices."""
    lot_nano = dict(image["contracts"][["instrument_id", "gross_nano"]].tolist())
    gross_nano: Counter[int] = Counter()
    for name, lots_name in (("positions", "lots"), ("orders", "leaves_lots")):
        for account_id, instrument_id, lots in image[name][["account_id", "instrument_id", lots_name]].tolist():
            gross_nano[account_id] += abs(lots) * lot_nano[instrument_id]
    return gross_nano
