"""What the venue's own commands and events do to the read model: regions, series, accounts, tranches, fees, halts.

Names travel in commands, so what a command defines is read from the command, when its first event is no refusal. What
became of a tranche is read from the events. Money comes with the figures of the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from exchange.symbols import NANO_PER_S, Symbol
from exchange.units import tick_value_nano
from exchange.venue.clearing.schema import TERM_NAMES
from exchange.venue.lifecycle import AUCTION_STATES, FINAL_STATES, LifeState
from exchange.venue.schema import (
    ACCOUNT_COMMAND,
    FINANCING_EVENT,
    INSTRUMENT_COMMAND,
    PARAMETERS_EVENT,
    SERIES_COMMAND,
    STATE_EVENT,
    STRAIN_EVENT,
    TRANCHE_EVENT,
    Command,
    Event,
    Tier,
)
from exchange.view.batches import BatchReader
from exchange.view.capacity_flow import APPLY_CAPACITY_EVENT, BEGIN_CAPACITY_COMMAND
from exchange.view.columns.reading import drop_tranche
from exchange.view.delivery_flow import APPLY_DELIVERY_EVENT, BEGIN_DELIVERY_COMMAND
from exchange.view.forced_flow import APPLY_FORCED_EVENT
from exchange.view.moving import MovingAccount, MovingTranche
from exchange.view.records import AccountView, Financing, RegionStrain, SeriesTerms, TrancheView
from exchange.view.risk_flow import APPLY_RISK_EVENT, BEGIN_RISK_COMMAND
from risk.contracts import UNKNOWN_SPREAD_SHARE

if TYPE_CHECKING:
    from exchange.view.market import MarketView

RATES = ("tick_value_nano", "maker_fee_ppm", "taker_fee_ppm")
"""What trades in a tranche cost, which never changes once it is listed."""

Fields = dict[str, int]


def _define_region(view: MarketView, reader: BatchReader, sequence: int) -> None:
    view.regions[reader.command(sequence, INSTRUMENT_COMMAND)["region_id"]] = reader.text(sequence)


def _define_series(view: MarketView, reader: BatchReader, sequence: int) -> None:
    command = reader.command(sequence, SERIES_COMMAND)
    view.series[command["series_id"]] = SeriesTerms(
        command["quantity_step_lots"],
        command["quantity_max_lots"],
        command["region_id"],
        command["tier"],
        command["duration_s"],
    )


def _open_account(view: MarketView, reader: BatchReader, sequence: int) -> None:
    command = reader.command(sequence, ACCOUNT_COMMAND)
    account_id = command["account_id"]
    view.store.open_account(account_id)
    figures = MovingAccount(view.store, account_id)
    account = AccountView(account_id, reader.text(sequence), command["group"], figures=figures)
    view.accounts[account.account_id] = account
    view.account_by_name[account.name] = account.account_id


BEGIN_COMMAND: dict[int, Callable[[MarketView, BatchReader, int], None]] = {
    int(Command.DEFINE_REGION): _define_region,
    int(Command.DEFINE_SERIES): _define_series,
    int(Command.OPEN_ACCOUNT): _open_account,
    **BEGIN_CAPACITY_COMMAND,
    **BEGIN_RISK_COMMAND,
    **BEGIN_DELIVERY_COMMAND,
}
"""What a command enters before its events, given that it is not refused and does not repeat an earlier one. What brings
orders is begun in compiled code."""


def _list_tranche(view: MarketView, event: Fields) -> None:
    tier = Tier(event["tier"])
    region = view.regions[event["region_id"]]
    terms = view.series[event["series_id"]]
    symbol = str(Symbol(region, tier, event["start_ns"], event["duration_s"]))
    row = view.store.list_instrument(event["instrument_id"], symbol)
    tranche = TrancheView(
        instrument_id=event["instrument_id"],
        symbol=symbol,
        region=region,
        tier=tier,
        start_ns=event["start_ns"],
        end_ns=event["start_ns"] + event["duration_s"] * NANO_PER_S,
        gate_ns=event["gate_ns"],
        duration_s=event["duration_s"],
        tick_value_nano=tick_value_nano(event["duration_s"]),
        price_step_ticks=event["price_step_ticks"],
        quantity_step_lots=terms.quantity_step_lots,
        quantity_max_lots=terms.quantity_max_lots,
        reference_ticks=event["reference_ticks"],
        band_low_ticks=event["band_low_ticks"],
        band_high_ticks=event["band_high_ticks"],
        mark_ticks=event["reference_ticks"],
        spread_ticks=unknown_spread_ticks(event["reference_ticks"]),
        maker_fee_ppm=terms.maker_fee_ppm,
        taker_fee_ppm=terms.taker_fee_ppm,
        **{name: getattr(terms, name) for name in TERM_NAMES},
        moving=MovingTranche(view.store, row),
    )
    for name in RATES:
        view.store.columns.instruments[row][name] = getattr(tranche, name)
    view.show_tranche(tranche)
    view.store.mark_changed(row)


def unknown_spread_ticks(reference_ticks: int) -> int:
    """The spread charge of a tranche until parameters come, as `risk.contracts.list_contract` has it."""
    return -(-reference_ticks // UNKNOWN_SPREAD_SHARE)


def _change_state(view: MarketView, event: Fields) -> None:
    tranche = view.tranches[event["instrument_id"]]
    tranche.state = LifeState(event["state"])
    tranche.final_ticks = event["final_ticks"]
    tranche.replacement_ticks = event["replacement_ticks"]
    row = view.store.columns.instruments[tranche.moving.row]
    row["is_collecting"] = tranche.state in AUCTION_STATES
    if tranche.state not in AUCTION_STATES:
        row["indicative_ticks"] = row["indicative_lots"] = row["imbalance_lots"] = 0
    view.store.mark_changed(tranche.moving.row)
    if tranche.state in FINAL_STATES:
        view.ended_tranches.append(tranche.instrument_id)
        if len(view.ended_tranches) > view.store.bounds.ended_tranches:
            _drop_tranche(view, view.ended_tranches.popleft())


def _drop_tranche(view: MarketView, instrument_id: int) -> None:
    tranche = view.tranches.pop(instrument_id)
    del view.tranche_by_row[tranche.moving.row]
    view.deliveries.drop_tranche(instrument_id)
    drop_tranche(view.store.columns, tranche.moving.row)
    view.store.drop_instrument(tranche.moving.row)
    if view.tranche_by_symbol[tranche.symbol] == instrument_id:
        del view.tranche_by_symbol[tranche.symbol]
        view.symbol_changes += 1


def _set_reference(view: MarketView, event: Fields) -> None:
    tranche = view.tranches[event["instrument_id"]]
    tranche.reference_ticks = event["reference_ticks"]
    tranche.band_low_ticks = event["band_low_ticks"]
    tranche.band_high_ticks = event["band_high_ticks"]
    view.store.mark_changed(tranche.moving.row)


def _set_parameters(view: MarketView, event: Fields) -> None:
    tranche = view.tranches[event["instrument_id"]]
    tranche.mark_ticks = event["mark_ticks"]
    tranche.spread_ticks = event["spread_ticks"]
    tranche.ramp_step = event["ramp_step"]
    view.store.mark_changed(tranche.moving.row)


def _set_fees(view: MarketView, event: Fields) -> None:
    terms = view.series[event["series_id"]]
    fees = {name: event[name] for name in ("maker_fee_ppm", "taker_fee_ppm")}
    view.series[event["series_id"]] = terms._replace(**fees)


def _strain_region(view: MarketView, event: Fields) -> None:
    view.strains[event["region_id"]] = RegionStrain(*(event[name] for name in RegionStrain._fields))


def _set_financing(view: MarketView, event: Fields) -> None:
    view.financing = Financing(*(event[name] for name in Financing._fields))


def _halt_market(view: MarketView, _: Fields) -> None:
    view.market_halted = True


def _resume_market(view: MarketView, _: Fields) -> None:
    view.market_halted = False


APPLY_VENUE_EVENT: dict[int, tuple[np.dtype, Callable[[MarketView, Fields], None]]] = {
    Event.TRANCHE_LISTED: (TRANCHE_EVENT, _list_tranche),
    Event.STATE_CHANGED: (STATE_EVENT, _change_state),
    Event.REFERENCE_SET: (TRANCHE_EVENT, _set_reference),
    Event.PARAMETERS_SET: (PARAMETERS_EVENT, _set_parameters),
    Event.FEES_SET: (PARAMETERS_EVENT, _set_fees),
    **dict.fromkeys((Event.UTILISATION_SET, Event.STRAIN_SET), (STRAIN_EVENT, _strain_region)),
    **dict.fromkeys((Event.FINANCING_SET, Event.FINANCING_RATED), (FINANCING_EVENT, _set_financing)),
    Event.MARKET_HALTED: (TRANCHE_EVENT, _halt_market),
    Event.MARKET_RESUMED: (TRANCHE_EVENT, _resume_market),
    **APPLY_FORCED_EVENT,
    **APPLY_RISK_EVENT,
    **APPLY_CAPACITY_EVENT,
    **APPLY_DELIVERY_EVENT,
}
"""The layout of each event of the venue that changes what readers see, and what it does."""
