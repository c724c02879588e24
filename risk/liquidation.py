"""How an account that cannot be margined any more loses its positions, and who pays for what it cannot.

    equity < initial requirement   margin call: what could grow a position is cancelled
    equity < maintenance           its positions are closed, part by part, at no worse than the bankruptcy price ...
    ... or worse, as far as the insurance fund pays the difference
    equity < 0, and nobody trades  deleveraging: those who gained most give up a part of their gains

The bankruptcy price of a part of a position is the one at which closing it leaves equity as large a share of the
requirement as it was: dYdX's quote, `- change of value - equity x fall of the requirement / requirement`. What a trade
brings beyond it goes to the fund, up to a fee, and what it lacks comes from there. Roundings fall to the fund.
"""

import numpy as np

from kernels.compile import inlined, outlined
from risk.accounts import equity_nano, own_margin_nano
from risk.contracts import fee_per_lot
from risk.margin import move_position
from risk.positions import NIL
from risk.schema import LIQUIDATION_FEE_PPM, LIQUIDATION_LOTS_MIN, LIQUIDATION_PARTS, MAINTENANCE_PPM, Standing
from risk.shares import millionths_up, share_of

FEE_HEADROOM_BITS = 5
"""A fee is reckoned at a price higher by one part in 32, so that paying it cannot carry the price beyond that."""


@inlined
def maintenance_nano(ledger, account_id):
    """What an account must have to keep its positions: risk staff can call for more, but not close them by it."""
    return millionths_up(own_margin_nano(ledger, account_id), MAINTENANCE_PPM)


@inlined
def due_standing(ledger, account_id):
    """What an account's standing should be."""
    margin_nano = ledger.accounts[account_id]["margin_nano"]
    equity = equity_nano(ledger, account_id)
    if equity >= margin_nano:
        return np.int64(Standing.SOUND)
    if equity >= maintenance_nano(ledger, account_id):
        return np.int64(Standing.CALLED)
    return np.int64(Standing.CLOSING)


@inlined
def part_lots(lots, is_bankrupt):
    """How many lots of a position are closed at once, signed as the trade that closes them."""
    held_lots = abs(lots)
    part = max((held_lots + LIQUIDATION_PARTS - 1) // LIQUIDATION_PARTS, np.int64(LIQUIDATION_LOTS_MIN))
    part = held_lots if is_bankrupt else min(part, held_lots)
    return -part if lots > 0 else part


@outlined
def relief_nano(ledger, slot, contract_slot, lots):
    """By how much the requirement falls when a position changes by so many lots; tried, and taken back."""
    account_id = np.int64(ledger.positions[slot]["account_id"])
    before_nano = ledger.accounts[account_id]["margin_nano"]
    move_position(ledger, account_id, slot, contract_slot, lots, np.int64(0))
    after_nano = ledger.accounts[account_id]["margin_nano"]
    move_position(ledger, account_id, slot, contract_slot, -lots, np.int64(0))
    return before_nano - after_nano


@inlined
def bearable_nano(ledger, account_id, relief):
    """What closing may cost an account: of its equity the share that the requirement falls by.

    Negative when it has less than nothing: closing must then bring so much.
    """
    equity = equity_nano(ledger, account_id)
    margin_nano = own_margin_nano(ledger, account_id)
    if relief <= 0 or margin_nano <= 0:
        return np.int64(0)
    share_nano, remainder = share_of(abs(equity), min(relief, margin_nano), margin_nano)
    if equity >= 0:
        return share_nano
    return -share_nano - 1 if remainder > 0 else -share_nano


@inlined
def bankruptcy_ticks(contract, lots, bearable):
    """The price of one lot at which closing costs just what may be borne, without the fee. A sale has negative lots."""
    ticks = bearable // (abs(lots) * contract["tick_value_nano"])
    mark_ticks = np.int64(contract["mark_ticks"])
    return mark_ticks - ticks if lots < 0 else mark_ticks + ticks


@inlined
def worst_ticks(ledger, contract, lots, bankrupt_ticks, relief):
    """How far the fund can carry a trade beyond the bankruptcy price, and no further than maintenance from the mark."""
    value_nano = abs(lots) * contract["tick_value_nano"]
    fund_ticks = ledger.totals[0]["fund_nano"] // value_nano
    most_ticks = millionths_up(max(relief, np.int64(0)), MAINTENANCE_PPM) // value_nano
    mark_ticks = np.int64(contract["mark_ticks"])
    if lots < 0:
        return min(max(bankrupt_ticks - fund_ticks, mark_ticks - most_ticks), bankrupt_ticks)
    return max(min(bankrupt_ticks + fund_ticks, mark_ticks + most_ticks), bankrupt_ticks)


@inlined
def with_fee(contract, lots, price_ticks):
    """The price at which as much is left after the taker's fee."""
    headroom_ticks = (max(price_ticks, np.int64(0)) >> FEE_HEADROOM_BITS) + 1
    fee_nano = fee_per_lot(contract, max(price_ticks, np.int64(0)) + headroom_ticks, contract["taker_fee_ppm"])
    fee_ticks = (fee_nano + contract["tick_value_nano"] - 1) // contract["tick_value_nano"]
    return price_ticks + fee_ticks if lots < 0 else price_ticks - fee_ticks


@inlined
def owed_to_fund_nano(contract, lots, price_ticks, bankrupt_ticks):
    """What an account owes the fund for lots closed at a price; negative when the fund has to pay."""
    better_ticks = price_ticks - bankrupt_ticks if lots < 0 else bankrupt_ticks - price_ticks
    per_lot_nano = better_ticks * contract["tick_value_nano"]
    fee_nano = millionths_up(np.int64(price_ticks) * contract["tick_value_nano"], LIQUIDATION_FEE_PPM)
    return abs(lots) * min(per_lot_nano, fee_nano)


@outlined
def find_counterparty(ledger, tranche, contract_slot, lots, price_ticks):
    """The position that is to take lots at a price: on the other side, and of those that still gain the one that
    gained most for each lot, the first of equals; or NIL.
    """
    contract = ledger.contracts[contract_slot]
    found, most_nano = np.int64(NIL), np.int64(0)
    at = np.int64(tranche["first_position"])
    while at != NIL:
        position = ledger.positions[at]
        held_lots = position["lots"]
        faces = (lots < 0 and held_lots < 0) or (lots > 0 and held_lots > 0)
        if faces and gain_nano(contract, position, price_ticks) >= 0:
            per_lot_nano = gain_nano(contract, position, np.int64(contract["mark_ticks"])) // abs(held_lots)
            if found == NIL or per_lot_nano > most_nano:
                found, most_nano = at, per_lot_nano
        at = np.int64(position["next"])
    return found


@inlined
def gain_nano(contract, position, price_ticks):
    """What a position would have gained, closed at a price."""
    return position["lots"] * np.int64(price_ticks) * contract["tick_value_nano"] - position["cost_nano"]
