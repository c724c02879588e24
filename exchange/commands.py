"""Building commands: plain Python values in, records out. Nothing here decides anything; the venue refuses what is
wrong.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from exchange.packing import CommandError, Entry, pack_group, packer_of
from exchange.venue.schema import (
    ACCOUNT_COMMAND,
    CANCEL_AFTER_COMMAND,
    CHANGE_COMMAND,
    CLIENT_ID_LENGTH_MAX,
    CLOCK_COMMAND,
    CONTINUATION,
    EXTRA,
    INSTRUMENT_COMMAND,
    LEG,
    MASS_CANCEL_COMMAND,
    ORDER_COMMAND,
    PARAMETERS_COMMAND,
    QUOTE,
    SERIES_COMMAND,
    SHOCKS,
    TIER_BITS,
    Command,
    Tier,
)
from matching.schema import MassFlag, OrderFlag, TimeInForce
from risk.schema import SCENARIOS

_ORDER = packer_of(ORDER_COMMAND)
_CHANGE = packer_of(CHANGE_COMMAND)
_CLOCK = packer_of(CLOCK_COMMAND)
_TICK = int(Command.TICK)
_ACCOUNT = packer_of(ACCOUNT_COMMAND)
_SERIES = packer_of(SERIES_COMMAND)
_INSTRUMENT = packer_of(INSTRUMENT_COMMAND)
_PARAMETERS = packer_of(PARAMETERS_COMMAND)
_SHOCKS = packer_of(SHOCKS)
_EXTRA = packer_of(EXTRA)
_QUOTE = packer_of(QUOTE)
_LEG = packer_of(LEG)
_MASS_CANCEL = packer_of(MASS_CANCEL_COMMAND)
_CANCEL_AFTER = packer_of(CANCEL_AFTER_COMMAND)
_CLIENT_ID = re.compile(rf"[!-~]{{1,{CLIENT_ID_LENGTH_MAX}}}")


def place(
    account_id: int,
    instrument_id: int,
    side: int,
    price_ticks: int,
    quantity_lots: int,
    *,
    client_id: str = "",
    time_in_force: int = 0,
    flags: int = 0,
    self_trade: int = 0,
    expires_ns: int = 0,
    order_id: int = 0,
    display_lots: int = 0,
    minimum_lots: int = 0,
    label: int = 0,
    session_id: int = 0,
) -> np.ndarray:
    """A new order; an iceberg with `display_lots`, killed if less than `minimum_lots` trade on entry.

    Without `order_id` the sequencer numbers it by its sequence.
    """
    high, low = client_key(client_id)
    flags |= (OrderFlag.ICEBERG if display_lots else 0) | (OrderFlag.MINIMUM if minimum_lots else 0)
    extra = (Command.EXTRA, 0, 0, 0, display_lots, minimum_lots, *(0,) * 5)
    return pack_group(
        lambda continuations: _ORDER.pack(
            Command.PLACE,
            continuations,
            side,
            time_in_force,
            instrument_id,
            account_id,
            price_ticks,
            quantity_lots,
            order_id,
            high,
            low,
            expires_ns,
            label,
            session_id,
            flags,
            self_trade,
        ),
        client_id,
        [(_EXTRA, extra)] if display_lots or minimum_lots else [],
    )


def cancel(account_id: int, *, order_id: int = 0, target_client_id: str = "", client_id: str = "") -> np.ndarray:
    """A cancel of an order, named by its id or by the client id it was placed with."""
    return _change(Command.CANCEL, account_id, order_id, target_client_id, client_id, 0, 0, 0)


def replace(
    account_id: int,
    price_ticks: int,
    quantity_lots: int,
    *,
    order_id: int = 0,
    target_client_id: str = "",
    client_id: str = "",
    flags: int = 0,
) -> np.ndarray:
    """A replace of an order, named as for `cancel`; `quantity_lots` is its total unless a flag says otherwise."""
    return _change(
        Command.REPLACE, account_id, order_id, target_client_id, client_id, price_ticks, quantity_lots, flags
    )


def mass_cancel(
    account_id: int | None,
    *,
    session_id: int | None = None,
    label: int | None = None,
    side: int | None = None,
    instrument_id: int | None = None,
    region_id: int | None = None,
    tier: Tier | None = None,
    client_id: str = "",
) -> np.ndarray:
    """A cancel of all resting orders that match what is given; without an account, of everybody's."""
    high, low = client_key(client_id)
    given = (account_id, session_id, label, side, instrument_id)
    flags = sum(flag for flag, value in zip(MassFlag, given, strict=True) if value is not None)
    tier_mask = (1 << TIER_BITS) - 1
    scope_mask = (0 if region_id is None else 0xFFFFFFFF & ~tier_mask) | (0 if tier is None else tier_mask)
    return pack_group(
        lambda continuations: _MASS_CANCEL.pack(
            Command.MASS_CANCEL,
            continuations,
            side or 0,
            flags,
            instrument_id or 0,
            account_id or 0,
            label or 0,
            (region_id or 0) << TIER_BITS | (tier or 0),
            scope_mask,
            0,
            high,
            low,
            session_id or 0,
            *(0,) * 3,
        ),
        client_id,
    )


def set_cancel_after(account_id: int, after_ms: int, *, session_id: int | None = None) -> np.ndarray:
    """Let an account's orders go, or those of a session, unless this comes again within a time; never again with 0."""
    by_session = session_id is not None
    values = (by_session, 0, session_id or 0, account_id, 0, after_ms)
    return pack_group(lambda _: _CANCEL_AFTER.pack(Command.SET_CANCEL_AFTER, 0, *values, *(0,) * 5))


class Quote(NamedTuple):
    """Both sides of one instrument; a side without lots is taken away, and its price is 0."""

    instrument_id: int
    bid_ticks: int
    bid_lots: int
    ask_ticks: int
    ask_lots: int


def mass_quote(
    account_id: int,
    quotes: Sequence[Quote],
    *,
    client_id: str = "",
    post_only: bool = False,
    self_trade: int = 0,
    label: int = 0,
    session_id: int = 0,
) -> np.ndarray:
    """Replace an account's quotes in many instruments at once: all or nothing."""
    entries = [
        (
            _QUOTE,
            (Command.QUOTE, 0, 0, each.instrument_id, each.bid_ticks, each.ask_ticks, each.bid_lots, each.ask_lots)
            + (0,) * 4,
        )
        for each in quotes
    ]
    flags = OrderFlag.POST_ONLY if post_only else 0
    return _many(
        Command.MASS_QUOTE, account_id, TimeInForce.GTC, entries, client_id, flags, self_trade, label, session_id
    )


class Leg(NamedTuple):
    """One leg of a basket: filled whole at its limit or better."""

    instrument_id: int
    side: int
    price_ticks: int
    quantity_lots: int
    reduce_only: bool = False


def basket(
    account_id: int,
    legs: Sequence[Leg],
    *,
    client_id: str = "",
    self_trade: int = 0,
    label: int = 0,
    session_id: int = 0,
) -> np.ndarray:
    """Trade several instruments at once, or none. The sequencer numbers the legs by their sequences."""
    entries = [
        (
            _LEG,
            (
                Command.LEG,
                0,
                leg.side,
                OrderFlag.REDUCE_ONLY if leg.reduce_only else 0,
                leg.instrument_id,
                0,
                leg.price_ticks,
                leg.quantity_lots,
            )
            + (0,) * 5,
        )
        for leg in legs
    ]
    return _many(Command.BASKET, account_id, TimeInForce.FOK, entries, client_id, 0, self_trade, label, session_id)


def tick(time_ns: int) -> np.ndarray:
    """The passing of time."""
    return np.frombuffer(_CLOCK.pack(_TICK, 0, 0, 0, time_ns, 0, 0, 0, 0, 0, 0), ORDER_COMMAND)


def open_account(account_id: int, name: str, group: int = 0) -> np.ndarray:
    """A new account with a name for people, in a self-trade group or in none."""
    return _account(Command.OPEN_ACCOUNT, account_id, group, 0, "", name)


def deposit(account_id: int, amount_nano: int, *, client_id: str = "") -> np.ndarray:
    """Money in."""
    return _account(Command.DEPOSIT, account_id, 0, amount_nano, client_id, client_id)


def withdraw(account_id: int, amount_nano: int, *, client_id: str = "") -> np.ndarray:
    """Money out."""
    return _account(Command.WITHDRAW, account_id, 0, amount_nano, client_id, client_id)


def endow_fund(account_id: int, amount_nano: int, *, client_id: str = "") -> np.ndarray:
    """An account gives of its free cash to the insurance fund."""
    return _account(Command.ENDOW_FUND, account_id, 0, amount_nano, client_id, client_id)


def define_region(region_id: int, code: str) -> np.ndarray:
    """A region, under the next free number."""
    return _instrument(Command.DEFINE_REGION, 0, region_id, 0, code)


def define_series(
    series_id: int,
    region_id: int,
    tier: Tier,
    *,
    first_start_ns: int,
    duration_s: int,
    gate_lead_s: int,
    horizon_s: int,
    reference_ticks: int,
    price_step_ticks: int = 1,
    quantity_step_lots: int = 1,
    quantity_max_lots: int = 1_000_000,
    band_bps: int = 5_000,
    opening_auction_s: int = 0,
    closing_auction_s: int = 0,
) -> np.ndarray:
    """A rolling calendar: a window of this length after the other, each listed `horizon_s` before it starts.

    With an opening auction orders collect for so long before trading begins, or begins again after a halt; with a
    closing auction they do so for the last seconds before the gate.
    """
    return pack_group(
        lambda _: _SERIES.pack(
            Command.DEFINE_SERIES,
            0,
            tier,
            0,
            series_id,
            region_id,
            reference_ticks,
            first_start_ns,
            duration_s,
            gate_lead_s,
            horizon_s,
            price_step_ticks,
            quantity_step_lots,
            quantity_max_lots,
            band_bps,
            opening_auction_s,
            closing_auction_s,
        )
    )


def set_reference(instrument_id: int, price_ticks: int) -> np.ndarray:
    """A new reference price, and with it a new band."""
    return _instrument(Command.SET_REFERENCE, instrument_id, 0, price_ticks)


def set_parameters(
    instrument_id: int,
    *,
    mark_ticks: int,
    shocks_ticks: Sequence[int],
    spread_ticks: int = 0,
    concentration_ticks: int = 0,
    concentration_lots: int = 0,
) -> np.ndarray:
    """Risk parameters: the mark, what a long lot gains in each of 16 scenarios, and charges for every lot.

    In the first scenario nothing moves. Each lot costs `spread_ticks` of margin, whatever offsets it, and
    `concentration_ticks` more beyond `concentration_lots`. Raises CommandError for shocks of another number.
    """
    if len(shocks_ticks) != SCENARIOS or shocks_ticks[0] != 0:
        raise CommandError(f"there are {SCENARIOS} shocks, and the first is 0, because nothing moves")
    return pack_group(
        lambda continuations: _PARAMETERS.pack(
            Command.SET_PARAMETERS,
            continuations,
            0,
            instrument_id,
            0,
            mark_ticks,
            spread_ticks,
            concentration_ticks,
            concentration_lots,
            *(0,) * 5,
        ),
        entries=[(_SHOCKS, (Command.SHOCKS, 0, 0, *shocks_ticks[1:]))],
    )


def set_fees(series_id: int, maker_fee_ppm: int, taker_fee_ppm: int) -> np.ndarray:
    """What trades cost in windows of a series that are listed from now on, in parts of a million; a rebate below 0."""
    return pack_group(
        lambda _: _PARAMETERS.pack(
            Command.SET_FEES, 0, 0, 0, series_id, 0, 0, 0, 0, maker_fee_ppm, taker_fee_ppm, *(0,) * 3
        )
    )


def halt(instrument_id: int) -> np.ndarray:
    """Stop trading one tranche; cancels go on."""
    return _instrument(Command.HALT, instrument_id)


def resume(instrument_id: int) -> np.ndarray:
    """Trade a halted tranche again."""
    return _instrument(Command.RESUME, instrument_id)


def halt_market() -> np.ndarray:
    """Stop trading everything; cancels go on."""
    return _instrument(Command.HALT_MARKET, 0)


def resume_market() -> np.ndarray:
    """Trade again."""
    return _instrument(Command.RESUME_MARKET, 0)


def client_key(client_id: str) -> tuple[int, int]:
    """The 128-bit BLAKE2 digest by which the core knows a client id; (0, 0) for none. Raises CommandError."""
    if not client_id:
        return 0, 0
    if not _CLIENT_ID.fullmatch(client_id):
        raise CommandError(f"a client id is 1 to {CLIENT_ID_LENGTH_MAX} printable ASCII characters without spaces")
    digest = hashlib.blake2b(client_id.encode(), digest_size=16).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")


def text_of(group: np.ndarray) -> str:
    """The text that travels in the continuation records behind a head, or ''."""
    tail = group[group["kind"] == Command.CONTINUATION].view(CONTINUATION)
    return b"".join(row["text"][: row["length"]].ljust(row["length"], b"\0") for row in tail).decode(
        "ascii", errors="replace"
    )


def concatenate(*groups: np.ndarray) -> np.ndarray:
    """Several commands as one array of ORDER_COMMAND records."""
    return np.frombuffer(bytearray().join([group.tobytes() for group in groups]), ORDER_COMMAND)


def _many(
    kind: int,
    account_id: int,
    time_in_force: int,
    entries: Sequence[Entry],
    client_id: str,
    flags: int,
    self_trade: int,
    label: int,
    session_id: int,
) -> np.ndarray:
    high, low = client_key(client_id)
    return pack_group(
        lambda continuations: _ORDER.pack(
            kind,
            continuations,
            0,
            time_in_force,
            0,
            account_id,
            *(0,) * 3,
            high,
            low,
            0,
            label,
            session_id,
            flags,
            self_trade,
        ),
        client_id,
        entries,
    )


def _change(
    kind: int,
    account_id: int,
    order_id: int,
    target_client_id: str,
    client_id: str,
    price_ticks: int,
    quantity_lots: int,
    flags: int,
) -> np.ndarray:
    high, low = client_key(client_id)
    target_high, target_low = client_key(target_client_id)
    return pack_group(
        lambda continuations: _CHANGE.pack(
            kind,
            continuations,
            flags,
            0,
            0,
            account_id,
            price_ticks,
            quantity_lots,
            order_id,
            high,
            low,
            target_high,
            target_low,
        ),
        client_id,
    )


def _account(kind: int, account_id: int, group: int, amount_nano: int, client_id: str, text: str) -> np.ndarray:
    high, low = client_key(client_id)
    return pack_group(
        lambda continuations: _ACCOUNT.pack(
            kind, continuations, 0, group, account_id, 0, amount_nano, 0, high, low, 0, 0
        ),
        text,
    )


def _instrument(kind: int, instrument_id: int, region_id: int = 0, price_ticks: int = 0, text: str = "") -> np.ndarray:
    return pack_group(
        lambda continuations: _INSTRUMENT.pack(
            kind, continuations, 0, instrument_id, region_id, price_ticks, *(0,) * 6
        ),
        text,
    )
