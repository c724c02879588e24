"""What the rules of an order go by, read from the venue between two batches and kept as plain numbers."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from exchange.venue.machine import Venue
from matching.prices import NODES_PER_INSERT_MAX
from risk.schema import PPM, SCENARIOS


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
    long_ramp_ticks: int  # required beside all else of a lot that may be bought, as the gate comes near
    short_ramp_ticks: int  # the same of one that may be sold; 0 for who has capacity of its own
    phase: int
    price_step_ticks: int
    quantity_step_lots: int
    quantity_max_lots: int
    band_low_ticks: int
    band_high_ticks: int
    failure_nano: int  # what it costs when a provider does not deliver a lot; 0 where nothing is delivered

    @property
    def gross_nano(self) -> int:
        """One lot at the highest price."""
        return self.price_max_ticks * self.tick_value_nano


OF_CONTRACT = Terms._fields[: Terms._fields.index("worst_fee_ppm")]
OF_INSTRUMENT = Terms._fields[Terms._fields.index("phase") : Terms._fields.index("failure_nano")]
"""Fields that are called alike in CONTRACT and INSTRUMENT."""


class Money(NamedTuple):
    """An account's figures as the venue keeps them, in nano-USD."""

    cash_nano: int
    unsettled_nano: int
    margin_nano: int
    gross_nano: int
    fees_nano: int
    add_on_nano: int


@dataclass(frozen=True)
class Reading:
    """What one account's risk depends on beside its positions and orders, after one command."""

    sequence: int  # of the last command's head; a view counts the records behind it too
    time_ns: int
    account_id: int
    money: Money
    is_halted: bool  # the whole market
    orders_left: int
    positions_left: int
    has_room_for_levels: bool
    contracts: np.ndarray
    """CONTRACT of each tranche that was asked for and is listed; what stands in the same rows of two more arrays:"""
    instruments: np.ndarray  # INSTRUMENT
    shocks_ticks: np.ndarray  # (tranches, 16)
    deliveries: np.ndarray  # DELIVERY
    multiplier_ppm: int
    """Of a provider's bonds; 0 for an account that is none."""
    ramps: np.ndarray  # RAMP, of this account

    @cached_property
    def terms(self) -> dict[int, Terms]:
        """Of each tranche, by its id."""
        fees_ppm = np.maximum(self.contracts["maker_fee_ppm"], self.contracts["taker_fee_ppm"])
        columns = [
            *(self.contracts[name].tolist() for name in OF_CONTRACT),
            np.maximum(fees_ppm, 0).tolist(),
            map(tuple, self.shocks_ticks.tolist()),
            self.ramps["long_ticks"].tolist(),
            self.ramps["short_ticks"].tolist(),
            *(self.instruments[name].tolist() for name in OF_INSTRUMENT),
            map(failure_nano, self.contracts, self.deliveries),
        ]
        return {each.instrument_id: each for each in map(Terms._make, zip(*columns, strict=True))}


def read_venue(venue: Venue, account_id: int, instrument_ids: np.ndarray) -> Reading:
    """Read it while the venue is at rest: rows as they lie, which become numbers when a reader wants them."""
    state = venue.state
    counters, totals = state.book.counters[0], state.ledger.totals[0]
    figures = venue.figures(np.array([account_id]))[0]
    slots = instrument_ids & (len(state.tranches) - 1)
    instruments = state.book.instruments[slots]
    is_listed = (instruments["instrument_id"] == instrument_ids) & (instruments["price_step_ticks"] > 0)
    slots = slots[is_listed]
    ramps = state.ledger.ramps[slots]
    if state.ledger.accounts[account_id]["is_provider"]:
        ramps["short_ticks"] = 0
    return Reading(
        sequence=venue.sequence,
        time_ns=venue.time_ns,
        account_id=account_id,
        money=Money(*(int(figures[name]) for name in Money._fields)),
        is_halted=bool(state.clock[0]["is_halted"]),
        orders_left=len(state.book.orders) - 1 - int(counters["resting_orders"]),
        positions_left=len(state.ledger.positions) - 1 - int(totals["live_positions"]),
        has_room_for_levels=int(counters["live_nodes"]) + NODES_PER_INSERT_MAX <= len(state.book.nodes) - 1,
        contracts=state.ledger.contracts[slots],
        instruments=instruments[is_listed],
        shocks_ticks=state.ledger.shocks.reshape(-1, SCENARIOS)[slots],
        deliveries=state.clearing.deliveries[slots],
        multiplier_ppm=int(state.clearing.providers[account_id]["multiplier_ppm"]),
        ramps=ramps,
    )


def failure_nano(contract: np.void, delivery: np.void) -> int:
    """What failing to deliver a lot costs before the gate, by the rules of `exchange.venue.clearing.bonds`."""
    mark_ticks, tick_value_nano = int(contract["mark_ticks"]), int(contract["tick_value_nano"])
    if not delivery["slot_s"]:
        return 0
    fee_nano = -(-mark_ticks * tick_value_nano * int(delivery["shortfall_fee_ppm"]) // PPM)
    stressed_ticks = min(mark_ticks + int(contract["worst_shock_ticks"]), int(contract["price_max_ticks"]))
    return fee_nano + max(stressed_ticks - mark_ticks, 0) * tick_value_nano
