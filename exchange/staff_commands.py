"""Building the commands of risk staff: kill switch, limits, protection, margin calls, strain, financing.

0 is no limit everywhere.
"""

import numpy as np

from exchange.packing import pack_group, packer_of
from exchange.venue.add_on_schema import ADD_ON_COMMAND, AddOnMode
from exchange.venue.schema import (
    ACCOUNT_COMMAND,
    FINANCING_COMMAND,
    LIMITS_COMMAND,
    MASS_CANCEL_COMMAND,
    PROTECTION_COMMAND,
    STRAIN_COMMAND,
    Command,
)
from matching.schema import MassFlag

_ACCOUNT = packer_of(ACCOUNT_COMMAND)
_MASS_CANCEL = packer_of(MASS_CANCEL_COMMAND)
_LIMITS = packer_of(LIMITS_COMMAND)
_PROTECTION = packer_of(PROTECTION_COMMAND)
_ADD_ON = packer_of(ADD_ON_COMMAND)
_STRAIN = packer_of(STRAIN_COMMAND)
_FINANCING = packer_of(FINANCING_COMMAND)


def kill_switch(account_id: int | None) -> np.ndarray:
    """No new orders of an account, or of anybody, from now on; those that rest are cancelled."""
    flags = 0 if account_id is None else MassFlag.BY_ACCOUNT
    return pack_group(lambda _: _MASS_CANCEL.pack(Command.KILL_SWITCH, 0, 0, flags, 0, account_id or 0, *(0,) * 10))


def lift_kill_switch(account_id: int) -> np.ndarray:
    """New orders of an account are taken again."""
    return pack_group(lambda _: _ACCOUNT.pack(Command.LIFT_KILL_SWITCH, 0, 0, 0, account_id, *(0,) * 7))


def set_account_limits(
    account_id: int,
    *,
    position_lots: int = 0,
    order_lots: int = 0,
    order_nano: int = 0,
    open_orders_base: int = 0,
    open_orders_max: int = 0,
    open_orders_step_nano: int = 0,
) -> np.ndarray:
    """What an account may have at most: in each instrument, in an order, and open orders.

    Of those it may have a base, and one more for each step of equity, up to a maximum; without a step the two are one.
    """
    sizes = (position_lots, order_lots, order_nano)
    cap = (open_orders_step_nano, open_orders_base, open_orders_max)
    return pack_group(lambda _: _LIMITS.pack(Command.SET_ACCOUNT_LIMITS, 0, 0, 0, account_id, 0, *sizes, *cap, 0))


def set_region_limit(account_id: int, region_id: int, position_lots: int) -> np.ndarray:
    """How many lots an account may come to have over all its positions in a region, either way, added up."""
    limits = (position_lots, *(0,) * 6)
    return pack_group(lambda _: _LIMITS.pack(Command.SET_REGION_LIMIT, 0, 0, 0, account_id, region_id, *limits))


def set_instrument_limits(
    instrument_id: int, *, position_lots: int = 0, order_lots: int = 0, order_nano: int = 0
) -> np.ndarray:
    """What each account may have at most in an instrument, and in an order of it."""
    sizes = (position_lots, order_lots, order_nano)
    return pack_group(
        lambda _: _LIMITS.pack(Command.SET_INSTRUMENT_LIMITS, 0, 0, instrument_id, 0, 0, *sizes, *(0,) * 4)
    )


def set_protection(
    account_id: int,
    region_id: int,
    *,
    interval_ms: int,
    frozen_ms: int = 0,
    quantity_lots: int = 0,
    net_lots: int = 0,
    notional_nano: int = 0,
) -> np.ndarray:
    """Protect a market maker in a region: so much may be taken of its orders within an interval, then they all go.

    New ones are taken after `frozen_ms`, or with 0 after a reset. An interval of 0 takes protection away.
    """
    terms = (interval_ms, frozen_ms, 0, quantity_lots, net_lots, notional_nano, 0, 0)
    return pack_group(lambda _: _PROTECTION.pack(Command.SET_PROTECTION, 0, 0, region_id, account_id, *terms))


def reset_protection(account_id: int, region_id: int) -> np.ndarray:
    """Take new orders of an account in a region again, and count from nothing."""
    return pack_group(lambda _: _PROTECTION.pack(Command.RESET_PROTECTION, 0, 0, region_id, account_id, *(0,) * 8))


def call_margin(account_id: int, amount_nano: int) -> np.ndarray:
    """Add to what an account must have initially, until it is short of it by an amount now."""
    return _add_on(account_id, AddOnMode.CALL, amount_nano)


def set_add_on(account_id: int, add_on_nano: int) -> np.ndarray:
    """Add so much to what an account must have initially, in place of what was added before; 0 for nothing."""
    return _add_on(account_id, AddOnMode.SET, add_on_nano)


def set_utilisation(region_id: int, utilisation_ppm: int) -> np.ndarray:
    """How much of what a region can deliver is used, in parts of a million."""
    return pack_group(lambda _: _STRAIN.pack(Command.SET_UTILISATION, 0, 0, region_id, utilisation_ppm, *(0,) * 8))


def set_strain(region_id: int, low_ppm: int, high_ppm: int) -> np.ndarray:
    """The utilisation from which on a region's shocks grow, and that at which they are the whole mark; 0 and 0 for
    never."""
    return pack_group(lambda _: _STRAIN.pack(Command.SET_STRAIN, 0, 0, region_id, 0, low_ppm, high_ppm, *(0,) * 6))


def set_financing(base_ppm: int, slope_1_ppm: int, slope_2_ppm: int, optimum_ppm: int) -> np.ndarray:
    """What negative cash costs a year: the base, what is added up to the optimal utilisation of cash, and what beyond
    it; all 0 for nothing."""
    rates_ppm = base_ppm, slope_1_ppm, slope_2_ppm, optimum_ppm
    return pack_group(lambda _: _FINANCING.pack(Command.SET_FINANCING, 0, 0, 0, *rates_ppm, *(0,) * 5))


def _add_on(account_id: int, mode: AddOnMode, amount_nano: int) -> np.ndarray:
    return pack_group(lambda _: _ADD_ON.pack(Command.CALL_MARGIN, 0, mode, 0, 0, account_id, 0, amount_nano, *(0,) * 5))
