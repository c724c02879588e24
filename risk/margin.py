"""The requirement of an account, kept as orders and positions change, in integers, at O(16) a change.

For each margin class, a region, and each scenario s, with v[s] what a lot gains:

    losses[s] = - sum(lots x v[s]) + sum over open orders of lots x unit_loss[s]
    unit_loss[s] = max(0, max(0, limit - mark) + fee - v[s])      for a buy; for a sell max(0, mark - limit), and + v[s]

Each scenario takes just the orders that would hurt in it, so the worst of them bounds every way in which any of them
fill. A limit better than the mark earns no credit: far bids would otherwise cost nothing, and fill in a crash. Beside
the worst loss of each class stand charges for every lot that a position could come to have: neighbouring windows can
diverge, and large positions take long to close. The method is that of SPAN; its worked example is among the tests.

A sell that trades above its limit pays a higher fee, but earns more than that: it is charged as if it traded at the
higher of its limit and the mark.
"""

import numpy as np

from kernels.compile import inlined, outlined
from kernels.intrinsics import rarely
from risk.accounts import free_nano
from risk.contracts import worst_fee_per_lot
from risk.positions import NIL, close_position, find_position, has_room, open_position
from risk.ramps import most_ramp_ticks, ramp_change_nano, ramp_nano
from risk.scenarios import add_losses
from risk.schema import GROSS_NANO_MAX, SCENARIOS, RiskReject, Standing

BUY = 0


@inlined
def check_order(ledger, contract_slot, account_id, side, limit_ticks, lots):
    """0, or why an account cannot have one order more."""
    base_nano = certain_loss(ledger.contracts[contract_slot], side, limit_ticks)
    return check_order_of(ledger, contract_slot, account_id, side, limit_ticks, lots, base_nano)


@inlined
def check_order_of(ledger, contract_slot, account_id, side, limit_ticks, lots, base_nano):
    """The same, where `certain_loss` is known. What is surely covered is not looked at closely."""
    reject = check_bounds(ledger, ledger.contracts[contract_slot], account_id, limit_ticks, lots)
    if rarely(reject != 0):
        return reject
    if suffices(ledger, contract_slot, account_id, side, lots, base_nano):
        return np.int64(0)
    return check_closely(ledger, contract_slot, account_id, side, limit_ticks, lots)


@inlined
def is_surely_covered(ledger, contract_slot, account_id, side, limit_ticks, lots):
    """Whether an account can have one order more without a close look at it. If not, it may be all the same."""
    contract = ledger.contracts[contract_slot]
    if check_bounds(ledger, contract, account_id, limit_ticks, lots) != 0:
        return False
    return suffices(ledger, contract_slot, account_id, side, lots, certain_loss(contract, side, limit_ticks))


@inlined
def suffices(ledger, contract_slot, account_id, side, lots, base_nano):
    """Whether what is free is as much as an order could need at most: so is what it needs then."""
    return lots * most_per_lot(ledger, contract_slot, side, base_nano) <= free_nano(ledger, account_id)


@inlined
def check_bounds(ledger, contract, account_id, limit_ticks, lots):
    """0, or why no sum could be trusted with such an order, or no position is left for it."""
    if limit_ticks > contract["price_max_ticks"]:
        return np.int64(RiskReject.PRICE_ABOVE_MAXIMUM)
    if lots > contract["lots_max"]:
        return np.int64(RiskReject.NOTIONAL_OUT_OF_RANGE)
    if ledger.accounts[account_id]["gross_nano"] + lots * contract["gross_nano"] > GROSS_NANO_MAX:
        return np.int64(RiskReject.NOTIONAL_OUT_OF_RANGE)
    if rarely(not has_room(ledger, 1)) and find_position(ledger, account_id, contract["instrument_id"]) == NIL:
        return np.int64(RiskReject.TOO_MANY_POSITIONS)
    return np.int64(0)


@inlined
def most_per_lot(ledger, contract_slot, side, base_nano):
    """What one lot of an order can add to the requirement at most, in nano-USD; it loses `base_nano` for certain."""
    contract = ledger.contracts[contract_slot]
    ticks = np.int64(contract["worst_shock_ticks"])
    ticks += np.int64(contract["spread_ticks"]) + np.int64(contract["concentration_ticks"])
    if rarely(contract["ramp_step"] != 0):
        ticks += most_ramp_ticks(ledger, contract_slot, side)
    return base_nano + ticks * contract["tick_value_nano"]


@inlined
def certain_loss(contract, side, limit_ticks):
    """What one lot of an order loses when it fills at its limit and nothing moves, the fee included."""
    mark_ticks = np.int64(contract["mark_ticks"])
    limit_ticks = np.int64(limit_ticks)
    # Masks in place of a branch that nobody can guess: no bits for a buy, all for a sell.
    sells = -np.int64(side)
    adverse_ticks = ((limit_ticks - mark_ticks) ^ sells) - sells
    paid_ticks = max(limit_ticks, mark_ticks & sells)
    return max(adverse_ticks, np.int64(0)) * contract["tick_value_nano"] + worst_fee_per_lot(contract, paid_ticks)


@outlined
def check_closely(ledger, contract_slot, account_id, side, limit_ticks, lots):
    """0, or INSUFFICIENT_MARGIN: the order is entered, looked at, and taken out again.

    The one exemption: an order that closes no more of the position than there is, together with all others on its
    side, may fill if a fill at its limit leaves the account no worse off against its requirement, and not without
    means. A give-away price would leave it worse off. Positions that the venue is closing are closed by it alone.
    """
    contract = ledger.contracts[contract_slot]
    before_nano = free_nano(ledger, account_id)
    slot = find_position(ledger, account_id, contract["instrument_id"])
    is_new = slot == NIL
    if is_new:
        slot = open_position(ledger, account_id, contract["instrument_id"], contract["region_id"])
    move_order(ledger, account_id, slot, contract_slot, side, limit_ticks, lots)
    is_covered = free_nano(ledger, account_id) >= 0
    closes = closes_only(ledger.positions[slot], side)
    move_order(ledger, account_id, slot, contract_slot, side, limit_ticks, -lots)
    is_closing = ledger.accounts[account_id]["standing"] == Standing.CLOSING
    if not is_covered and closes and not is_closing:
        is_covered = closing_helps(ledger, account_id, slot, contract_slot, side, limit_ticks, lots, before_nano)
    if is_new:
        close_position(ledger, slot)
    if is_covered:
        return np.int64(0)
    return np.int64(RiskReject.ACCOUNT_IN_LIQUIDATION if is_closing else RiskReject.INSUFFICIENT_MARGIN)


@inlined
def closes_only(position, side):
    """Whether all open orders of a side together close no more than there is."""
    if side == BUY:
        return position["lots"] < 0 and position["buy_lots"] <= -position["lots"]
    return position["lots"] > 0 and position["sell_lots"] <= position["lots"]


@inlined
def closing_helps(ledger, account_id, slot, contract_slot, side, limit_ticks, lots, before_nano):
    """Whether a fill at the limit lowers neither what is free nor equity below zero; it is tried and taken back."""
    contract = ledger.contracts[contract_slot]
    account = ledger.accounts[account_id]
    signed_lots = lots if side == BUY else -lots
    fee_nano = lots * worst_fee_per_lot(contract, limit_ticks)
    cost_nano = signed_lots * np.int64(limit_ticks) * contract["tick_value_nano"]
    move_position(ledger, account_id, slot, contract_slot, signed_lots, cost_nano)
    equity_nano = account["cash_nano"] + account["unsettled_nano"] - fee_nano
    after_nano = equity_nano - account["margin_nano"]
    move_position(ledger, account_id, slot, contract_slot, -signed_lots, -cost_nano)
    return after_nano >= before_nano and equity_nano >= 0


@inlined
def move_order(ledger, account_id, slot, contract_slot, side, limit_ticks, lots):
    """So many lots more, or less when negative, are open on a side at a limit."""
    base_nano = certain_loss(ledger.contracts[contract_slot], side, limit_ticks)
    move_order_of(ledger, account_id, slot, contract_slot, side, base_nano, lots)


@inlined
def move_order_of(ledger, account_id, slot, contract_slot, side, base_nano, lots):
    """The same, where `certain_loss` is known."""
    change(ledger, account_id, slot, contract_slot, side, base_nano, lots, np.int64(0), np.int64(0))


@inlined
def move_position(ledger, account_id, slot, contract_slot, lots, cost_nano):
    """A position changes by lots and their cost, both negative for a sale; the requirement and equity follow."""
    change(ledger, account_id, slot, contract_slot, np.int64(BUY), np.int64(0), np.int64(0), lots, cost_nano)


@inlined
def fill_order(ledger, account_id, slot, contract_slot, side, price_ticks, lots, cost_nano):
    """So many lots that are open on a side trade at their limit: both of the above at once. The cost is signed."""
    base_nano = certain_loss(ledger.contracts[contract_slot], side, price_ticks)
    signed_lots = lots if side == BUY else -lots
    change(ledger, account_id, slot, contract_slot, side, base_nano, -lots, signed_lots, cost_nano)


@inlined
def change(ledger, account_id, slot, contract_slot, side, base_nano, order_lots, lots, cost_nano):
    """The position changes by `lots`, open orders of a side by `order_lots`; one loses `base_nano` whatever happens."""
    position = ledger.positions[slot]
    contract = ledger.contracts[contract_slot]
    account = ledger.accounts[account_id]
    before_lots, held_lots = worst_lots(position), abs(position["lots"])
    sells = -np.int64(side)  # as in `certain_loss`
    position["buy_lots"] += order_lots & ~sells
    position["sell_lots"] += order_lots & sells
    assert position["buy_lots"] | position["sell_lots"] >= 0, "more was taken off than was open"
    position["lots"] += lots
    position["cost_nano"] += cost_nano
    account["gross_nano"] += (abs(position["lots"]) - held_lots + order_lots) * contract["gross_nano"]
    account["unsettled_nano"] += at_mark(contract, lots) - cost_nano
    after_lots = worst_lots(position)
    ledger.classes[np.int64(position["class_slot"])]["worst_lots"] += after_lots - before_lots
    change_nano = charges_between(contract, before_lots, after_lots)
    if rarely(contract["ramp_step"] != 0):
        change_nano += ramp_change_nano(ledger, contract_slot, account_id, position, side, order_lots, lots)
    change_nano += move_losses(ledger, position, contract_slot, side, base_nano, order_lots, lots)
    account["margin_nano"] += change_nano


@inlined
def add_position(ledger, account_id, slot, contract_slot, sign):
    """All that a position as it stands brings to its account, or takes away; its open orders are not there then."""
    position = ledger.positions[slot]
    contract = ledger.contracts[contract_slot]
    account = ledger.accounts[account_id]
    lots = sign * position["lots"]
    account["unsettled_nano"] += at_mark(contract, lots) - sign * position["cost_nano"]
    change_nano = sign * charges(contract, abs(lots))
    if rarely(contract["ramp_step"] != 0):
        change_nano += sign * ramp_nano(ledger, contract_slot, account_id, position["lots"], np.int64(0), np.int64(0))
    change_nano += move_losses(ledger, position, contract_slot, np.int64(BUY), np.int64(0), np.int64(0), lots)
    account["margin_nano"] += change_nano


@inlined
def worst_lots(position):
    """The most lots that a position may come to have, either way."""
    return worst_of(position["lots"], position["buy_lots"], position["sell_lots"])


@inlined
def worst_of(lots, buy_lots, sell_lots):
    """The same of a position with so much open on each side: the further from none of its highest and its lowest."""
    return max(lots + buy_lots, sell_lots - lots)


@inlined
def charges(contract, lots):
    """What so many lots of a contract require whatever the scenario, in nano-USD."""
    return charges_between(contract, np.int64(0), lots)


@inlined
def charges_between(contract, before_lots, after_lots):
    """How much more that is for so many lots than it was for others."""
    charged = (after_lots - before_lots) * np.int64(contract["spread_ticks"])
    concentrated_lots = lots_beyond(contract, after_lots) - lots_beyond(contract, before_lots)
    charged += concentrated_lots * np.int64(contract["concentration_ticks"])
    return charged * contract["tick_value_nano"]


@inlined
def lots_beyond(contract, lots):
    """How many of so many lots are more than a market takes at once."""
    return max(lots - contract["concentration_lots"], np.int64(0))


@inlined
def at_mark(contract, lots):
    """What so many lots are worth."""
    return lots * np.int64(contract["mark_ticks"]) * contract["tick_value_nano"]


@inlined
def move_losses(ledger, position, contract_slot, side, base_nano, order_lots, lots):
    """Open orders change by `order_lots`, the position by `lots`; return by how much the worst loss grew."""
    class_slot = np.int64(position["class_slot"])
    worst_nano = add_losses_of_class(ledger, class_slot, contract_slot, side, base_nano, order_lots, lots)
    margin_class = ledger.classes[class_slot]
    grown_nano = worst_nano - margin_class["margin_nano"]
    margin_class["margin_nano"] = worst_nano
    return grown_nano


@inlined
def add_losses_of_class(ledger, class_slot, contract_slot, side, base_nano, order_lots, lots):
    """Add what so many open lots and so many held ones lose to a margin class; return the worst of its losses."""
    contract = ledger.contracts[contract_slot]
    tick_value_nano = contract["tick_value_nano"]
    return add_losses(
        ledger.losses,
        class_slot * SCENARIOS,
        ledger.shocks,
        contract_slot * SCENARIOS,
        tick_value_nano,
        base_nano,
        np.int64(side),
        base_nano + np.int64(contract["worst_shock_ticks"]) * tick_value_nano,
        order_lots,
        lots,
    )
