"""Market-maker protection goes off at a limit within an interval, takes all orders away, and holds until it ends."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import commands, staff_commands
from exchange.venue.schema import Event, Reason, Reject
from tests.exchange.venue.desk import Desk, instrument_of, reason_of, resting
from tests.exchange.venue.market import ALICE, BOB, BUY, CAROL, NANO_PER_S, SELL, TICK_VALUE_NANO, UNKNOWN_ACCOUNT
from tests.exchange.venue.told import Told

INTERVAL_MS = 1_000


def protected_desk(**terms: int) -> Desk:
    """Alice quotes both sides of two tranches of the first region, and one of the other."""
    desk = Desk()
    desk.ask(staff_commands.set_protection(ALICE, 1, interval_ms=INTERVAL_MS, **terms))
    quote_all(desk)
    return desk


def quote_all(desk: Desk) -> Told:
    ids = (1, 2, instrument_of(desk, 2))
    return desk.ask(commands.mass_quote(ALICE, [commands.Quote(each, 990, 20, 1_010, 20) for each in ids]))


def take(desk: Desk, lots: int, side: int = BUY, instrument_id: int = 1) -> list[Told]:
    price_ticks = 1_010 if side == BUY else 990
    return desk.send(commands.place(BOB, instrument_id, side, price_ticks, lots))[0]


def went_off(events: list[Told]) -> bool:
    return Event.PROTECTION_TRIGGERED in [event["kind"] for event in events]


def test_it_cancels_all_orders_of_the_region_before_the_outcome_and_no_others() -> None:
    desk = protected_desk(quantity_lots=10)
    assert not went_off(take(desk, 9))
    events = take(desk, 1)
    kinds = [event["kind"] for event in events]
    assert kinds == [Event.TRADE, *[Event.CANCELLED] * 4, Event.PROTECTION_TRIGGERED, Event.FILLED]
    assert {event["reason"] for event in events[1:5]} == {Reason.MARKET_MAKER_PROTECTION}
    assert (events[5]["account_id"], events[5]["counter_account_id"], events[5]["order_count"]) == (ALICE, 1, 4)
    assert len(resting(desk, ALICE)) == 2
    desk.check()


def test_the_command_that_makes_it_go_off_is_carried_out_as_a_whole() -> None:
    desk = protected_desk(quantity_lots=10)
    events = take(desk, 25)
    assert [event["kind"] for event in events if event["kind"] in (Event.TRADE, Event.RESTED)] == [
        Event.TRADE,
        Event.RESTED,
    ]
    assert events[-1]["kind"] == Event.RESTED
    desk.check()


def test_all_that_was_rested_before_it_is_met_by_no_later_command() -> None:
    desk = protected_desk(quantity_lots=10)
    first, second = desk.send(*(commands.place(BOB, each, BUY, 1_010, 10) for each in (1, 2)))
    assert went_off(first)
    assert [event["kind"] for event in second] == [Event.RESTED]


def test_new_orders_are_refused_until_it_is_reset() -> None:
    desk = protected_desk(quantity_lots=10)
    take(desk, 10)
    desk.tick(60)
    desk.check()
    place, quote = desk.place(ALICE, BUY, 990, 1, instrument_id=2), quote_all(desk)
    assert [reason_of(each) for each in (place, quote)] == [Reject.MARKET_MAKER_PROTECTED] * 2
    other = instrument_of(desk, 2)
    assert desk.place(ALICE, BUY, 980, 1, instrument_id=other)["kind"] == Event.RESTED
    assert desk.ask(staff_commands.reset_protection(ALICE, 1))["kind"] == Event.PROTECTION_RESET
    assert quote_all(desk)["kind"] == Event.MASS_QUOTED
    desk.check()


def test_a_basket_is_refused_while_it_holds() -> None:
    desk = protected_desk(quantity_lots=10)
    desk.place(CAROL, SELL, 1_005, 5, instrument_id=2)
    take(desk, 10)
    outcome = desk.ask(commands.basket(ALICE, [commands.Leg(2, BUY, 1_005, 5)]))
    assert reason_of(outcome) == Reject.MARKET_MAKER_PROTECTED


@pytest.mark.parametrize(("after_ns", "code"), [(-1, Reject.MARKET_MAKER_PROTECTED), (0, Reject.NONE)])
def test_it_ends_by_itself_after_the_time_that_it_freezes(after_ns: int, code: Reject) -> None:
    desk = protected_desk(quantity_lots=10, frozen_ms=5_000)
    take(desk, 10)
    desk.go_on_alike()
    desk.time_ns += 5 * NANO_PER_S + after_ns
    desk.tick(0)
    assert reason_of(desk.place(ALICE, BUY, 990, 1)) == code
    desk.check()


@pytest.mark.parametrize(("later_ns", "off"), [(INTERVAL_MS * 1_000_000 - 1, True), (INTERVAL_MS * 1_000_000, False)])
def test_what_is_taken_counts_to_the_end_of_the_interval_that_the_first_trade_began(later_ns: int, off: bool) -> None:
    desk = protected_desk(quantity_lots=10)
    take(desk, 5)
    desk.go_on_alike()
    desk.time_ns += later_ns
    desk.tick(0)
    assert went_off(take(desk, 5)) == off
    desk.check()


def test_a_limit_on_the_difference_lets_trades_both_ways_pass() -> None:
    desk = protected_desk(net_lots=10)
    for _ in range(3):
        assert not went_off(take(desk, 5))
        assert not went_off(take(desk, 5, SELL))
    assert not went_off(take(desk, 5))
    assert went_off(take(desk, 5, instrument_id=2))


def test_a_limit_on_the_notional_counts_prices() -> None:
    desk = protected_desk(notional_nano=10 * 1_010 * TICK_VALUE_NANO)
    assert not went_off(take(desk, 9))
    assert not went_off(take(desk, 1, SELL))
    assert went_off(take(desk, 1))


def test_what_the_account_takes_itself_or_trades_with_itself_counts_for_nothing() -> None:
    desk = protected_desk(quantity_lots=10)
    desk.place(BOB, SELL, 1_005, 15)
    assert desk.place(ALICE, BUY, 1_005, 15)["kind"] == Event.FILLED
    assert desk.place(ALICE, BUY, 1_010, 15)["kind"] == Event.FILLED
    assert len(resting(desk, ALICE)) == 6


def test_two_accounts_go_off_in_one_command_in_the_order_of_its_trades() -> None:
    desk = protected_desk(quantity_lots=10)
    desk.ask(staff_commands.set_protection(CAROL, 1, interval_ms=INTERVAL_MS, quantity_lots=1))
    desk.place(CAROL, SELL, 1_009, 2)
    desk.place(ALICE, SELL, 1_020, 20)
    events = desk.send(commands.place(BOB, 1, BUY, 1_015, 22))[0]
    assert [event["account_id"] for event in events if event["kind"] == Event.PROTECTION_TRIGGERED] == [CAROL, ALICE]
    assert events[-1]["kind"] == Event.FILLED
    desk.check()


def test_protection_goes_off_in_an_auction_before_time_goes_on() -> None:
    desk = Desk(opening_auction_s=30)
    desk.ask(staff_commands.set_protection(ALICE, 1, interval_ms=INTERVAL_MS, quantity_lots=5))
    for instrument_id in (1, 2, 3):
        desk.place(ALICE, SELL, 1_000, 10, instrument_id=instrument_id)
        desk.place(BOB, BUY, 1_000, 6, instrument_id=instrument_id)
    events = desk.tick(60)
    kinds = [event["kind"] for event in events]
    assert kinds.count(Event.AUCTION_TRADE) == kinds.count(Event.PROTECTION_TRIGGERED) == 1
    assert kinds.index(Event.PROTECTION_TRIGGERED) < len(kinds) - 1
    assert resting(desk, ALICE) == []
    desk.check()


def test_a_taker_that_retries_is_told_the_outcome_of_the_first_time() -> None:
    desk = protected_desk(quantity_lots=10)
    group = commands.place(BOB, 1, BUY, 1_010, 12, client_id="take")
    first, again = desk.ask(group), desk.ask(group)
    assert (first["kind"], again["kind"], again["original_kind"]) == (Event.FILLED, Event.REPEATED, Event.FILLED)
    assert again["original_sequence"] == first["sequence"]


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"interval_ms": 0, "quantity_lots": 1}, Reject.PROTECTION_OUT_OF_RANGE),
        ({"interval_ms": 1_000}, Reject.PROTECTION_OUT_OF_RANGE),
        ({"interval_ms": 1_000, "quantity_lots": -1}, Reject.PROTECTION_OUT_OF_RANGE),
        ({"interval_ms": 86_400_001, "quantity_lots": 1}, Reject.PROTECTION_OUT_OF_RANGE),
        ({"interval_ms": 1, "frozen_ms": 86_400_001, "net_lots": 1}, Reject.PROTECTION_OUT_OF_RANGE),
    ],
)
def test_protection_that_cannot_be_is_refused(terms: dict[str, int], code: Reject) -> None:
    desk = Desk()
    assert reason_of(desk.ask(staff_commands.set_protection(ALICE, 1, **terms))) == code
    assert len(desk.venue.image()["rules"]) == 0


def test_nobody_resets_what_is_not_there() -> None:
    desk = Desk()
    assert reason_of(desk.ask(staff_commands.reset_protection(ALICE, 1))) == Reject.NOT_PROTECTED
    assert reason_of(desk.ask(staff_commands.reset_protection(ALICE, 9))) == Reject.UNKNOWN_REGION
    assert reason_of(desk.ask(staff_commands.reset_protection(UNKNOWN_ACCOUNT, 1))) == Reject.UNKNOWN_ACCOUNT


def test_protection_that_is_taken_away_leaves_nothing_behind() -> None:
    desk = protected_desk(quantity_lots=10)
    take(desk, 10)
    assert desk.ask(staff_commands.set_protection(ALICE, 1, interval_ms=0))["kind"] == Event.PROTECTION_SET
    assert len(desk.venue.image()["rules"]) == 0
    assert quote_all(desk)["kind"] == Event.MASS_QUOTED


class Twin:
    """The windows of one account's protection in the first region, kept from the events alone."""

    def __init__(self, terms: dict[str, int]) -> None:
        self.terms = terms
        self.trades: list[tuple[int, int, int]] = []  # signed lots, notional, time
        self.frozen_until_ns = 0

    def follow(self, desk: Desk, events: list[Told], regions: dict[int, int]) -> bool:
        """Whether protection goes off in a command."""
        goes_off = False
        for event in events:
            is_taken = event["kind"] == Event.TRADE and event["counter_account_id"] == ALICE != event["account_id"]
            counts = is_taken and regions[event["instrument_id"]] == 1 and desk.time_ns >= self.frozen_until_ns
            goes_off |= counts and self._trade(event, desk.time_ns)
        return goes_off

    def _trade(self, event: Told, now_ns: int) -> bool:
        if self.trades and now_ns >= self.trades[0][2] + self.terms["interval_ms"] * 1_000_000:
            self.trades = []
        lots = event["quantity_lots"] * (-1 if event["side"] == BUY else 1)
        self.trades.append((lots, abs(lots) * event["price_ticks"] * TICK_VALUE_NANO, now_ns))
        sums = {
            "quantity_lots": sum(abs(lots) for lots, _, _ in self.trades),
            "net_lots": abs(sum(lots for lots, _, _ in self.trades)),
            "notional_nano": sum(nano for _, nano, _ in self.trades),
        }
        if not any(self.terms.get(name, 0) and value >= self.terms[name] for name, value in sums.items()):
            return False
        self.trades = []
        frozen_ns = self.terms["frozen_ms"] * 1_000_000
        self.frozen_until_ns = now_ns + frozen_ns if frozen_ns else 1 << 63
        return True


ACTION = st.one_of(
    st.tuples(st.just("take"), st.integers(1, 3), st.sampled_from([BUY, SELL]), st.integers(1, 8)),
    st.tuples(st.just("quote"), st.integers(1, 3), st.integers(1, 6)),
    st.tuples(st.just("tick"), st.sampled_from([1, 400_000_000, 999_999_999, 1_000_000_000])),
    st.just(("reset",)),
    st.just(("restore",)),
)


@given(
    st.fixed_dictionaries(
        {
            "quantity_lots": st.integers(0, 12),
            "net_lots": st.integers(0, 6),
            "frozen_ms": st.sampled_from([0, 1, 2_000]),
        }
    ).filter(lambda terms: terms["quantity_lots"] or terms["net_lots"]),
    st.lists(ACTION, max_size=30),
)
def test_it_goes_off_when_a_twin_says_so_and_nothing_is_taken_after(terms: dict[str, int], actions: list) -> None:
    desk = Desk()
    terms = terms | {"interval_ms": INTERVAL_MS}
    twin = Twin(terms)
    desk.ask(staff_commands.set_protection(ALICE, 1, **terms))
    tranches = desk.venue.image()["tranches"][["instrument_id", "region_id"]].tolist()
    regions = dict(tranches)
    for kind, *values in actions:
        group: np.ndarray | None = None
        if kind == "take":
            instrument_id, side, lots = values
            group = commands.place(BOB, instrument_id, side, 1_010 if side == BUY else 990, lots, time_in_force=2)
        elif kind == "quote":
            instrument_id, lots = values
            group = commands.mass_quote(ALICE, [commands.Quote(instrument_id, 990, lots, 1_010, lots)])
        elif kind == "tick":
            desk.time_ns += values[0]
            group = commands.tick(desk.time_ns)
        elif kind == "reset":
            twin.trades, twin.frozen_until_ns = [], 0
            group = staff_commands.reset_protection(ALICE, 1)
        if group is None:
            desk.go_on_alike()
            continue
        is_frozen = desk.time_ns < twin.frozen_until_ns
        events = desk.send(group)[0]
        if kind == "quote":
            assert (reason_of(events[-1]) == Reject.MARKET_MAKER_PROTECTED) == is_frozen
        if twin.follow(desk, events, regions):
            assert went_off(events)
            assert resting(desk, ALICE) == []
        else:
            assert not went_off(events)
    desk.check()
