"""What the venue's twin makes of accounts that have too little: it works out anew what each step should be.

The rules are those of `risk.liquidation` and `exchange.venue.closing`, in plain Python with fractions of any size.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from exchange.venue.lifecycle import LifeState
from exchange.venue.schema import Event, Reason
from exchange.venue.state import VenueLimits
from matching.schema import Side
from risk.schema import Standing
from tests.exchange.venue.told import Told
from tests.exchange.venue.twin_margin import TwinMargin
from tests.exchange.venue.twin_parts import NANO_PER_S, Order, Position, Terms, Tranche

FORCED_KINDS = frozenset({Event.STANDING_CHANGED, Event.FORCED_ORDER, Event.DELEVERAGED, Event.FUND_MOVED})


class Close(NamedTuple):
    """One way to close a part of a position."""

    relief_nano: int
    instrument_id: int
    lots: int
    price_ticks: int
    bankruptcy_ticks: int
    counter_id: int = 0


class TwinSupervision(TwinMargin):
    """Standings, forced orders, deleveraging, the insurance fund, and settlements that somebody cannot pay."""

    def __init__(self, limits: VenueLimits) -> None:
        super().__init__(limits)
        self.fund_nano = 0
        self.forced_orders = 0
        self.forced: Close | None = None
        """The last forced order of this command."""
        self.forced_id = 0
        self.owed_nano = 0
        """What FUND_MOVED must tell next."""
        self.leaving: list[int] | None = None
        """Ids of orders that are being cancelled, in this order."""
        self.moved_nano: dict[tuple[int, int], int] = {}
        """By instrument and account, what settling moves beside the gain."""
        self.touched: set[int] = set()
        """Accounts whose standing was told of in this command."""
        self.looked_at: set[int] = set()
        """Accounts of which this command closed something, or began to."""
        self.emptied: set[int] = set()
        """Those of them whose last lots went to somebody else's closing afterwards."""
        self.marked: set[int] = set()
        """Accounts whose positions this command marked anew, settled or took away."""

    # Standings.

    def maintenance_nano(self, account_id: int) -> int:
        return -(-self.figures(account_id).own_margin_nano * 600_000 // 1_000_000)

    def due_standing(self, account_id: int) -> Standing:
        figures = self.figures(account_id)
        if figures.free_nano >= 0:
            return Standing.SOUND
        is_maintained = figures.equity_nano >= self.maintenance_nano(account_id)
        return Standing.CALLED if is_maintained else Standing.CLOSING

    def on_standing_changed(self, event: Told) -> None:
        account_id = event["account_id"]
        account, figures = self.accounts[account_id], self.figures(account_id)
        due = self.due_standing(account_id)
        assert event["standing"] == (due if account.standing else Standing.CALLED) != account.standing
        assert due != Standing.SOUND or account.standing
        assert event["previous"] == account.standing
        told = tuple(event[name] for name in ("equity_nano", "margin_nano", "maintenance_nano"))
        assert told == (figures.equity_nano, figures.margin_nano, self.maintenance_nano(account_id))
        account.standing = event["standing"]
        account.review_ns = account.review_ns if account.standing else 0
        self.touched.add(account_id)
        if account.standing == Standing.CLOSING:
            self.note_turn(account_id)

    def note_turn(self, account_id: int) -> None:
        """It is looked at: how soon it is again depends on what it has now."""
        self.touched.add(account_id)
        self.looked_at.add(account_id)
        self.emptied.discard(account_id)

    def end_supervision(self, time_ns: int) -> None:
        """After each command: who is short is known, and is looked at again after a second."""
        assert not self.leaving, "orders that should go stayed"
        assert self.owed_nano == 0, "the fund was not told of"
        for account_id in self.marked:
            is_known = self.accounts[account_id].standing != Standing.SOUND
            assert is_known or self.figures(account_id).free_nano >= 0, f"account {account_id} was not called"
        for account_id, account in self.accounts.items():
            is_reviewed = account_id in self.touched or account.review_ns <= time_ns
            if account.standing != Standing.SOUND and is_reviewed:
                assert account_id in self.marked or account.standing == self.due_standing(account_id)
                assert all(self.may_stay(order) for order in self.orders_of(account_id)), "an order stayed"
                has_debts_alone = self.is_in_debt(account_id) and account_id not in self.emptied
                account.review_ns = time_ns + (10 if has_debts_alone else 1) * NANO_PER_S
        self.leaving = None
        self.touched.clear()
        self.looked_at.clear()
        self.emptied.clear()
        self.marked.clear()

    def is_in_debt(self, account_id: int) -> bool:
        """Whether nothing is left to close, and nothing to pay with."""
        return not self.is_halted and not self.has_lots(account_id) and self.figures(account_id).equity_nano < 0

    def has_lots(self, account_id: int) -> bool:
        return any(self.position_lots(account_id, tranche) for tranche in self.tranches.values())

    def may_stay(self, order: Order) -> bool:
        """Nothing stays of who is closed."""
        return self.accounts[order.account_id].standing == Standing.CALLED and self.closes_only(order)

    def closes_only(self, order: Order) -> bool:
        """Whether an order closes a position, together with all others on its side."""
        own = [each for each in self.orders_of(order.account_id) if each.instrument_id == order.instrument_id]
        lots = sum(each.leaves_lots for each in own if each.side == order.side)
        held_lots = self.position_lots(order.account_id, self.tranches[order.instrument_id])
        return lots <= (held_lots if order.side == Side.SELL else -held_lots)

    def check_leaving(self, event: Told) -> None:
        """Orders that may grow a position go in the order of their ids; others, of who is closed, one by one."""
        order = self.orders[event["order_id"]]
        if not self.leaving and self.closes_only(order):
            assert self.accounts[order.account_id].standing == Standing.CLOSING
            own = self.orders_of(order.account_id)
            assert order.instrument_id == min(each.instrument_id for each in own)
            prices = [each.price_ticks for each in own if each.instrument_id == order.instrument_id]
            assert order.price_ticks == (min(prices) if order.side == Side.SELL else max(prices))
            return
        if not self.leaving:
            self.leaving = sorted(
                order_id
                for order_id, order in self.orders.items()
                if self.accounts[order.account_id].standing >= Standing.CALLED and not self.closes_only(order)
            )
        assert event["order_id"] == self.leaving[0], "another order went"
        if event["kind"] == Event.CANCELLED:
            self.leaving.pop(0)

    # Closing positions.

    @contextmanager
    def with_lots(self, account_id: int, instrument_id: int, lots: int) -> Iterator[None]:
        """As if a position had so many lots more, for nothing."""
        position = self.tranches[instrument_id].positions[account_id]
        position.lots += lots
        yield
        position.lots -= lots

    def closes(self, account_id: int, share: int) -> list[tuple[int, int, int]]:
        """Relief, instrument and signed lots of closing one part in `share` of each position, but twenty at least."""
        found = []
        for instrument_id, tranche in self.tranches.items():
            held_lots = self.position_lots(account_id, tranche)
            part = min(max(-(-abs(held_lots) // share), 20), abs(held_lots))
            lots = -part if held_lots > 0 else part
            if lots:
                before_nano = self.figures(account_id).margin_nano
                with self.with_lots(account_id, instrument_id, lots):
                    relief_nano = before_nano - self.figures(account_id).margin_nano
                found.append((relief_nano, instrument_id, lots))
        return found

    def bankruptcy_ticks(self, account_id: int, relief_nano: int, tranche: Tranche, lots: int) -> int:
        figures = self.figures(account_id)
        bearable_nano = 0
        if relief_nano > 0:
            share_nano = min(relief_nano, figures.own_margin_nano)
            bearable_nano = figures.equity_nano * share_nano // figures.own_margin_nano
        ticks = bearable_nano // (abs(lots) * tranche.tick_value_nano)
        return tranche.risk.mark_ticks - ticks if lots < 0 else tranche.risk.mark_ticks + ticks

    def with_fee(self, tranche: Tranche, lots: int, price_ticks: int) -> int:
        headroom_ticks = max(price_ticks, 0) // 32 + 1
        fee_nano = self.fee(tranche, max(price_ticks, 0) + headroom_ticks, tranche.fees_ppm[1])
        ticks = -(-fee_nano // tranche.tick_value_nano)
        return price_ticks + ticks if lots < 0 else price_ticks - ticks

    def carried(self, tranche: Tranche, lots: int, price_ticks: int, most_nano: int) -> int:
        """A price as far beyond another as the fund can pay, but no further than so much from the mark."""
        value_nano = abs(lots) * tranche.tick_value_nano
        sign = -1 if lots < 0 else 1
        by_fund = price_ticks + sign * (self.fund_nano // value_nano)
        by_mark = tranche.risk.mark_ticks + sign * (most_nano // value_nano)
        nearest = max if lots < 0 else min
        furthest = min if lots < 0 else max
        return furthest(nearest(by_fund, by_mark), price_ticks)

    def on_grid(self, tranche: Tranche, lots: int, price_ticks: int) -> int:
        low_ticks, high_ticks = tranche.band_ticks
        step_ticks = tranche.price_step_ticks
        if lots > 0:
            return min(price_ticks, high_ticks) // step_ticks * step_ticks
        price_ticks = -(-max(price_ticks, low_ticks) // step_ticks) * step_ticks
        return price_ticks if price_ticks <= tranche.price_max_ticks else 0

    def forced_order(self, account_id: int) -> Close | None:
        """The forced order that should come next, if one would trade."""
        share = 1 if self.figures(account_id).equity_nano < 0 else 5
        found = []
        for relief_nano, instrument_id, lots in self.closes(account_id, share):
            tranche = self.tranches[instrument_id]
            bankrupt = self.bankruptcy_ticks(account_id, relief_nano, tranche, lots)
            bankrupt = self.with_fee(tranche, lots, bankrupt)
            most_nano = -(-max(relief_nano, 0) * 600_000 // 1_000_000)
            limit = self.on_grid(tranche, lots, self.carried(tranche, lots, bankrupt, most_nano))
            if tranche.state == LifeState.OPEN and limit > 0 and self.crosses(instrument_id, lots, limit):
                found.append(Close(relief_nano, instrument_id, lots, limit, bankrupt))
        return min(found, key=lambda close: (-close.relief_nano, close.instrument_id), default=None)

    def crosses(self, instrument_id: int, lots: int, limit_ticks: int) -> bool:
        side = Side.SELL if lots > 0 else Side.BUY
        prices = [
            order.price_ticks
            for order in self.orders.values()
            if (order.instrument_id, order.side) == (instrument_id, side)
        ]
        if not prices:
            return False
        return min(prices) <= limit_ticks if lots > 0 else max(prices) >= limit_ticks

    def on_forced_order(self, event: Told) -> None:
        account_id = event["account_id"]
        assert self.accounts[account_id].standing == Standing.CLOSING, "an account that was not to be closed"
        assert self.owed_nano == 0, "the fund was not told of"
        close = self.forced_order(account_id)
        assert close is not None, "a forced order that nobody takes"
        side = Side.BUY if close.lots > 0 else Side.SELL
        names = ("instrument_id", "side", "price_ticks", "quantity_lots", "leaves_lots")
        expected = (close.instrument_id, side, close.price_ticks, abs(close.lots), abs(close.lots))
        assert tuple(event[name] for name in names) == expected
        self.forced_orders += 1
        assert event["order_id"] == 1 << 51 | self.forced_orders
        self.forced, self.forced_id = close, event["order_id"]
        self.terms[self.forced_id] = Terms()
        self.excused.add(account_id)
        self.note_turn(account_id)

    def owe_for_trade(self, event: Told) -> None:
        """A trade of a forced order is worth more to its account than the bankruptcy price, or less."""
        if self.forced is None or event["order_id"] != self.forced_id:
            return
        tranche, price_ticks = self.tranches[event["instrument_id"]], event["price_ticks"]
        better = price_ticks - self.forced.bankruptcy_ticks
        per_lot_nano = (better if self.forced.lots < 0 else -better) * tranche.tick_value_nano
        fee_nano = -(-price_ticks * tranche.tick_value_nano * 10_000 // 1_000_000)
        self.owed_nano += event["quantity_lots"] * min(per_lot_nano, fee_nano)

    def on_fund_moved(self, event: Told) -> None:
        account_id = event["account_id"]
        if self.owed_nano == 0:  # the last means of an account without positions
            equity_nano = self.figures(account_id).equity_nano
            assert self.is_in_debt(account_id)
            self.owed_nano = -min(-equity_nano, self.fund_nano)
        assert event["amount_nano"] == self.owed_nano != 0
        self.accounts[account_id].cash_nano -= self.owed_nano
        self.fund_nano += self.owed_nano
        assert event["fund_nano"] == self.fund_nano >= 0
        self.owed_nano = 0
        self.note_turn(account_id)

    def on_fund_endowed(self, event: Told) -> None:
        self.accounts[event["account_id"]].cash_nano -= event["amount_nano"]
        self.fund_nano += event["amount_nano"]
        assert event["fund_nano"] == self.fund_nano

    # Deleveraging.

    def deleveraging(self, account_id: int) -> Close | None:
        """The pair that should be closed next, if anybody has gains against the account."""
        found = []
        for relief_nano, instrument_id, lots in self.closes(account_id, 1):
            tranche = self.tranches[instrument_id]
            bankrupt = self.bankruptcy_ticks(account_id, relief_nano, tranche, lots)
            price = self.carried(tranche, lots, bankrupt, 0)
            price = min(max(price, 1), tranche.price_max_ticks)
            counter_id = self.counterparty(tranche, lots, price)
            if counter_id:
                found.append(Close(relief_nano, instrument_id, lots, price, bankrupt, counter_id))
        return min(found, key=lambda close: (-close.relief_nano, close.instrument_id), default=None)

    def counterparty(self, tranche: Tranche, lots: int, price_ticks: int) -> int:
        """Who gained most for each lot of those that would still gain; the first of equals."""
        best_id, most_nano = 0, 0
        for account_id, position in tranche.positions.items():
            if position.lots * lots > 0 and self.gain(tranche, position, price_ticks) >= 0:
                per_lot_nano = self.gain(tranche, position, tranche.risk.mark_ticks) // abs(position.lots)
                if not best_id or per_lot_nano > most_nano:
                    best_id, most_nano = account_id, per_lot_nano
        return best_id

    def gain(self, tranche: Tranche, position: Position, price_ticks: int) -> int:
        return position.lots * price_ticks * tranche.tick_value_nano - position.cost_nano

    def on_deleveraged(self, event: Told) -> None:
        account_id = event["account_id"]
        assert self.figures(account_id).equity_nano < 0, "somebody was deleveraged against who has something left"
        assert self.forced_order(account_id) is None, "somebody would have traded"
        close = self.deleveraging(account_id)
        assert close is not None, "nobody gained"
        tranche = self.tranches[close.instrument_id]
        own, other = tranche.positions[account_id], tranche.positions[close.counter_id]
        lots = min(abs(own.lots), abs(other.lots))
        names = ("instrument_id", "counter_account_id", "price_ticks", "quantity_lots", "side")
        side = Side.BUY if close.lots > 0 else Side.SELL
        expected = (close.instrument_id, close.counter_id, close.price_ticks, lots, side)
        assert tuple(event[name] for name in names) == expected
        assert self.gain(tranche, other, close.price_ticks) >= 0, "more than gains was taken"
        lots = lots if close.lots > 0 else -lots
        for position, sign in ((own, 1), (other, -1)):
            position.lots += sign * lots
            position.cost_nano += sign * lots * close.price_ticks * tranche.tick_value_nano
        lacking = close.price_ticks - close.bankruptcy_ticks
        lacking_nano = max(lacking if lots > 0 else -lacking, 0) * abs(lots) * tranche.tick_value_nano
        self.owed_nano = -min(lacking_nano, self.fund_nano)
        self.excused |= {account_id, close.counter_id}
        self.marked.add(close.counter_id)
        self.note_turn(account_id)
        if close.counter_id in self.looked_at and not self.has_lots(close.counter_id):
            self.emptied.add(close.counter_id)

    # Settlements.

    def on_shortfall(self, event: Told) -> None:
        instrument_id = event["instrument_id"]
        shortfall_nano, paid_nano = self.fall(instrument_id)
        assert event["shortfall_nano"] == shortfall_nano > 0, "nothing was missing"
        assert event["haircut_nano"] == shortfall_nano - paid_nano
        assert (event["amount_nano"], event["fund_nano"]) == (-paid_nano, self.fund_nano)

    def fall(self, instrument_id: int) -> tuple[int, int]:
        """Work out who pays at a settlement: what is missing, and what the fund gives."""
        tranche = self.tranches[instrument_id]
        final_ticks = self.final_ticks_of(tranche)
        gains, unpaid = {}, {}
        for account_id, position in tranche.positions.items():
            gained_nano = self.gain(tranche, position, final_ticks)
            left_nano = self.figures(account_id).equity_nano + gained_nano
            left_nano -= self.gain(tranche, position, tranche.risk.mark_ticks)
            gains[account_id] = max(gained_nano, 0)
            unpaid[account_id] = min(max(-gained_nano, 0), max(-left_nano, 0))
        shortfall_nano = sum(unpaid.values())
        paid_nano = min(shortfall_nano, self.fund_nano)
        self.fund_nano -= paid_nano
        cuts = largest_remainders(gains, shortfall_nano - paid_nano)
        self.moved_nano |= {(instrument_id, each): unpaid[each] - cuts[each] for each in gains}
        return shortfall_nano, paid_nano

    def moved_at(self, instrument_id: int, account_id: int) -> int:
        """What an account is let off, or goes without; who saw no shortfall works it out, and finds none."""
        if (instrument_id, account_id) not in self.moved_nano:
            assert self.fall(instrument_id)[0] == 0, "a shortfall was not told"
        return self.moved_nano.pop((instrument_id, account_id))

    def is_leaving(self, event: Told) -> bool:
        return event["reason"] == Reason.MARGIN_CALL and event["kind"] in (Event.CANCELLED, Event.RESERVE_REMOVED)


def largest_remainders(gains: dict[int, int], haircut_nano: int) -> dict[int, int]:
    """A haircut shared out pro rata: rounded down, then one more for the largest remainders, the first of equals."""
    total_nano = sum(gains.values())
    if not haircut_nano:
        return dict.fromkeys(gains, 0)
    cuts = {each: haircut_nano * gain_nano // total_nano for each, gain_nano in gains.items()}
    remainders = {each: haircut_nano * gain_nano % total_nano for each, gain_nano in gains.items()}
    winners = [each for each in gains if gains[each] > 0]
    for each in sorted(winners, key=lambda each: -remainders[each])[: haircut_nano - sum(cuts.values())]:
        cuts[each] += 1
    return cuts
