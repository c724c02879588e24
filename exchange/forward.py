"""Reading what older rules wrote: records and rows are taken by the names of their fields, and what is new is zero.

A snapshot says how its records lie, and a dump of the view how its rows lie. Those of engine 1 did not say it yet; how
theirs lay stands here.
"""

from typing import Any

import numpy as np
import orjson

from exchange.venue.image import LAYOUTS
from exchange.venue.schema import TIER_BITS
from exchange.view import MarketView
from exchange.view.packed import pack_orders
from exchange.view.records import OrderView
from exchange.view.storage import COLUMNS, load_document, load_orders
from matching.schema import Side

READABLE_ENGINES = frozenset({"1", "2"})
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
    return stored, image, body[at:]


def read_view(dump: bytes | memoryview) -> MarketView:
    """The view that was dumped. Raises ValueError, LookupError or TypeError for what is no dump."""
    if bytes(dump[: len(_ENGINE_1_DUMP)]) != _ENGINE_1_DUMP:
        return MarketView.load(dump)
    document = orjson.loads(dump)
    take = {name: _taker(_ENGINE_1_COLUMNS[name].split(), columns) for name, columns in COLUMNS.items()}
    document["series"] = [[series_id, *take["series"](terms)] for series_id, *terms in document["series"]]
    document["accounts"] = [
        [take["account"](row), [take["position"](position) for position in positions]]
        for row, positions in document["accounts"]
    ]
    books = [(bids, asks) for _, _, bids, asks, _ in document["tranches"]]
    document["tranches"] = [
        [take["tranche"](row), sequence, [take["trade"](trade) for trade in trades]]
        for row, sequence, _, _, trades in document["tranches"]
    ]
    document["tape"] = [take["trade"](row) for row in document["tape"]]
    view = MarketView()
    load_document(view, document)
    for tranche, sides in zip(view.tranches.values(), books, strict=True):
        for side, levels in zip(Side, sides, strict=True):
            prices, lots, counts = zip(*levels, strict=True) if levels else ((), (), ())
            tranche.book.sides[side].restore(list(prices), list(lots), list(counts))
    orders = ("open_orders", "finished_orders")
    load_orders(view, *(pack_orders(OrderView(*take["order"](row)) for row in document[name]) for name in orders))
    return view


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


def _taker(stored: list[str], columns: dict[str, Any]) -> Any:
    """A function that turns a stored row into one of this version's; what is new is as in `columns`."""
    places = [(stored.index(name) if name in stored else -1, blank) for name, blank in columns.items()]
    return lambda row: [blank if place < 0 else row[place] for place, blank in places]
