"""The slow, obvious twin of the venue's bookkeeping: money, orders, client ids and deadlines in plain Python.

It is told every batch of commands and the events that came of it. What a command is answered before risk and matching
look at it, the twin foretells. Everything else it learns from the events alone; `agreement` compares it with the state.
"""

from collections import defaultdict
from dataclasses import replace

import numpy as np

from exchange.venue.clearing.delivery_schema import DOWNTIME_COMMAND
from exchange.venue.clients import TRIMMED_PER_TICK_MAX
from exchange.venue.schema import (
    ACCOUNT_COMMAND,
    CLIENT_ID_RETENTION_NS,
    CLOCK_COMMAND,
    PARAMETERS_COMMAND,
    SHOCKS,
    TIME_NS_MAX,
    Command,
    Event,
    Reason,
    Reject,
)
from exchange.venue.state import VenueLimits
from matching.schema import ChangeFlag, MassFlag, OrderFlag, SelfTrade, Side, quote_order_id
from risk.schema import AMOUNT_NANO_MAX, SCENARIOS, TOTAL_NANO_MAX, RiskReject
from tests.exchange.venue.told import (
    GROUP_KINDS,
    MONEY_KINDS,
    ORDER_KINDS,
    Told,
    account_of,
    client_key,
    content_of,
    entries_of,
    groups_of,
    head_of,
    told,
)
from tests.exchange.venue.twin_leverage import LEVERAGE_KINDS
from tests.exchange.venue.twin_margin import Wanted
from tests.exchange.venue.twin_margin_calls import TwinMarginCalls
from tests.exchange.venue.twin_outcomes import (
    BEFORE_OUTCOME,
    BRINGING_MORE,
    FORETOLD,
    KNOWN_KINDS,
    OUTCOMES,
    RE_MARKED,
    WITHOUT_EFFECT,
)
from tests.exchange.venue.twin_parts import Account, Order, Remembered, Risk, Terms


class VenueTwin(TwinMarginCalls):
    """Plain dictionaries, recomputed sums, no slots."""

    def __init__(self, limits: VenueLimits) -> None:
        super().__init__(limits)
        self.commands = 0
        self.regions = 0
        self.deposits_nano = 0
        self.withdrawals_nano = 0
        self.clients: dict[tuple[int, int, int], Remembered] = {}

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
        before_nano = {account_id: self.figures(account_id).free_nano for account_id in self.accounts}
        self.begin(group)
        expected = self.foretold(group, size)
        if expected is None:
            assert outcome["reason"] not in FORETOLD, f"refused out of the blue: {outcome}"
            self.check_kinds(answer)
            self.check_outcome(group, outcome)
            self.enter_terms(group, outcome)
            goes = self.matching_orders(group)
            if outcome["kind"] == Event.PARAMETERS_SET:
                self.set_parameters(group, outcome)
            elif outcome["kind"] == Event.ADD_ON_SET:
                self.add_on(group)
            elif outcome["kind"] in RE_MARKED:
                self.set_strain(group, outcome)
        else:
            assert (outcome["kind"], outcome["reason"]) == expected[:2], f"{expected} was foretold, not {outcome}"
            assert len(answer) == 1, "a refusal or a repetition says nothing else"
            self.check_repetition(expected, outcome)
        for event in answer:
            self.take_in(event, group)
        if expected is None and self.command_kind in GROUP_KINDS:
            self.check_group(group, answer, goes)
        if expected is None and self.command_kind == Command.PLACE:
            self.check_room(group, answer)
        if expected is None and client_key(group) is not None and size > 0:
            self.clients[client_key(group)] = Remembered(self.time_ns, content_of(group), outcome)
        assert self.owes_clip is None, "an iceberg shows nothing"
        self.end_supervision(self.time_ns)
        self.check_reduce_only()
        for account_id, free_nano in before_nano.items():
            enough = self.figures(account_id).free_nano >= min(free_nano, 0) or account_id in self.excused
            assert enough, f"account {account_id} took on what it cannot cover"

    def begin(self, group: np.ndarray) -> None:
        self.command_kind = int(group["kind"][0])
        self.now_ns = self.time_ns
        self.excused.clear()
        self.taken_lots.clear()
        self.forced = None

    def check_kinds(self, answer: list[Told]) -> None:
        """There is one outcome, and it comes last; a refusal comes alone."""
        outcome, before = answer[-1]["kind"], {event["kind"] for event in answer[:-1]}
        if outcome == Event.REJECTED:
            assert not before, "a refused command did something"
        else:
            assert outcome in OUTCOMES[self.command_kind], f"{outcome!r} ends no such command"
            assert before <= BEFORE_OUTCOME.get(self.command_kind, set()), f"{before} came before {outcome!r}"
        if answer[-1]["reason"] == Reason.NOT_FILLABLE:
            assert before <= {Event.TRIMMED}, f"{before} came before an order that was killed whole"

    def enter_terms(self, group: np.ndarray, outcome: Told) -> None:
        """What the orders that a command brings say, unless it is refused."""
        head = head_of(group)
        if outcome["kind"] == Event.REJECTED:
            return
        if self.command_kind == Command.PLACE:
            extras = entries_of(group, Command.EXTRA)
            display_lots = extras[0]["display_lots"] if head["flags"] & OrderFlag.ICEBERG else 0
            names = ("expires_ns", "label", "session_id")
            self.terms[head["order_id"]] = Terms(head["flags"], display_lots, *(head[name] for name in names))
        elif self.command_kind == Command.MASS_QUOTE:
            terms = Terms(head["flags"] | OrderFlag.QUOTE, label=head["label"], session_id=head["session_id"])
            for order_id, _ in self.quotes_of(group):
                self.terms[order_id] = terms
                if order_id in self.orders:
                    self.orders[order_id].terms = terms
        elif self.command_kind == Command.BASKET:
            legs = entries_of(group, Command.LEG)
            self.terms |= {leg["order_id"]: Terms(leg["flags"]) for leg in legs}

    def quotes_of(self, group: np.ndarray) -> list[tuple[int, int]]:
        """The order id of each side that a mass quote names, and its lots."""
        account_id = account_of(group)
        return [
            (quote_order_id(account_id, entry["instrument_id"], side), entry[name])
            for entry in entries_of(group, Command.QUOTE)
            for side, name in ((Side.BUY, "bid_lots"), (Side.SELL, "ask_lots"))
        ]

    def check_room(self, group: np.ndarray, answer: list[Told]) -> None:
        """Reduce-only orders gave way to what a new order traded and rests with, and no further.

        What the account trades with itself moves no position, and an auction may kill an order that others would fill.
        """
        order = head_of(group)
        subject = order["account_id"], order["instrument_id"], order["side"]
        kinds = (Event.REDUCED, Event.CANCELLED)
        gave_way = any(event["kind"] in kinds and event["reason"] == Reason.REDUCE_ONLY for event in answer)
        meets_itself = any(event.get("counter_account_id") == order["account_id"] for event in answer)
        is_in_auction = gave_way and self.tranches[order["instrument_id"]].is_in_auction
        is_taken_for_whole = meets_itself or order["self_trade"] == SelfTrade.DECREMENT
        if not gave_way or is_taken_for_whole or is_in_auction or not self.has_reduce_only(*subject):
            return
        assert self.resting_lots(*subject) == self.closing_lots(*subject), "reduce-only orders gave way too far"

    def matching_orders(self, group: np.ndarray) -> set[int]:
        """Whose orders a mass cancel means."""
        if self.command_kind != Command.MASS_CANCEL:
            return set()
        head = head_of(group)
        return {order_id for order_id, order in self.orders.items() if self.is_meant(order, head)}

    def is_meant(self, order: Order, head: Told) -> bool:
        found = (order.account_id, order.terms.session_id, order.terms.label, order.side, order.instrument_id)
        names = ("account_id", "session_id", "label", "side", "instrument_id")
        for flag, name, value in zip(MassFlag, names, found, strict=True):
            if head["flags"] & flag and head[name] != value:
                return False
        region_id, tier = self.tranches[order.instrument_id].scope
        return ((region_id << 8 | tier) ^ head["scope"]) & head["scope_mask"] == 0

    def check_group(self, group: np.ndarray, answer: list[Told], goes: set[int]) -> None:
        """What a command of many orders did, and what its outcome says of it."""
        outcome = answer[-1]
        if outcome["kind"] == Event.MASS_CANCELLED:
            gone = [event for event in answer if event["kind"] == Event.CANCELLED]
            assert {event["order_id"] for event in gone} == goes, "a mass cancel took other orders"
            lots = sum(event["quantity_lots"] for event in answer[:-1])
            assert (outcome["order_count"], outcome["quantity_lots"]) == (len(goes), lots)
        elif outcome["kind"] == Event.MASS_QUOTED:
            resting = [self.orders[order_id] for order_id, lots in self.quotes_of(group) if order_id in self.orders]
            lots = sum(order.leaves_lots for order in resting)
            assert (outcome["order_count"], outcome["quantity_lots"]) == (len(resting), lots)
            assert all(order_id not in self.orders for order_id, lots in self.quotes_of(group) if not lots)
        elif outcome["kind"] == Event.BASKET_FILLED:
            legs = {leg["order_id"]: leg["quantity_lots"] for leg in entries_of(group, Command.LEG)}
            assert self.taken_lots == legs, "a leg was not filled whole"
            assert (outcome["order_count"], outcome["quantity_lots"]) == (len(legs), sum(legs.values()))
        elif outcome["kind"] == Event.BASKET_KILLED:
            assert len(answer) == 1, "a killed basket did something"
            assert outcome["order_id"] in {leg["order_id"] for leg in entries_of(group, Command.LEG)}

    def foretold(self, group: np.ndarray, size: int) -> tuple[Event, int, Remembered | None] | None:
        """The kind and reason of the only event that may come, if matching and risk have no say."""
        kind = int(group["kind"][0])
        if size == 0:
            return Event.REJECTED, Reject.INCOMPLETE_GROUP, None
        if kind not in KNOWN_KINDS:
            return Event.REJECTED, Reject.UNKNOWN_COMMAND, None
        if kind == Command.TICK and not 0 <= int(group.view(CLOCK_COMMAND)["time_ns"][0]) <= TIME_NS_MAX:
            return Event.REJECTED, Reject.TIME_OUT_OF_RANGE, None
        if kind == Command.REGISTER_REPORTER and size == 1:
            return Event.REJECTED, Reject.INCOMPLETE_GROUP, None
        if kind == Command.NOTE_DOWNTIME and not is_span(group):
            return Event.REJECTED, Reject.TIME_OUT_OF_RANGE, None
        if kind == Command.SET_CANCEL_AFTER:
            reject = self.cancel_after_reject(group)
            return (Event.REJECTED, reject, None) if reject else None
        if kind == Command.CALL_MARGIN:
            reject = self.call_reject(group)
            return (Event.REJECTED, reject, None) if reject else None
        if kind not in ORDER_KINDS | MONEY_KINDS:
            return None
        is_for_everybody = kind == Command.MASS_CANCEL and not head_of(group)["flags"] & MassFlag.BY_ACCOUNT
        if account_of(group) not in self.accounts and not is_for_everybody:
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
        if first["kind"] in (Event.DEPOSITED, Event.WITHDREW, Event.FUND_ENDOWED):
            assert outcome["order_id"] == first["amount_nano"] % (1 << 64)
        else:
            for name in ("order_id", "instrument_id", "price_ticks", "quantity_lots", "leaves_lots"):
                assert outcome[name] == first[name]

    def check_outcome(self, group: np.ndarray, outcome: Told) -> None:
        """Accounts open, money moves and orders are taken just when they may."""
        kind = self.command_kind
        if kind == Command.OPEN_ACCOUNT:
            assert outcome["reason"] == self.account_reject(account_of(group))
        elif kind in MONEY_KINDS:
            assert outcome["reason"] == self.money_reject(group)
        elif kind in LEVERAGE_KINDS:
            assert outcome["reason"] == self.leverage_reject(group, self.regions)
        elif kind in (Command.PLACE, Command.REPLACE, Command.MASS_QUOTE, Command.BASKET):
            assert (outcome["reason"] == Reject.MARKET_HALTED) == self.is_halted
        if kind == Command.PLACE and not int(group["flags"][0]) & OrderFlag.POST_ONLY_SLIDE:
            self.check_margin(group, outcome, self.order_of(group), may_close=True)
        elif kind == Command.REPLACE:
            self.check_margin_of_change(group, outcome)
        elif kind == Command.MASS_QUOTE:
            standing = [self.orders[order_id] for order_id, _ in self.quotes_of(group) if order_id in self.orders]
            self.check_margin(group, outcome, self.wanted_quotes(group), standing)
        elif kind == Command.BASKET:
            legs = entries_of(group, Command.LEG)
            names = ("instrument_id", "side", "price_ticks", "quantity_lots")
            self.check_margin(group, outcome, [Wanted(*(leg[name] for name in names)) for leg in legs])

    def check_margin(
        self,
        group: np.ndarray,
        outcome: Told,
        wanted: list[Wanted],
        standing: list[Order] | None = None,
        *,
        may_close: bool = False,
    ) -> None:
        """An order is refused for its margin just when it must be; what the book refuses it refuses first."""
        account_id = account_of(group)
        if outcome["kind"] == Event.REJECTED and outcome["reason"] not in tuple(RiskReject):
            return
        expected = self.margin_reject(account_id, wanted, standing, may_close=may_close)
        assert outcome["reason"] == expected or (expected == 0 and outcome["kind"] != Event.REJECTED), (
            f"{expected} was foretold, not {outcome}"
        )
        others = [order for order in self.orders_of(account_id) if not any(order is gone for gone in standing or [])]
        if expected == 0 and self.figures(account_id, [*others, *wanted]).free_nano < 0:
            self.excused.add(account_id)  # an order that only closes may rest

    def check_margin_of_change(self, group: np.ndarray, outcome: Told) -> None:
        """The same for a replace of an order that names it by its id, and what of it shall remain."""
        change = head_of(group)
        order = self.orders.get(change["order_id"])
        is_plain = order is not None and not order.terms.flags & (OrderFlag.POST_ONLY_SLIDE | OrderFlag.REDUCE_ONLY)
        if is_plain and change["flags"] & ChangeFlag.NAMES_REMAINING and order.account_id == change["account_id"]:
            place = order.instrument_id, order.side, change["price_ticks"], change["quantity_lots"]
            self.check_margin(group, outcome, [Wanted(*place)], [order], may_close=True)

    def order_of(self, group: np.ndarray) -> list[Wanted]:
        """A new order with the limit that it has; a reduce-only one is as large as it may be."""
        order = head_of(group)
        tranche = self.tranches.get(order["instrument_id"])
        if tranche is None or order["side"] not in tuple(Side):
            return []
        if order["flags"] & OrderFlag.MARKET:
            order["price_ticks"] = tranche.band_ticks[0 if order["side"] == Side.SELL else 1]
        if order["flags"] & OrderFlag.REDUCE_ONLY:
            lots = self.reducible_lots(order["account_id"], order["instrument_id"], order["side"])
            order["quantity_lots"] = min(lots, order["quantity_lots"])
        return [Wanted(order["instrument_id"], order["side"], order["price_ticks"], order["quantity_lots"])]

    def wanted_quotes(self, group: np.ndarray) -> list[Wanted]:
        """Every side of a mass quote that has lots."""
        sides = (("bid", Side.BUY), ("ask", Side.SELL))
        return [
            Wanted(entry["instrument_id"], side, entry[f"{name}_ticks"], entry[f"{name}_lots"])
            for entry in entries_of(group, Command.QUOTE)
            for name, side in sides
            if entry[f"{name}_lots"] > 0
        ]

    def account_reject(self, account_id: int) -> int:
        if not 0 < account_id < self.limits.accounts:
            return Reject.UNKNOWN_ACCOUNT
        return Reject.ACCOUNT_EXISTS if account_id in self.accounts else Reject.NONE

    def money_reject(self, group: np.ndarray) -> int:
        command = group.view(ACCOUNT_COMMAND)[0]
        amount_nano, account_id = int(command["amount_nano"]), int(command["account_id"])
        if command["kind"] != Command.DEPOSIT:
            figures = self.figures(account_id)
            if amount_nano > min(figures.free_nano, figures.cash_nano):
                return Reject.INSUFFICIENT_FUNDS
            return Reject.NONE if amount_nano > 0 else Reject.AMOUNT_OUT_OF_RANGE
        is_too_much = (
            not 0 < amount_nano <= AMOUNT_NANO_MAX
            or self.accounts[account_id].cash_nano + amount_nano > AMOUNT_NANO_MAX
            or self.deposits_nano + amount_nano > TOTAL_NANO_MAX
        )
        return Reject.AMOUNT_OUT_OF_RANGE if is_too_much else Reject.NONE

    # What events do.

    def take_in(self, event: Told, group: np.ndarray) -> None:
        """Carry one event into the twin's own books."""
        if self.command_kind in BRINGING_MORE and event["kind"] not in RE_MARKED | {Event.REJECTED}:
            self.come_to(event)
        if self.is_leaving(event):
            self.check_leaving(event)
        if event["kind"] == Event.TRADE:
            self.owe_for_trade(event)
        assert self.owes_clip is None or event["kind"] == Event.REFRESHED, "an iceberg shows nothing"
        handler = getattr(self, f"on_{event['kind'].name.lower()}", None)
        if handler is not None:
            handler(event)
        elif event["kind"] == Event.SERIES_DEFINED:
            self.define_series(group)
        elif event["kind"] == Event.FINANCING_SET:
            self.set_financing(group, event)
        elif event["kind"] == Event.FEES_SET:
            command = group.view(PARAMETERS_COMMAND)[0]
            fees_ppm = int(command["maker_fee_ppm"]), int(command["taker_fee_ppm"])
            assert fees_ppm == (event["maker_fee_ppm"], event["taker_fee_ppm"])
            self.series[event["series_id"]].fees_ppm = fees_ppm
        else:
            assert event["kind"] in WITHOUT_EFFECT, event

    def set_parameters(self, group: np.ndarray, event: Told) -> None:
        """New parameters are worth for all that stands; who has less than it must have now is told of elsewhere."""
        command = group.view(PARAMETERS_COMMAND)[0]
        names = ("spread_ticks", "concentration_ticks", "concentration_lots")
        shocks_ticks = (0, *(int(group.view(SHOCKS)[1][f"shock_{n}_ticks"]) for n in range(1, SCENARIOS)))
        risk = Risk(int(command["mark_ticks"]), shocks_ticks, *(int(command[name]) for name in names))
        self.tranches[event["instrument_id"]].risk = risk
        strained_ticks = self.shocks_ticks(self.tranches[event["instrument_id"]])
        assert event["worst_shock_ticks"] == max(abs(ticks) for ticks in strained_ticks)
        assert all(event[name] == getattr(risk, name) for name in ("mark_ticks", *names))
        self.excused |= set(self.accounts)
        held = {order.account_id for order in self.orders.values() if order.instrument_id == event["instrument_id"]}
        self.marked |= held | set(self.tranches[event["instrument_id"]].positions)

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
        position = tranche.positions[first_account_id]
        final_ticks = self.final_ticks_of(tranche)
        assert (event["lots"], event["price_ticks"]) == (position.lots, final_ticks)
        value_nano = position.lots * final_ticks * tranche.tick_value_nano
        assert event["moved_nano"] == self.moved_at(event["instrument_id"], first_account_id)
        assert event["amount_nano"] == value_nano - position.cost_nano + event["moved_nano"]
        del tranche.positions[first_account_id]
        tranche.was_held |= position.lots != 0
        self.excused.add(first_account_id)
        self.marked.add(first_account_id)
        self.move_cash(event)

    def move_cash(self, event: Told) -> None:
        account = self.accounts[event["account_id"]]
        account.cash_nano += event["amount_nano"]
        assert account.cash_nano == event["cash_nano"], "an event tells of another balance"

    def on_region_defined(self, event: Told) -> None:
        self.regions += 1
        assert event["region_id"] == self.regions

    def on_ticked(self, event: Told) -> None:
        super().on_ticked(event)
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


def is_span(group: np.ndarray) -> bool:
    """Whether a downtime begins before it ends, both within what time can be."""
    head = group.view(DOWNTIME_COMMAND)[0]
    return 0 <= int(head["from_ns"]) <= int(head["until_ns"]) <= TIME_NS_MAX
