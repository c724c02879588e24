"""The read model as bytes, for snapshots, which load into an equal view: a JSON document, then the arrays.

The view is frozen between two batches, in the loop's thread; what takes long is done with what was frozen, in any.

The document names the columns of its rows and the layouts of the arrays, so that a later version can read them by name
(`exchange.view.format_2`).
"""

from __future__ import annotations

from dataclasses import MISSING, Field, dataclass, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from exchange.venue.lifecycle import LifeState
from exchange.venue.schema import Tier
from exchange.view.columns.dumping import SECTIONS, CopyMemory, Sections, instruments_of, load_sections, sections_of
from exchange.view.columns.schema import IN_MARKET
from exchange.view.columns.store import Columns
from exchange.view.moving import MovingAccount, MovingTranche
from exchange.view.records import (
    AccountView,
    CapacityView,
    Financing,
    RegionRule,
    RegionStrain,
    SeriesTerms,
    TrancheView,
)
from kernels.records import names_of

if TYPE_CHECKING:
    from exchange.view.market import MarketView

VIEW_FORMAT = 3
"""Raise it when the document changes, or what fields of the arrays behind it mean: a dump of another format, or with
other columns, is refused. A field that is new in the arrays is zero in those of an older dump."""

LENGTH_BYTES = 8
"""Of the document's length, in front of it."""

OWN_COUNTERS = ("sequence", "time_ns", "market_halted", "fund_nano")
STORE_COUNTERS = ("commands", "trades", "resting_orders")
_TRANCHE = tuple(each.name for each in fields(TrancheView) if each.name != "moving")
_ACCOUNT = tuple(each.name for each in fields(AccountView) if each.name not in ("rules", "figures"))
_TIER = _TRANCHE.index("tier")
_STATE = _TRANCHE.index("state")


def _blank(each: Field) -> Any:
    """What a column is in a row that was written before there was such a column."""
    if each.default is not MISSING:
        return each.default
    return "" if each.type in (str, "str") else 0


COLUMNS: dict[str, dict[str, Any]] = {
    "tranche": {each.name: _blank(each) for each in fields(TrancheView) if each.name in _TRANCHE},
    "account": {each.name: _blank(each) for each in fields(AccountView) if each.name in _ACCOUNT},
    "series": dict.fromkeys(SeriesTerms._fields, 0),
    "strain": dict.fromkeys(RegionStrain._fields, 0),
    "financing": dict.fromkeys(Financing._fields, 0),
    "rule": dict.fromkeys(("account_id", *RegionRule._fields), 0),
    "capacity": dict.fromkeys(CapacityView._fields, 0) | {"endpoint": ""},
}
"""The columns of each kind of row, in order, each with what it is in a row that is older than the column."""
COLUMN_NAMES = {name: list(columns) for name, columns in COLUMNS.items()}
LAYOUTS = {name: [list(field) for field in layout.descr] for name, layout in SECTIONS.items()}

_tranche_row = attrgetter(*_TRANCHE)
_account_row = attrgetter(*_ACCOUNT)


@dataclass(frozen=True, eq=False)
class FrozenView:
    """A view between two batches. While it is there, nobody else takes its memory."""

    document: dict[str, Any]
    columns: Columns
    symbols: list[str]

    def dump(self) -> bytes | memoryview:
        """All that readers can ask for, as bytes, which are the same for equal views."""
        instrument_rows = instruments_of(self.columns, len(self.symbols))
        sections = sections_of(self.columns, instrument_rows)
        added = {
            "symbols": [self.symbols[row] for row in instrument_rows.tolist()],
            "counts": {name: len(sections[name]) for name in SECTIONS},
        }
        head = orjson.dumps(self.document | added, default=tuple)  # named tuples become rows
        parts = [np.frombuffer(len(head).to_bytes(LENGTH_BYTES, "little") + head, np.uint8)]
        return np.concatenate([*parts, *(sections[name].view(np.uint8) for name in SECTIONS)]).data


def freeze_view(view: MarketView, memory: CopyMemory) -> FrozenView:
    """A view as it stands, in memory that is free."""
    document = {
        "format": VIEW_FORMAT,
        "columns": COLUMN_NAMES,
        "layouts": LAYOUTS,
        "counters": {name: getattr(view, name) for name in (*OWN_COUNTERS, *STORE_COUNTERS)},
        "regions": list(view.regions.items()),
        "strains": [(region_id, *strain) for region_id, strain in view.strains.items()],
        "financing": tuple(view.financing),
        "series": [(series_id, *terms) for series_id, terms in view.series.items()],
        "accounts": [_account_row(account) for account in view.accounts.values()],
        "rules": [(each.account_id, *rule) for each in view.accounts.values() for rule in each.rules.values()],
        "capacities": list(map(tuple, view.capacities.values())),
        "tranches": [_tranche_row(tranche) for tranche in view.tranches.values()],
        "ended_tranches": list(view.ended_tranches),
        "fills_begin_after": view.fills.begins_after,
        "deliveries": view.deliveries.dump(),
    }
    return FrozenView(document, memory.copy_of(view.store.columns), view.store.symbols.copy())


def load_view(view: MarketView, payload: bytes | memoryview) -> None:
    """Fill an empty view. Raises ValueError, LookupError or TypeError for what is no dump of this format."""
    document, records = split_dump(payload)
    if document["format"] != VIEW_FORMAT:
        raise ValueError(f"format {document['format']} is not {VIEW_FORMAT}")
    if document["columns"] != COLUMN_NAMES:
        raise ValueError("its rows have other columns")
    fill_view(view, document, _split_sections(document["counts"], _stored_layouts(document["layouts"]), records))


def split_dump(payload: bytes | memoryview) -> tuple[dict[str, Any], np.ndarray]:
    """The document of a dump and the bytes behind it. Raises ValueError for no dump."""
    end = LENGTH_BYTES + int.from_bytes(payload[:LENGTH_BYTES], "little")
    document = orjson.loads(payload[LENGTH_BYTES:end])
    if not isinstance(document, dict):
        raise ValueError("its document is none")
    return document, np.frombuffer(payload, np.uint8)[end:]


def fill_view(view: MarketView, document: dict[str, Any], sections: Sections) -> None:
    """Fill an empty view with a document in the columns of this version, and with the arrays behind it."""
    for name in OWN_COUNTERS:
        setattr(view, name, document["counters"][name])
    for name in STORE_COUNTERS:
        view.store.counters[name] = document["counters"][name]
    view.regions.update(document["regions"])
    view.strains.update((region_id, RegionStrain(*strain)) for region_id, *strain in document["strains"])
    view.financing = Financing(*document["financing"])
    view.series.update((series_id, SeriesTerms(*terms)) for series_id, *terms in document["series"])
    _load_accounts(view, document["accounts"])
    for account_id, *rule in document["rules"]:
        view.accounts[account_id].rules[rule[0]] = RegionRule(*rule)
    _load_tranches(view, document, sections)
    view.capacities.update((row[0], CapacityView(*row)) for row in document["capacities"])
    view.ended_tranches.extend(document["ended_tranches"])
    at, index = document["fills_begin_after"]
    view.fills.begins_after = at, index
    view.deliveries.load(document["deliveries"])


def _load_accounts(view: MarketView, rows: list[Any]) -> None:
    for row in rows:
        account = AccountView(*row, figures=MovingAccount(view.store, row[0]))
        view.store.open_account(account.account_id)
        view.accounts[account.account_id] = account
        view.account_by_name[account.name] = account.account_id


def _load_tranches(view: MarketView, document: dict[str, Any], sections: Sections) -> None:
    """The instruments with all that is in the arrays, then the tranches that are shown."""
    store, instrument_ids = view.store, sections["instruments"]["instrument_id"].tolist()
    named = zip(instrument_ids, document["symbols"], strict=True)
    rows = [store.list_instrument(instrument_id, symbol) for instrument_id, symbol in named]
    market_trades = int(np.count_nonzero(sections["trades"]["kept"] & IN_MARKET))
    store.counters["trades_oldest"] = store.counters["trades_end"] = store.counters["trades"] + 1 - market_trades
    load_sections(store, sections, np.array([0, *rows], np.int64))
    for row, is_dropped in zip(rows, sections["instruments"]["is_dropped"].tolist(), strict=True):
        if is_dropped:
            store.drop_instrument(row)
    row_of = dict(zip(instrument_ids, rows, strict=True))
    for fields_of in document["tranches"]:
        fields_of[_TIER], fields_of[_STATE] = Tier(fields_of[_TIER]), LifeState(fields_of[_STATE])
        tranche = TrancheView(*fields_of, moving=MovingTranche(store, row_of[fields_of[0]]))
        view.show_tranche(tranche)


def _stored_layouts(told: dict[str, list[list[str]]]) -> dict[str, np.dtype]:
    """How the arrays of a dump lie. Raises ValueError unless this version has all of their fields."""
    known = told.keys() == LAYOUTS.keys()
    if not known or any(field not in LAYOUTS[name] for name, layout in told.items() for field in layout):
        raise ValueError("its rows have other columns")
    return {
        name: layout if told[name] == LAYOUTS[name] else np.dtype([(field, code) for field, code in told[name]])
        for name, layout in SECTIONS.items()
    }


def _split_sections(counts: dict[str, int], layouts: dict[str, np.dtype], records: np.ndarray) -> Sections:
    sections = {}
    at = 0
    for name, layout in layouts.items():
        end = at + counts[name] * layout.itemsize
        sections[name] = _with_fields_of(records[at:end].copy().view(layout), SECTIONS[name])
        at = end
    if at != len(records):
        raise ValueError("there are other bytes behind the document than it says")
    return sections


def _with_fields_of(rows: np.ndarray, layout: np.dtype) -> np.ndarray:
    """Records in another layout: fields of the same name as they were, new ones zero."""
    if rows.dtype == layout:
        return rows
    converted = np.zeros(len(rows), layout)
    for field in names_of(rows.dtype):
        converted[field] = rows[field]
    return converted
