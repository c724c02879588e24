"""What the rules of an order go by, read from the venue between two batches and kept as plain numbers."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from exchange.venue.machine import Venue
from matching.prices import NODES_PER_INSERT_MAX
from risk.schema import SCENARIOS


class Terms(NamedTuple):
    """One tranche as risk and its book know it."""

    instrument_id: int
    region_id: int
    mark_ticks: int
    price_max_ticks: int
    tick_value_nano: int  # of one tick of one lot
    lots_max: int
    spread_ticks: int  # charged for every lot
    concentration_ticks: int  # charged beside it for lots beyond concentration_lots
    concentration_lots: int
    worst_fee_ppm: int
    shocks_ticks: tuple[int, ...]  # what a long lot gains in each scenario
    phase: int
    price_step_ticks: int
    quantity_step_lots: int
    quantity_max_lots: int
    band_low_ticks: int
    band_high_ticks: int

    @property
    def gross_nano(self) -> int:
        """One lot at the highest price."""
        return self.price_max_ticks * self.tick_value_nano


class Money(NamedTuple):
    """An account's figures as the venue keeps them, in nano-USD."""

    cash_nano: int
    unsettled_nano: int
    margin_nano: int
    gross_nano: int
    fees_nano: int


class Reading(NamedTuple):
    """What one account's risk depends on beside its positions and orders, after one command."""

    sequence: int  # of the last command's head; a view counts the records behind it too
    time_ns: int
    account_id: int
    money: Money
    is_halted: bool  # the whole market
    orders_left: int
    positions_left: int
    has_room_for_levels: bool
    terms: dict[int, Terms]  # by instrument, of those that were asked for and are listed


def read_venue(venue: Venue, account_id: int, instrument_ids: Iterable[int]) -> Reading:
    """Read it while the venue is at rest."""
    state = venue.state
    counters, totals = state.book.counters[0], state.ledger.totals[0]
    figures = venue.figures(np.array([account_id]))[0]
    terms = (_terms(venue, instrument_id) for instrument_id in instrument_ids)
    return Reading(
        sequence=venue.sequence,
        time_ns=venue.time_ns,
        account_id=account_id,
        money=Money(*(int(figures[name]) for name in Money._fields)),
        is_halted=bool(state.clock[0]["is_halted"]),
        orders_left=len(state.book.orders) - 1 - int(counters["resting_orders"]),
        positions_left=len(state.ledger.positions) - 1 - int(totals["live_positions"]),
        has_room_for_levels=int(counters["live_nodes"]) + NODES_PER_INSERT_MAX <= len(state.book.nodes) - 1,
        terms={each.instrument_id: each for each in terms if each is not None},
    )


def _terms(venue: Venue, instrument_id: int) -> Terms | None:
    """Of a tranche, or None for one that is not listed."""
    state = venue.state
    slot = instrument_id & (len(state.tranches) - 1)
    contract, instrument = state.ledger.contracts[slot], state.book.instruments[slot]
    if instrument["instrument_id"] != instrument_id or instrument["price_step_ticks"] <= 0:
        return None
    shocks = state.ledger.shocks[slot * SCENARIOS : (slot + 1) * SCENARIOS]
    return Terms(
        instrument_id=instrument_id,
        region_id=int(contract["region_id"]),
        mark_ticks=int(contract["mark_ticks"]),
        price_max_ticks=int(contract["price_max_ticks"]),
        tick_value_nano=int(contract["tick_value_nano"]),
        lots_max=int(contract["lots_max"]),
        spread_ticks=int(contract["spread_ticks"]),
        concentration_ticks=int(contract["concentration_ticks"]),
        concentration_lots=int(contract["concentration_lots"]),
        worst_fee_ppm=max(int(contract["maker_fee_ppm"]), int(contract["taker_fee_ppm"]), 0),
        shocks_ticks=tuple(shocks.tolist()),
        phase=int(instrument["phase"]),
        price_step_ticks=int(instrument["price_step_ticks"]),
        quantity_step_lots=int(instrument["quantity_step_lots"]),
        quantity_max_lots=int(instrument["quantity_max_lots"]),
        band_low_ticks=int(instrument["band_low_ticks"]),
        band_high_ticks=int(instrument["band_high_ticks"]),
    )
