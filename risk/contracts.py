"""Contracts: what risk knows of an instrument, from its listing on.

Until risk parameters come, a contract is margined as if its price could double or vanish: whoever trades it has paid
for the worst. Parameters that come later name the mark, what a lot gains in each scenario, and the charges.
"""

import numpy as np

from kernels.compile import inlined
from risk.schema import FEE_PPM_MAX, GROSS_NANO_MAX, PPM, PRICE_HEADROOM, SCENARIOS, RiskReject
from risk.strain import strain_contract

UNKNOWN_SHOCKS_PERMILLE = np.array(
    [0, 333, -333, 667, -667, 1_000, -1_000, 700, -700, 500, -500, 250, -250, 850, -850, 150], np.int64
)
"""What an instrument without parameters may do: parallel moves alone, for nobody knows what else it does."""
UNKNOWN_SPREAD_SHARE = 5
"""Without parameters, neighbouring windows may diverge by one part in so many of the price."""


@inlined
def list_contract(ledger, slot, instrument_id, region_id, tick_value_nano, reference_ticks, ticks_max):
    """A new contract, with parameters that need no data. No price of it may ever be above `ticks_max`."""
    contract = ledger.contracts[slot]
    contract["instrument_id"] = instrument_id
    contract["region_id"] = region_id
    contract["ramp_step"] = 0
    contract["mark_ticks"] = reference_ticks
    contract["price_max_ticks"] = min(np.int64(reference_ticks) * PRICE_HEADROOM, np.int64(ticks_max))
    contract["tick_value_nano"] = tick_value_nano
    contract["gross_nano"] = np.int64(contract["price_max_ticks"]) * tick_value_nano
    contract["lots_max"] = GROSS_NANO_MAX // contract["gross_nano"]
    contract["spread_ticks"] = parts_of(np.int64(reference_ticks), np.int64(1), np.int64(UNKNOWN_SPREAD_SHARE))
    contract["concentration_ticks"] = 0
    contract["concentration_lots"] = 0
    contract["maker_fee_ppm"] = 0
    contract["taker_fee_ppm"] = 0
    for scenario in range(SCENARIOS):
        permille = UNKNOWN_SHOCKS_PERMILLE[scenario]
        ticks = parts_of(np.int64(reference_ticks), abs(permille), np.int64(1_000))
        ledger.base_shocks[slot * SCENARIOS + scenario] = ticks if permille >= 0 else -ticks
    strain_contract(ledger, slot, np.int64(0), np.int64(0), np.int64(0))


@inlined
def parts_of(ticks, numerator, denominator):
    """A share of a price, rounded up, so that no requirement comes out too small."""
    return (ticks * numerator + denominator - 1) // denominator


@inlined
def fee_per_lot(contract, price_ticks, fee_ppm):
    """The fee of one lot in nano-USD, rounded up; a rebate, which is negative, rounded towards nothing.

    It is whole for each lot, so that many fills cost just what one does.
    """
    return (np.int64(price_ticks) * contract["tick_value_nano"] * np.int64(fee_ppm) + PPM - 1) // PPM


@inlined
def worst_fee_ppm(contract):
    """The rate that an order pays at worst; that of takers is never negative."""
    return max(contract["maker_fee_ppm"], contract["taker_fee_ppm"])


@inlined
def worst_fee_per_lot(contract, price_ticks):
    """What one lot pays at worst: as `fee_per_lot` says, in numbers without a sign, which divide in half the steps."""
    ppm = np.uint64(price_ticks) * np.uint64(contract["tick_value_nano"]) * np.uint64(worst_fee_ppm(contract))
    return np.int64((ppm + np.uint64(PPM - 1)) // np.uint64(PPM))


@inlined
def check_fees(maker_fee_ppm, taker_fee_ppm):
    """0, or why these fees cannot be: a rebate is never more than what the other side pays for the same trade."""
    if taker_fee_ppm < 0 or taker_fee_ppm > FEE_PPM_MAX or maker_fee_ppm > FEE_PPM_MAX:
        return np.int64(RiskReject.FEES_OUT_OF_RANGE)
    if maker_fee_ppm < -taker_fee_ppm:
        return np.int64(RiskReject.FEES_OUT_OF_RANGE)
    return np.int64(0)
