"""What a statement must know of others than its account: names, symbols, and the terms of tranches as they were.

It follows the few events that change any of that through the whole replay, and no others.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from exchange.symbols import Symbol
from exchange.units import tick_value_nano
from exchange.venue.lifecycle import FINAL_STATES
from exchange.venue.schema import (
    ACCOUNT_COMMAND,
    ACCOUNT_EVENT,
    PARAMETERS_EVENT,
    STATE_EVENT,
    TERMS_EVENT,
    TRANCHE_EVENT,
    Event,
    Tier,
)
from exchange.view import MarketView
from exchange.view.batches import BatchReader

Fields = dict[str, int]


class SeriesTerms(NamedTuple):
    """What holds for windows of a series that are listed from now on."""

    maker_fee_ppm: int = 0
    taker_fee_ppm: int = 0
    slot_s: int = 0
    shortfall_fee_ppm: int = 0


class Tranche(NamedTuple):
    """What the lines of a tranche are worked out from."""

    symbol: str
    duration_s: int
    terms: SeriesTerms
    final_ticks: int = 0
    replacement_ticks: int = 0

    @property
    def tick_value_nano(self) -> int:
        """Of one tick of one lot."""
        return tick_value_nano(self.duration_s)


@dataclass
class Register:
    """All of it, as of the last event that was followed."""

    regions: dict[int, str] = field(default_factory=dict)
    series: dict[int, SeriesTerms] = field(default_factory=dict)
    tranches: dict[int, Tranche] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    """Of accounts."""
    account_ids: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, view: MarketView) -> "Register":
        """As a restored market has it."""
        return cls(
            regions=dict(view.regions),
            series={number: _terms_of(each) for number, each in view.series.items()},
            tranches={
                number: Tranche(each.symbol, each.duration_s, _terms_of(each), each.final_ticks, each.replacement_ticks)
                for number, each in view.tranches.items()
            },
            names={number: each.name for number, each in view.accounts.items()},
            account_ids=dict(view.account_by_name),
        )

    def symbol(self, instrument_id: int) -> str:
        """Of a tranche; nothing for one that is gone, or for none."""
        tranche = self.tranches.get(instrument_id)
        return tranche.symbol if tranche is not None else ""


def _terms_of(shown: object) -> SeriesTerms:
    return SeriesTerms(*(getattr(shown, name) for name in SeriesTerms._fields))


def _define_region(register: Register, event: Fields, reader: BatchReader) -> None:
    register.regions[event["region_id"]] = reader.text(event["sequence"])


def _define_series(register: Register, event: Fields, _: BatchReader) -> None:
    register.series[event["series_id"]] = SeriesTerms()


def _open_account(register: Register, event: Fields, reader: BatchReader) -> None:
    account_id = reader.command(event["sequence"], ACCOUNT_COMMAND)["account_id"]
    name = reader.text(event["sequence"])
    register.names[account_id] = name
    register.account_ids[name] = account_id


def _set_fees(register: Register, event: Fields, _: BatchReader) -> None:
    fees = {name: event[name] for name in ("maker_fee_ppm", "taker_fee_ppm")}
    register.series[event["series_id"]] = register.series[event["series_id"]]._replace(**fees)


def _set_terms(register: Register, event: Fields, _: BatchReader) -> None:
    terms = {name: event[name] for name in ("slot_s", "shortfall_fee_ppm")}
    register.series[event["series_id"]] = register.series[event["series_id"]]._replace(**terms)


def _list_tranche(register: Register, event: Fields, _: BatchReader) -> None:
    region, duration_s = register.regions[event["region_id"]], event["duration_s"]
    symbol = Symbol(region, Tier(event["tier"]), event["start_ns"], duration_s)
    terms = register.series[event["series_id"]]
    register.tranches[event["instrument_id"]] = Tranche(str(symbol), duration_s, terms)


def _change_state(register: Register, event: Fields, _: BatchReader) -> None:
    if event["state"] in FINAL_STATES:
        register.tranches.pop(event["instrument_id"], None)
        return
    register.tranches[event["instrument_id"]] = register.tranches[event["instrument_id"]]._replace(
        final_ticks=event["final_ticks"], replacement_ticks=event["replacement_ticks"]
    )


FOLLOW: dict[int, tuple[np.dtype, Callable[[Register, Fields, BatchReader], None]]] = {
    Event.REGION_DEFINED: (TRANCHE_EVENT, _define_region),
    Event.SERIES_DEFINED: (TRANCHE_EVENT, _define_series),
    Event.ACCOUNT_OPENED: (ACCOUNT_EVENT, _open_account),
    Event.FEES_SET: (PARAMETERS_EVENT, _set_fees),
    Event.TERMS_SET: (TERMS_EVENT, _set_terms),
    Event.TRANCHE_LISTED: (TRANCHE_EVENT, _list_tranche),
    Event.STATE_CHANGED: (STATE_EVENT, _change_state),
}
"""The layout of each event that is followed, and what it does."""
