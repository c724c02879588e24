"""Commands of those who run the venue: accounts and money, regions and series, references, halts."""

import numpy as np

from exchange.venue.calendar import call_again, halt_or_reopen, is_closed
from exchange.venue.lifecycle import NEXT_STATE_ARRAY, LifeState, Trigger
from exchange.venue.listing import book_of, schedule_series, set_band, skip_past_windows
from exchange.venue.notes import write_fund
from exchange.venue.schema import (
    BASIS_POINTS,
    NANO_PER_S,
    REGION_CAPACITY,
    TIME_NS_MAX,
    WINDOW_S_MAX,
    WINDOW_STEP_S,
    Command,
    Event,
    Tier,
    VenueReject,
)
from exchange.venue.state import is_region, slot_of
from kernels.compile import inlined
from matching.events import begin_event
from matching.rules import NO_REJECT, is_listed
from matching.schema import PRICE_TICKS_MAX, QUANTITY_LOTS_MAX, OrderReject
from risk.accounts import check_deposit, check_withdrawal, is_account, move_cash, pay_fund

HORIZON_S_MAX = 366 * 86_400
START_STEP_NS = 60 * NANO_PER_S
"""A window starts on a whole minute, as its symbol tells it."""


@inlined
def administer(state, batch, index, events, count):
    """Run one command of this room, and write its outcome."""
    kind = batch.orders[index]["kind"]
    if kind == Command.OPEN_ACCOUNT:
        return open_account(state, batch.accounts[index], events, count)
    if kind == Command.DEPOSIT or kind == Command.WITHDRAW:
        return move_money(state, batch.accounts[index], events, count)
    if kind == Command.ENDOW_FUND:
        return endow_fund(state, batch.accounts[index], events, count)
    if kind == Command.DEFINE_REGION:
        return define_region(state, batch.instruments[index], events, count)
    if kind == Command.DEFINE_SERIES:
        return define_series(state, batch.series[index], events, count)
    if kind == Command.SET_REFERENCE:
        return set_reference(state, batch.instruments[index], events, count)
    if kind == Command.HALT or kind == Command.RESUME:
        return halt_or_resume(state, batch.instruments[index], events, count)
    if kind == Command.HALT_MARKET or kind == Command.RESUME_MARKET:
        return halt_or_resume_market(state, kind == Command.HALT_MARKET, events, count)
    return refuse(state, np.int64(VenueReject.UNKNOWN_COMMAND), np.int64(0), events, count)


@inlined
def refuse(state, reject, account_id, events, count):
    """Nothing changed, and why."""
    begin_event(state.book, events, count, Event.REJECTED)
    event = events.orders[count]
    event["side"] = 0
    event["reason"] = reject
    event["instrument_id"] = 0
    event["order_id"] = 0
    event["counter_order_id"] = 0
    event["account_id"] = account_id
    event["counter_account_id"] = 0
    event["price_ticks"] = 0
    event["quantity_lots"] = 0
    event["leaves_lots"] = 0
    return count + 1


@inlined
def open_account(state, command, events, count):
    """A new account, in a self-trade group or in none."""
    account_id = np.int64(command["account_id"])
    if account_id == 0 or account_id >= len(state.ledger.accounts):
        return refuse(state, np.int64(VenueReject.UNKNOWN_ACCOUNT), account_id, events, count)
    if is_account(state.ledger, account_id):
        return refuse(state, np.int64(VenueReject.ACCOUNT_EXISTS), account_id, events, count)
    state.ledger.accounts[account_id]["is_open"] = 1
    totals = state.ledger.totals[0]
    totals["accounts_end"] = max(totals["accounts_end"], np.uint64(account_id + 1))
    state.book.groups[account_id] = command["group"]
    return write_account(state, Event.ACCOUNT_OPENED, command, np.int64(0), events, count)


@inlined
def move_money(state, command, events, count):
    """A deposit or a withdrawal."""
    account_id = np.int64(command["account_id"])
    amount_nano = command["amount_nano"]
    if command["kind"] == Command.DEPOSIT:
        reject = check_deposit(state.ledger, account_id, amount_nano)
        event_kind = Event.DEPOSITED
        moved_nano = amount_nano
    else:
        reject = check_withdrawal(state.ledger, account_id, amount_nano)
        event_kind = Event.WITHDREW
        moved_nano = -amount_nano
    if reject != NO_REJECT:
        return refuse(state, reject, account_id, events, count)
    move_cash(state.ledger, account_id, moved_nano)
    return write_account(state, event_kind, command, moved_nano, events, count)


@inlined
def endow_fund(state, command, events, count):
    """An account gives of its free cash to the insurance fund."""
    account_id = np.int64(command["account_id"])
    reject = check_withdrawal(state.ledger, account_id, command["amount_nano"])
    if reject != NO_REJECT:
        return refuse(state, reject, account_id, events, count)
    pay_fund(state.ledger, account_id, command["amount_nano"])
    return write_fund(state, Event.FUND_ENDOWED, account_id, np.int64(0), command["amount_nano"], events, count)


@inlined
def write_account(state, kind, command, moved_nano, events, count):
    """Tell of an account's cash."""
    begin_event(state.book, events, count, kind)
    event = events.accounts[count]
    event["reserved"] = 0
    event["reason"] = 0
    event["instrument_id"] = 0
    event["amount_nano"] = moved_nano
    event["cash_nano"] = state.ledger.accounts[command["account_id"]]["cash_nano"]
    event["account_id"] = command["account_id"]
    event["group"] = state.book.groups[command["account_id"]]
    event["price_ticks"] = 0
    event["lots"] = 0
    event["moved_nano"] = 0
    return count + 1


@inlined
def define_region(state, command, events, count):
    """Regions are numbered without gaps from 1; their codes are the readers' business."""
    clock = state.clock[0]
    if command["region_id"] != clock["region_count"] + 1 or clock["region_count"] + 1 >= REGION_CAPACITY:
        return refuse(state, np.int64(VenueReject.ID_OUT_OF_ORDER), np.int64(0), events, count)
    clock["region_count"] += 1
    return write_subject(state, Event.REGION_DEFINED, np.int64(0), np.int64(command["region_id"]), events, count)


@inlined
def define_series(state, command, events, count):
    """A rolling calendar, listing from now on."""
    reject = check_series(state, command)
    if reject != NO_REJECT:
        return refuse(state, reject, np.int64(0), events, count)
    series_id = np.int64(command["series_id"])
    series = state.series[series_id]
    series["next_start_ns"] = command["first_start_ns"]
    series["quantity_step_lots"] = command["quantity_step_lots"]
    series["quantity_max_lots"] = command["quantity_max_lots"]
    series["duration_s"] = command["duration_s"]
    series["gate_lead_s"] = command["gate_lead_s"]
    series["horizon_s"] = command["horizon_s"]
    series["region_id"] = command["region_id"]
    series["price_step_ticks"] = command["price_step_ticks"]
    series["reference_ticks"] = command["reference_ticks"]
    series["band_bps"] = command["band_bps"]
    series["opening_auction_s"] = command["opening_auction_s"]
    series["closing_auction_s"] = command["closing_auction_s"]
    series["tier"] = command["tier"]
    series["maker_fee_ppm"] = 0
    series["taker_fee_ppm"] = 0
    state.clock[0]["series_count"] = series_id
    skip_past_windows(series, state.clock[0]["time_ns"])
    schedule_series(state, series_id)
    return write_subject(state, Event.SERIES_DEFINED, series_id, np.int64(command["region_id"]), events, count)


@inlined
def check_series(state, command):
    """0, or why a calendar cannot be rolled."""
    clock = state.clock[0]
    if command["series_id"] != clock["series_count"] + 1 or command["series_id"] >= len(state.series):
        return np.int64(VenueReject.ID_OUT_OF_ORDER)
    if not is_region(state, np.int64(command["region_id"])):
        return np.int64(VenueReject.UNKNOWN_REGION)
    duration_s = np.int64(command["duration_s"])
    if command["tier"] > Tier.BE or duration_s <= 0 or duration_s > WINDOW_S_MAX or duration_s % WINDOW_STEP_S:
        return np.int64(VenueReject.INVALID_SERIES)
    first_start_ns = command["first_start_ns"]
    if first_start_ns < 0 or first_start_ns > TIME_NS_MAX or first_start_ns % START_STEP_NS:
        return np.int64(VenueReject.INVALID_SERIES)
    if command["horizon_s"] > HORIZON_S_MAX or command["horizon_s"] <= command["gate_lead_s"]:
        return np.int64(VenueReject.INVALID_SERIES)
    auctions_s = np.int64(command["opening_auction_s"]) + np.int64(command["closing_auction_s"])
    if auctions_s > np.int64(command["horizon_s"]) - np.int64(command["gate_lead_s"]):
        return np.int64(VenueReject.INVALID_SERIES)
    if command["price_step_ticks"] < 1 or command["price_step_ticks"] > command["reference_ticks"]:
        return np.int64(VenueReject.INVALID_SERIES)
    if command["reference_ticks"] > PRICE_TICKS_MAX or command["band_bps"] >= 100 * BASIS_POINTS:
        return np.int64(VenueReject.INVALID_SERIES)
    if command["quantity_step_lots"] < 1 or command["quantity_step_lots"] > command["quantity_max_lots"]:
        return np.int64(VenueReject.INVALID_SERIES)
    if command["quantity_max_lots"] > QUANTITY_LOTS_MAX:
        return np.int64(VenueReject.INVALID_SERIES)
    return np.int64(NO_REJECT)


@inlined
def set_reference(state, command, events, count):
    """A new reference price, and with it a new band; from gate closure on there is nothing left to trade."""
    if not is_listed(state.book, command["instrument_id"]):
        return refuse(state, np.int64(OrderReject.UNKNOWN_INSTRUMENT), np.int64(0), events, count)
    tranche = tranche_of(state, command["instrument_id"])
    if is_closed(tranche["state"]):
        return refuse(state, np.int64(OrderReject.INSTRUMENT_CLOSED), np.int64(0), events, count)
    instrument = book_of(state, tranche)
    price_max_ticks = state.ledger.contracts[slot_of(state, tranche["instrument_id"])]["price_max_ticks"]
    if command["price_ticks"] < instrument["price_step_ticks"] or command["price_ticks"] > price_max_ticks:
        return refuse(state, np.int64(OrderReject.PRICE_OUT_OF_RANGE), np.int64(0), events, count)
    tranche["reference_ticks"] = command["price_ticks"]
    set_band(instrument, tranche, price_max_ticks)
    count = write_subject(
        state, Event.REFERENCE_SET, np.int64(tranche["series_id"]), np.int64(tranche["region_id"]), events, count
    )
    event = events.tranches[count - 1]
    event["instrument_id"] = command["instrument_id"]
    event["reference_ticks"] = command["price_ticks"]
    event["band_low_ticks"] = instrument["band_low_ticks"]
    event["band_high_ticks"] = instrument["band_high_ticks"]
    return count


@inlined
def tranche_of(state, instrument_id):
    """The tranche in an instrument's slot."""
    return state.tranches[slot_of(state, instrument_id)]


@inlined
def halt_or_resume(state, command, events, count):
    """Stop one tranche, or let it trade again; its gate closes in any case."""
    if not is_listed(state.book, command["instrument_id"]):
        return refuse(state, np.int64(OrderReject.UNKNOWN_INSTRUMENT), np.int64(0), events, count)
    tranche = tranche_of(state, command["instrument_id"])
    halts = command["kind"] == Command.HALT
    trigger = Trigger.HALT if halts else Trigger.RESUME
    if NEXT_STATE_ARRAY[np.int64(tranche["state"]), np.int64(trigger)] == LifeState.NONE:
        return refuse(state, np.int64(VenueReject.ILLEGAL_STATE_CHANGE), np.int64(0), events, count)
    return halt_or_reopen(state, tranche, halts, events, count)


@inlined
def halt_or_resume_market(state, halts, events, count):
    """Stop everything but cancels, or let the market trade again, through auctions where tranches have them."""
    if not halts and state.clock[0]["is_halted"]:
        count = call_again(state, events, count)
        if state.clock[0]["is_paused"]:
            return count
    state.clock[0]["is_halted"] = 1 if halts else 0
    kind = Event.MARKET_HALTED if halts else Event.MARKET_RESUMED
    return write_subject(state, kind, np.int64(0), np.int64(0), events, count)


@inlined
def write_subject(state, kind, series_id, region_id, events, count):
    """Tell of a series, a region, or the market."""
    begin_event(state.book, events, count, kind)
    event = events.tranches[count]
    event["tier"] = 0
    event["reason"] = 0
    event["instrument_id"] = 0
    event["start_ns"] = 0
    event["gate_ns"] = 0
    event["series_id"] = series_id
    event["region_id"] = region_id
    event["reference_ticks"] = 0
    event["duration_s"] = 0
    event["price_step_ticks"] = 0
    event["band_low_ticks"] = 0
    event["band_high_ticks"] = 0
    return count + 1
