"""The slow, obvious twin of the venue's bookkeeping: money, orders, client ids and deadlines in plain Python.

It is told every batch of commands and the events that came of it. What a command is answered before risk and matching
look at it, the twin foretells. Everything else it learns from the events alone; `agreement` compares it with the state.
"""

from collections import defaultdict
from dataclasses import replace

import numpy as np

from exchange.venue.clients import TRIMMED_PER_TICK_MAX
from exchange.venue.lifecycle import FINAL_STATES, NEXT_STATE, LifeState
from exchange.venue.schema import (
    ACCOUNT_COMMAND,
    CLIENT_ID_RETENTION_NS,
    CLOCK_COMMAND,
    SERIES_COMMAND,
    TIME_NS_MAX,
    Command,
    Event,
    Reject,
)
from exchange.venue.state import VenueLimits
from matching.schema import OrderFlag, Side
from risk.schema import AMOUNT_NANO_MAX, TOTAL_NANO_MAX
from tests.exchange.venue.told import (
    MONEY_KINDS,
    ORDER_KINDS,
    Told,
    account_of,
    client_key,
    content_of,
    groups_of,
    told,
)
from tests.exchange.venue.twin_parts import Account, Order, Position, Remembered, Series, Tranche

NANO_PER_S = 1_000_000_000
KNOWN_KINDS = frozenset(Command) - {Command.CONTINUATION}
FORETOLD = frozenset(
    {
        Reject.UNKNOWN_COMMAND,
        Reject.INCOMPLETE_GROUP,
        Reject.TIME_OUT_OF_RANGE,
        Reject.CLIENT_ID_REUSED,
        Reject.TOO_MANY_CLIENT_IDS,
    }
)
"""Refusals that the twin always knows beforehand."""
ONLY_OUTCOMES = frozenset(Event) - {
    *(Event.TRADE, Event.PREVENTED, Event.WITHDRAWN, Event.CANCELLED),
    *(Event.TRANCHE_LISTED, Event.STATE_CHANGED, Event.POSITION_SETTLED, Event.LISTING_REFUSED),
}
NEVER_OUTCOMES = frozenset({Event.TRADE, Event.PREVENTED, Event.WITHDRAWN, Event.TRANCHE_LISTED, Event.LISTING_REFUSED})


class VenueTwin:
    """Plain dictionaries, recomputed sums, no slots."""

    def __init__(self, limits: VenueLimits) -> None:
        self.limits = limits
        self.time_ns = 0
        self.commands = 0
        self.trades = 0
        self.regions = 0
        self.is_halted = False
        self.deposits_nano = 0
        self.withdrawals_nano = 0
        self.accounts: dict[int, Account] = {}
        self.orders: dict[int, Order] = {}
        self.series: dict[int, Series] = {}
        self.tranches: dict[int, Tranche] = {}
        self.highest_instrument_id = 0
        self.clients: dict[tuple[int, int, int], Remembered] = {}
        self.excused: set[int] = set()
        """Accounts whose balance this command may take below zero."""

    # What is told.

    def apply(self, commands: np.ndarray, events: np.ndarray, first_sequence: int) -> list[list[Told]]:
        """Follow one batch, and return the events of each command."""
        by_sequence: dict[int, list[Told]] = defaultdict(list)
        for event in told(events):
            by_sequence[event["sequence"]].append(event)
        answers = []
        for index, size in groups_of(commands):
            answer = by_sequence.pop(first_sequence + index)
            assert [event["index"] for event in answer] == list(range(len(answer))), "events are not counted from 0"
            self.follow(commands[index : index + max(size, 1)], size, answer)
            answers.append(answer)
        assert not by_sequence, "events belong to no command"
        return answers

    def follow(self, group: np.ndarray, size: int, answer: list[Told]) -> None:
        """One command: foretell what can be foretold, take in its events, remember its client id."""
        self.commands += 1
        outcome = answer[-1]
        before_nano = {account_id: self.available_nano(account_id) for account_id in self.accounts}
        self.excused = set()
        assert outcome["kind"] not in NEVER_OUTCOMES, "a command has no outcome"
        assert not ONLY_OUTCOMES & {event["kind"] for event in answer[:-1]}, "a command has several outcomes"
        expected = self.foretold(group, size)
        if expected is None:
            assert outcome["reason"] not in FORETOLD, f"refused out of the blue: {outcome}"
            self.check_outcome(group, outcome)
        else:
            assert (outcome["kind"], outcome["reason"]) == expected[:2], f"{expected} was foretold, not {outcome}"
            assert len(answer) == 1, "a refusal or a repetition says nothing else"
            self.check_repetition(expected, outcome)
        for event in answer:
            self.take_in(event, group)
        if expected is None and client_key(group) is not None and size > 0:
            self.clients[client_key(group)] = Remembered(self.time_ns, content_of(group), outcome)
        for account_id, available_nano in before_nano.items():
            enough = self.available_nano(account_id) >= min(available_nano, 0) or account_id in self.excused
            assert enough, f"account {account_id} spent what it does not have"

    def foretold(self, group: np.ndarray, size: int) -> tuple[Event, int, Remembered | None] | None:
        """The kind and reason of the only event that may come, if matching and risk have no say."""
        kind = int(group["kind"][0])
        if size == 0:
            return Event.REJECTED, Reject.INCOMPLETE_GROUP, None
        if kind not in KNOWN_KINDS:
            return Event.REJECTED, Reject.UNKNOWN_COMMAND, None
        if kind == Command.TICK and not 0 <= int(group.view(CLOCK_COMMAND)["time_ns"][0]) <= TIME_NS_MAX:
            return Event.REJECTED, Reject.TIME_OUT_OF_RANGE, None
        if kind not in ORDER_KINDS | MONEY_KINDS:
            return None
        if account_of(group) not in self.accounts:
            return Event.REJECTED, Reject.UNKNOWN_ACCOUNT, None
        return self.foretold_by_client_id(group)

    def foretold_by_client_id(self, group: np.ndarray) -> tuple[Event, int, Remembered | None] | None:
        key = client_key(group)
        known = self.clients.get(key) if key else None
        if known is not None and known.content != content_of(group):
            return Event.REJECTED, Reject.CLIENT_ID_REUSED, None
        if known is not None:
            return Event.REPEATED, known.outcome["reason"], known
        if key is not None and len(self.clients) == self.limits.client_ids:
            return Event.REJECTED, Reject.TOO_MANY_CLIENT_IDS, None
        return None

    def check_repetition(self, expected: tuple[Event, int, Remembered | None], outcome: Told) -> None:
        """A retry is given the first outcome again, whatever happened to the order since."""
        known = expected[2]
        if known is None:
            return
        first = known.outcome
        assert outcome["original_kind"] == first["kind"]
        assert outcome["original_sequence"] == first["sequence"]
        if first["kind"] in (Event.DEPOSITED, Event.WITHDREW):
            assert outcome["order_id"] == first["amount_nano"] % (1 << 64)
        else:
            for name in ("order_id", "instrument_id", "price_ticks", "quantity_lots", "leaves_lots"):
                assert outcome[name] == first[name]

    def check_outcome(self, group: np.ndarray, outcome: Told) -> None:
        """Accounts open, money moves and orders are taken just when they may."""
        kind = int(group["kind"][0])
        if kind == Command.OPEN_ACCOUNT:
            assert outcome["reason"] == self.account_reject(account_of(group))
        elif kind in MONEY_KINDS:
            assert outcome["reason"] == self.money_reject(group)
        elif kind in (Command.PLACE, Command.REPLACE):
            assert (outcome["reason"] == Reject.MARKET_HALTED) == self.is_halted
        if kind == Command.PLACE and not int(group["flags"][0]) & OrderFlag.POST_ONLY_SLIDE:
            self.check_funds(group, outcome)

    def check_funds(self, group: np.ndarray, outcome: Told) -> None:
        can_pay = self.worst_nano(group) <= max(self.available_nano(account_of(group)), 0)
        if outcome["reason"] == Reject.INSUFFICIENT_FUNDS:
            assert not can_pay, "a refused order could be paid for"
        elif outcome["reason"] == Reject.TOO_MANY_POSITIONS:
            makers_max = min(int(group["quantity_lots"][0]), len(self.orders))
            positions = sum(len(tranche.positions) for tranche in self.tranches.values())
            assert positions + 1 + makers_max > self.limits.positions, "there was room for every position"
        elif outcome["kind"] != Event.REJECTED:
            assert can_pay, "an order could not be paid for"

    def account_reject(self, account_id: int) -> int:
        if not 0 < account_id < self.limits.accounts:
            return Reject.UNKNOWN_ACCOUNT
        return Reject.ACCOUNT_EXISTS if account_id in self.accounts else Reject.NONE

    def money_reject(self, group: np.ndarray) -> int:
        command = group.view(ACCOUNT_COMMAND)[0]
        amount_nano, account_id = int(command["amount_nano"]), int(command["account_id"])
        if command["kind"] == Command.WITHDRAW:
            if amount_nano > self.available_nano(account_id):
                return Reject.INSUFFICIENT_FUNDS
            return Reject.NONE if amount_nano > 0 else Reject.AMOUNT_OUT_OF_RANGE
        is_too_much = (
            not 0 < amount_nano <= AMOUNT_NANO_MAX
            or self.accounts[account_id].cash_nano + amount_nano > AMOUNT_NANO_MAX
            or self.deposits_nano + amount_nano > TOTAL_NANO_MAX
        )
        return Reject.AMOUNT_OUT_OF_RANGE if is_too_much else Reject.NONE

    def worst_nano(self, group: np.ndarray) -> int:
        """What a new order could cost at worst: a buy its limit, a sell the best bid if that is higher."""
        command = group[0]
        tranche = self.tranches.get(int(command["instrument_id"]))
        if tranche is None or command["side"] not in tuple(Side):
            return 0
        is_sell = command["side"] == Side.SELL
        worst_ticks = int(command["price_ticks"])
        if command["flags"] & OrderFlag.MARKET:
            worst_ticks = tranche.band_ticks[0 if is_sell else 1]
        if is_sell:
            worst_ticks = max([worst_ticks, *self.bids_ticks(int(command["instrument_id"]))])
        return worst_ticks * int(command["quantity_lots"]) * tranche.tick_value_nano

    def bids_ticks(self, instrument_id: int) -> list[int]:
        orders = (order for order in self.orders.values() if order.instrument_id == instrument_id)
        return [order.price_ticks for order in orders if order.side == Side.BUY]

    # What events do.

    def take_in(self, event: Told, group: np.ndarray) -> None:
        """Carry one event into the twin's own books."""
        handler = getattr(self, f"on_{event['kind'].name.lower()}", None)
        if handler is not None:
            handler(event)
        elif event["kind"] == Event.SERIES_DEFINED:
            self.define_series(group)
        else:
            assert event["kind"] in (Event.FILLED, Event.KILLED, Event.REJECTED, Event.REPEATED), event

    def on_rested(self, event: Told) -> None:
        assert event["order_id"] not in self.orders
        self.orders[event["order_id"]] = Order(
            *(event[name] for name in ("account_id", "instrument_id", "side", "price_ticks", "quantity_lots"))
        )

    on_replaced = on_rested

    def on_cancelled(self, event: Told) -> None:
        order = self.orders.pop(event["order_id"])
        assert (order.account_id, order.price_ticks) == (event["account_id"], event["price_ticks"])
        assert order.leaves_lots == event["quantity_lots"], "a cancel released another quantity"

    on_withdrawn = on_cancelled

    def on_reduced(self, event: Told) -> None:
        order = self.orders[event["order_id"]]
        order.leaves_lots -= event["quantity_lots"]
        assert order.leaves_lots == event["leaves_lots"]

    def on_trade(self, event: Told) -> None:
        self.trades += 1
        self.take_from_maker(event)
        tranche = self.tranches[event["instrument_id"]]
        tranche.last_trade_ticks = event["price_ticks"]
        tranche.traded_lots += event["quantity_lots"]
        lots = event["quantity_lots"] if event["side"] == Side.BUY else -event["quantity_lots"]
        self.fill(tranche, event["account_id"], lots, event["price_ticks"])
        self.fill(tranche, event["counter_account_id"], -lots, event["price_ticks"])

    def on_prevented(self, event: Told) -> None:
        self.take_from_maker(event)

    def take_from_maker(self, event: Told) -> None:
        maker = self.orders[event["counter_order_id"]]
        assert (maker.account_id, maker.price_ticks) == (event["counter_account_id"], event["price_ticks"])
        maker.leaves_lots -= event["quantity_lots"]
        if maker.leaves_lots == 0:
            del self.orders[event["counter_order_id"]]

    def fill(self, tranche: Tranche, account_id: int, lots: int, price_ticks: int) -> None:
        """Two equal and opposite fills make a trade.

        There is one way to hold more than an order was checked for: who realised a profit goes short in the same
        tranche. What was earned is then held as well, so that less than nothing may be available.
        """
        position = tranche.positions.setdefault(account_id, Position())
        held_a_profit = position.lots >= 0 and position.cost_nano < 0
        position.lots += lots
        position.cost_nano += lots * price_ticks * tranche.tick_value_nano
        if held_a_profit and position.lots < 0:
            self.excused.add(account_id)

    def on_account_opened(self, event: Told) -> None:
        assert event["account_id"] not in self.accounts
        self.accounts[event["account_id"]] = Account(event["group"])

    def on_deposited(self, event: Told) -> None:
        self.deposits_nano += event["amount_nano"]
        self.move_cash(event)

    def on_withdrew(self, event: Told) -> None:
        self.withdrawals_nano -= event["amount_nano"]
        self.move_cash(event)

    def on_position_settled(self, event: Told) -> None:
        tranche = self.tranches[event["instrument_id"]]
        first_account_id = next(iter(tranche.positions))
        assert first_account_id == event["account_id"], "positions are settled in another order than they were opened"
        position = tranche.positions.pop(first_account_id)
        assert (event["lots"], event["price_ticks"]) == (position.lots, tranche.final_ticks)
        value_nano = position.lots * tranche.final_ticks * tranche.tick_value_nano
        assert event["amount_nano"] == value_nano - position.cost_nano
        tranche.was_held |= position.lots != 0
        self.excused.add(first_account_id)
        self.move_cash(event)

    def move_cash(self, event: Told) -> None:
        account = self.accounts[event["account_id"]]
        account.cash_nano += event["amount_nano"]
        assert account.cash_nano == event["cash_nano"], "an event tells of another balance"

    def on_region_defined(self, event: Told) -> None:
        self.regions += 1
        assert event["region_id"] == self.regions

    def define_series(self, group: np.ndarray) -> None:
        command = group.view(SERIES_COMMAND)[0]
        duration_ns, gate_lead_ns, horizon_ns = (
            int(command[name]) * NANO_PER_S for name in ("duration_s", "gate_lead_s", "horizon_s")
        )
        start_ns = int(command["first_start_ns"])
        if start_ns - gate_lead_ns <= self.time_ns:
            start_ns += ((self.time_ns + gate_lead_ns - start_ns) // duration_ns + 1) * duration_ns
        self.series[int(command["series_id"])] = Series(start_ns, duration_ns, gate_lead_ns, horizon_ns)

    def on_tranche_listed(self, event: Told) -> None:
        assert event["instrument_id"] > self.highest_instrument_id, "an id came again"
        self.highest_instrument_id = event["instrument_id"]
        start_ns = self.next_window(event)
        series = self.series[event["series_id"]]
        assert event["gate_ns"] == start_ns - series.gate_lead_ns
        self.tranches[event["instrument_id"]] = Tranche(
            series_id=event["series_id"],
            start_ns=start_ns,
            end_ns=start_ns + series.duration_ns,
            gate_ns=event["gate_ns"],
            tick_value_nano=1_000 * event["duration_s"] // 3_600,
            reference_ticks=event["reference_ticks"],
            band_ticks=(event["band_low_ticks"], event["band_high_ticks"]),
        )

    def on_listing_refused(self, event: Told) -> None:
        assert len(self.tranches) == self.limits.instruments, "there was room for another tranche"
        assert event["reason"] == Reject.TOO_MANY_INSTRUMENTS
        self.next_window(event)

    def next_window(self, event: Told) -> int:
        """The start of the window that is listed next, which is what the event must tell."""
        series = self.series[event["series_id"]]
        start_ns = series.next_start_ns
        assert event["start_ns"] == start_ns, "a window was left out or listed twice"
        series.next_start_ns += series.duration_ns
        return start_ns

    def on_state_changed(self, event: Told) -> None:
        tranche = self.tranches[event["instrument_id"]]
        previous, following = LifeState(event["previous_state"]), LifeState(event["state"])
        assert previous == tranche.state, "a tranche moved on from another state"
        assert following in NEXT_STATE[previous].values(), "a move that the table does not have"
        assert event["traded_lots"] == tranche.traded_lots
        assert event["final_ticks"] == (tranche.final_ticks if following >= LifeState.GATE_CLOSED else 0)
        if following >= LifeState.GATE_CLOSED:
            assert event["due_ns"] == tranche.deadline_ns, "a deadline was kept at another time"
            assert not tranche.positions, "a position is left after the gate"
            assert all(order.instrument_id != event["instrument_id"] for order in self.orders.values())
        tranche.state = following
        if following in FINAL_STATES:
            assert (following == LifeState.SETTLED) == tranche.was_held
            del self.tranches[event["instrument_id"]]

    def on_reference_set(self, event: Told) -> None:
        tranche = self.tranches[event["instrument_id"]]
        tranche.reference_ticks = event["reference_ticks"]
        tranche.band_ticks = event["band_low_ticks"], event["band_high_ticks"]

    def on_market_halted(self, _: Told) -> None:
        self.is_halted = True

    def on_market_resumed(self, _: Told) -> None:
        self.is_halted = False

    def on_ticked(self, event: Told) -> None:
        assert event["time_ns"] >= self.time_ns, "time went back"
        self.time_ns = event["time_ns"]
        overdue = [each for each in self.tranches.values() if each.deadline_ns <= self.time_ns]
        assert not overdue, "a tranche was left behind"
        assert all(each.due_ns > self.time_ns for each in self.series.values()), "a window was not listed"
        self.trim()

    def trim(self) -> None:
        """Forget the oldest client ids; one that names a resting order becomes the newest instead."""
        for _ in range(TRIMMED_PER_TICK_MAX):
            key = next(iter(self.clients), None)
            if key is None or self.clients[key].time_ns > self.time_ns - CLIENT_ID_RETENTION_NS:
                return
            known = self.clients.pop(key)
            if known.outcome["kind"] == Event.RESTED and known.outcome["order_id"] in self.orders:
                self.clients[key] = replace(known, time_ns=self.time_ns)

    # What it comes to.

    def order_hold_nano(self, account_id: int) -> int:
        return sum(
            order.price_ticks * order.leaves_lots * self.tranches[order.instrument_id].tick_value_nano
            for order in self.orders.values()
            if order.account_id == account_id
        )

    def position_hold_nano(self, account_id: int) -> int:
        positions = (tranche.positions.get(account_id) for tranche in self.tranches.values())
        return sum(position.hold_nano for position in positions if position is not None)

    def available_nano(self, account_id: int) -> int:
        holds_nano = self.order_hold_nano(account_id) + self.position_hold_nano(account_id)
        return self.accounts[account_id].cash_nano - holds_nano
