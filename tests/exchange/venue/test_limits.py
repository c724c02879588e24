"""Limits of risk staff: each refuses under a code of its own, whatever brings the order, and never a pure reduction."""

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import commands, staff_commands
from exchange.venue.schema import Event, Reject
from matching.schema import ChangeFlag, TimeInForce
from tests.exchange.venue.desk import Desk, count_orders, exposure, instrument_of, reason_of, region_lots
from tests.exchange.venue.market import ALICE, BOB, BUY, CAROL, SELL, TICK_VALUE_NANO, UNKNOWN_ACCOUNT

LIMIT_CODES = frozenset(
    {
        *(Reject.POSITION_LIMIT_ACCOUNT, Reject.POSITION_LIMIT_REGION, Reject.POSITION_LIMIT_INSTRUMENT),
        *(Reject.ORDER_SIZE_LIMIT, Reject.ORDER_NOTIONAL_LIMIT, Reject.OPEN_ORDER_LIMIT),
    }
)
NOTIONAL_NANO = 10 * 1_000 * TICK_VALUE_NANO
SETTINGS = {
    Reject.POSITION_LIMIT_ACCOUNT: staff_commands.set_account_limits(ALICE, position_lots=10),
    Reject.POSITION_LIMIT_REGION: staff_commands.set_region_limit(ALICE, 1, 10),
    Reject.POSITION_LIMIT_INSTRUMENT: staff_commands.set_instrument_limits(1, position_lots=10),
    Reject.ORDER_SIZE_LIMIT: staff_commands.set_account_limits(ALICE, order_lots=10),
    Reject.ORDER_NOTIONAL_LIMIT: staff_commands.set_account_limits(ALICE, order_nano=NOTIONAL_NANO),
}
BY_INSTRUMENT = {
    Reject.ORDER_SIZE_LIMIT: staff_commands.set_instrument_limits(1, order_lots=10),
    Reject.ORDER_NOTIONAL_LIMIT: staff_commands.set_instrument_limits(1, order_nano=NOTIONAL_NANO),
}
EACH_LIMIT = pytest.mark.parametrize(
    ("code", "setting"), [*SETTINGS.items(), *BY_INSTRUMENT.items()], ids=lambda value: getattr(value, "name", "")
)


def held(desk: Desk, lots: int) -> None:
    """Alice holds so many lots of the first tranche, bought from Carol."""
    desk.place(CAROL, SELL if lots > 0 else BUY, 1_000, abs(lots))
    assert desk.place(ALICE, BUY if lots > 0 else SELL, 1_000, abs(lots))["kind"] == Event.FILLED


@EACH_LIMIT
def test_a_new_order_passes_up_to_the_limit_and_not_beyond(code: Reject, setting: np.ndarray) -> None:
    desk = Desk()
    assert desk.ask(setting)["kind"] == Event.LIMITS_SET
    assert reason_of(desk.place(ALICE, BUY, 1_000, 11)) == code
    assert reason_of(desk.place(ALICE, BUY, 1_000, 11, time_in_force=TimeInForce.IOC)) == code
    assert desk.place(ALICE, BUY, 1_000, 10)["kind"] == Event.RESTED
    desk.check()


@EACH_LIMIT
def test_a_replace_that_grows_passes_up_to_the_limit_and_not_beyond(code: Reject, setting: np.ndarray) -> None:
    desk = Desk()
    desk.ask(setting)
    order_id = desk.place(ALICE, BUY, 1_000, 8)["order_id"]
    assert reason_of(desk.ask(commands.replace(ALICE, 1_000, 11, order_id=order_id))) == code
    assert desk.ask(commands.replace(ALICE, 1_000, 10, order_id=order_id))["kind"] == Event.REPLACED
    assert desk.ask(commands.replace(ALICE, 1_000, 9, order_id=order_id))["kind"] == Event.REDUCED
    desk.check()


@EACH_LIMIT
def test_a_mass_quote_passes_up_to_the_limit_and_not_beyond(code: Reject, setting: np.ndarray) -> None:
    desk = Desk()
    desk.ask(setting)
    ok, too_much = (commands.mass_quote(ALICE, [commands.Quote(1, 1_000, lots, 0, 0)]) for lots in (10, 11))
    assert reason_of(desk.ask(too_much)) == code
    assert desk.ask(ok)["kind"] == Event.MASS_QUOTED
    assert reason_of(desk.ask(too_much)) == code
    assert desk.ask(ok)["kind"] == Event.MASS_QUOTED
    desk.check()


@EACH_LIMIT
def test_a_basket_passes_up_to_the_limit_and_not_beyond(code: Reject, setting: np.ndarray) -> None:
    desk = Desk()
    desk.ask(setting)
    for instrument_id in (1, 2):
        for _ in range(2):
            desk.place(CAROL, SELL, 1_000, 10, instrument_id=instrument_id)
    legs = {lots: [commands.Leg(1, BUY, 1_000, lots)] for lots in (10, 11)}
    assert reason_of(desk.ask(commands.basket(ALICE, legs[11]))) == code
    assert desk.ask(commands.basket(ALICE, legs[10]))["kind"] == Event.BASKET_FILLED
    desk.check()


@pytest.mark.parametrize("code", [code for code in SETTINGS if "POSITION" in code.name])
@pytest.mark.parametrize("lots", [30, -30])
def test_what_only_reduces_a_position_is_never_refused_by_a_limit_on_positions(code: Reject, lots: int) -> None:
    desk = Desk()
    held(desk, lots)
    desk.ask(SETTINGS[code])
    reducing = SELL if lots > 0 else BUY
    assert reason_of(desk.place(ALICE, BUY if lots > 0 else SELL, 1_000, 1)) == code
    order = desk.place(ALICE, reducing, 1_000, 20)
    assert order["kind"] == Event.RESTED
    assert desk.ask(commands.replace(ALICE, 1_000, 25, order_id=order["order_id"]))["kind"] == Event.REPLACED
    assert desk.place(ALICE, reducing, 1_000, 5)["kind"] == Event.RESTED
    if code != Reject.POSITION_LIMIT_REGION:  # which counts the worst of both ways, and that is still the position
        assert reason_of(desk.place(ALICE, reducing, 1_000, 11)) == code
    desk.check()


def test_a_limit_of_an_account_counts_both_what_it_holds_and_what_it_has_open() -> None:
    desk = Desk()
    desk.ask(SETTINGS[Reject.POSITION_LIMIT_ACCOUNT])
    held(desk, 6)
    assert desk.place(ALICE, BUY, 990, 4)["kind"] == Event.RESTED
    assert reason_of(desk.place(ALICE, BUY, 990, 1)) == Reject.POSITION_LIMIT_ACCOUNT
    assert desk.place(ALICE, SELL, 1_010, 16)["kind"] == Event.RESTED
    assert reason_of(desk.place(ALICE, SELL, 1_010, 1)) == Reject.POSITION_LIMIT_ACCOUNT
    assert desk.place(ALICE, BUY, 990, 10, instrument_id=2)["kind"] == Event.RESTED
    desk.check()


def test_a_limit_of_a_region_is_over_all_its_tranches_and_over_no_other_region() -> None:
    desk = Desk()
    desk.ask(SETTINGS[Reject.POSITION_LIMIT_REGION])
    assert desk.place(ALICE, BUY, 990, 6)["kind"] == Event.RESTED
    assert desk.place(ALICE, SELL, 1_010, 6)["kind"] == Event.RESTED  # no worse than the other way
    assert desk.place(ALICE, SELL, 1_010, 4, instrument_id=2)["kind"] == Event.RESTED
    assert reason_of(desk.place(ALICE, BUY, 990, 1, instrument_id=3)) == Reject.POSITION_LIMIT_REGION
    assert desk.place(ALICE, BUY, 990, 50, instrument_id=instrument_of(desk, 2))["kind"] == Event.RESTED
    quotes = [commands.Quote(2, 990, 4, 1_010, 0), commands.Quote(3, 990, 1, 1_010, 0)]
    quotes = [quote._replace(ask_ticks=0) for quote in quotes]
    assert reason_of(desk.ask(commands.mass_quote(ALICE, quotes))) == Reject.POSITION_LIMIT_REGION
    desk.check()


def test_a_limit_of_an_instrument_is_for_everybody_and_goes_with_the_instrument() -> None:
    desk = Desk()
    desk.ask(SETTINGS[Reject.POSITION_LIMIT_INSTRUMENT])
    for account_id in (ALICE, BOB, CAROL):
        assert reason_of(desk.place(account_id, BUY, 1_000, 11)) == Reject.POSITION_LIMIT_INSTRUMENT
    assert desk.place(BOB, BUY, 1_000, 11, instrument_id=2)["kind"] == Event.RESTED
    desk.check()
    desk.tick(3_000)
    image = desk.venue.image()
    assert len(image["tranches"]) == len(desk.venue.state.tranches)  # its slot has another tranche
    assert (len(image["contract_limits"]), image["instruments"]["has_limits"].sum()) == (0, 0)


def test_open_orders_are_counted_from_the_moment_that_an_account_has_a_cap() -> None:
    desk = Desk()
    ids = [desk.place(ALICE, BUY, 990 - at, 2)["order_id"] for at in range(3)]
    assert desk.ask(staff_commands.set_account_limits(ALICE, open_orders_base=4, open_orders_max=4))["open_orders"] == 3
    assert desk.place(ALICE, SELL, 1_010, 5, display_lots=1)["kind"] == Event.RESTED
    assert reason_of(desk.place(ALICE, BUY, 900, 1)) == Reject.OPEN_ORDER_LIMIT
    assert desk.place(ALICE, BUY, 900, 1, time_in_force=TimeInForce.IOC)["kind"] == Event.KILLED
    assert desk.ask(commands.replace(ALICE, 995, 2, order_id=ids[0]))["kind"] == Event.REPLACED
    desk.place(BOB, BUY, 1_010, 3)  # three clips of the iceberg, which stays
    desk.check()
    assert reason_of(desk.place(ALICE, BUY, 900, 1)) == Reject.OPEN_ORDER_LIMIT
    desk.place(BOB, BUY, 1_010, 2)
    desk.check()
    assert desk.place(ALICE, BUY, 900, 1)["kind"] == Event.RESTED
    quotes = [commands.Quote(2, 990, 1, 1_010, 1)]
    assert reason_of(desk.ask(commands.mass_quote(ALICE, quotes))) == Reject.OPEN_ORDER_LIMIT
    desk.ask(commands.cancel(ALICE, order_id=ids[1]))
    desk.ask(commands.cancel(ALICE, order_id=ids[2]))
    assert desk.ask(commands.mass_quote(ALICE, quotes))["kind"] == Event.MASS_QUOTED
    assert desk.ask(commands.mass_quote(ALICE, quotes))["kind"] == Event.MASS_QUOTED
    desk.check()


def test_the_cap_on_open_orders_grows_with_equity_up_to_its_maximum() -> None:
    desk = Desk()
    terms = {"open_orders_base": 1, "open_orders_max": 4, "open_orders_step_nano": 1_000_000}
    desk.ask(staff_commands.set_account_limits(ALICE, **terms))
    taken = {}
    for cash_nano in (2_500_000, 500_000, 9_000_000):
        desk.ask(commands.mass_cancel(ALICE))
        now_nano = int(desk.venue.state.ledger.accounts["cash_nano"][ALICE])
        move = commands.deposit if cash_nano > now_nano else commands.withdraw
        desk.ask(move(ALICE, abs(cash_nano - now_nano)))
        outcomes = [desk.place(ALICE, BUY, 990, 1)["kind"] for _ in range(6)]
        taken[cash_nano] = outcomes.count(Event.RESTED)
    assert taken == {2_500_000: 3, 500_000: 1, 9_000_000: 4}
    desk.check()


def test_limits_that_are_taken_away_leave_nothing_behind() -> None:
    desk = Desk()
    before = desk.venue.image()
    for setting in (*SETTINGS.values(), *BY_INSTRUMENT.values()):
        desk.ask(setting)
    desk.ask(staff_commands.set_account_limits(ALICE))
    desk.ask(staff_commands.set_region_limit(ALICE, 1, 0))
    desk.ask(staff_commands.set_instrument_limits(1))
    after = desk.venue.image()
    for name in ("account_limits", "contract_limits", "rules", "instruments"):
        assert after[name].tolist() == before[name].tolist()
    assert desk.place(ALICE, BUY, 1_000, 500)["kind"] == Event.RESTED


@pytest.mark.parametrize(
    ("group", "code"),
    [
        (staff_commands.set_account_limits(UNKNOWN_ACCOUNT, order_lots=1), Reject.UNKNOWN_ACCOUNT),
        (staff_commands.set_region_limit(UNKNOWN_ACCOUNT, 1, 1), Reject.UNKNOWN_ACCOUNT),
        (staff_commands.set_region_limit(ALICE, 3, 1), Reject.UNKNOWN_REGION),
        (staff_commands.set_region_limit(ALICE, 0, 1), Reject.UNKNOWN_REGION),
        (staff_commands.set_region_limit(ALICE, 1, -1), Reject.LIMITS_OUT_OF_RANGE),
        (staff_commands.set_instrument_limits(99, order_lots=1), Reject.UNKNOWN_INSTRUMENT),
        (staff_commands.set_instrument_limits(1, order_nano=-1), Reject.LIMITS_OUT_OF_RANGE),
        (staff_commands.set_account_limits(ALICE, position_lots=-1), Reject.LIMITS_OUT_OF_RANGE),
        (staff_commands.set_account_limits(ALICE, open_orders_base=2, open_orders_max=1), Reject.LIMITS_OUT_OF_RANGE),
        (staff_commands.set_account_limits(ALICE, open_orders_max=1), Reject.LIMITS_OUT_OF_RANGE),
        (staff_commands.set_account_limits(ALICE, open_orders_step_nano=-1), Reject.LIMITS_OUT_OF_RANGE),
        (staff_commands.set_account_limits(ALICE, open_orders_step_nano=1), Reject.LIMITS_OUT_OF_RANGE),
    ],
)
def test_limits_that_cannot_be_are_refused_and_change_nothing(group: np.ndarray, code: Reject) -> None:
    desk = Desk()
    before = desk.venue.image()
    assert reason_of(desk.ask(group)) == code
    after = desk.venue.image()
    assert all(before[name].tobytes() == after[name].tobytes() for name in before if name != "summary")


# Streams beside a slow, obvious twin.

SMALL = st.integers(0, 12)
SETTING = st.one_of(
    st.builds(staff_commands.set_account_limits, st.just(ALICE), position_lots=SMALL, order_lots=SMALL),
    st.builds(
        lambda cap, more, step: staff_commands.set_account_limits(
            ALICE, open_orders_base=cap, open_orders_max=cap + more, open_orders_step_nano=step
        ),
        *(st.integers(0, 3), st.integers(1, 3), st.sampled_from([4_000_000, 9_000_000])),
    ),
    st.builds(staff_commands.set_region_limit, st.just(ALICE), st.integers(1, 2), SMALL),
    st.builds(
        staff_commands.set_instrument_limits,
        st.integers(1, 2),
        position_lots=SMALL,
        order_nano=SMALL.map(lambda lots: lots * 1_000 * TICK_VALUE_NANO),
    ),
)
TRADER, INSTRUMENT, SIDE = st.sampled_from([ALICE, ALICE, BOB]), st.integers(1, 4), st.sampled_from([BUY, SELL])
PRICE, LOTS = st.integers(997, 1_003), st.integers(1, 9)
PLACE = st.tuples(
    *(st.just("place"), TRADER, INSTRUMENT, SIDE, PRICE, LOTS, st.sampled_from([TimeInForce.GTC, TimeInForce.IOC])),
    *(st.integers(0, 3), st.integers(0, 4)),
)
OTHER = st.one_of(
    st.tuples(st.just("cancel"), st.integers(0, 30)),
    st.tuples(st.just("replace"), st.integers(0, 30), PRICE, LOTS, st.sampled_from([0, ChangeFlag.NAMES_REMAINING])),
    st.tuples(st.just("quote"), st.just(ALICE), INSTRUMENT, st.integers(0, 5), st.integers(0, 5)),
    st.tuples(st.just("mass_cancel"), TRADER),
    st.tuples(st.just("restore")),
)


def command_of(desk: Desk, action: tuple) -> np.ndarray:
    kind, *terms = action
    orders = desk.venue.image()["orders"]
    if kind == "place":
        account_id, instrument_id, side, price_ticks, lots, lifetime, display_lots, self_trade = terms
        display_lots = 0 if lifetime == TimeInForce.IOC else min(display_lots, lots)
        described = {"time_in_force": lifetime, "display_lots": display_lots, "self_trade": self_trade}
        return commands.place(account_id, instrument_id, side, price_ticks, lots, **described)
    if kind == "quote":
        account_id, instrument_id, bid_lots, ask_lots = terms
        prices = (999 if bid_lots else 0, bid_lots, 1_001 if ask_lots else 0, ask_lots)
        return commands.mass_quote(account_id, [commands.Quote(instrument_id, *prices)])
    if kind == "mass_cancel" or not len(orders):
        return commands.mass_cancel(terms[0] if kind == "mass_cancel" else ALICE)
    order = orders[terms[0] % len(orders)]
    if kind == "cancel":
        return commands.cancel(int(order["account_id"]), order_id=int(order["order_id"]))
    names = {"order_id": int(order["order_id"]), "flags": terms[3]}
    return commands.replace(int(order["account_id"]), terms[1], terms[2], **names)


def expected_of_place(desk: Desk, image: Mapping[str, np.ndarray], action: tuple) -> Reject:
    """Which limit a new order breaks first, from the image before it alone."""
    _, account_id, instrument_id, side, price_ticks, lots, lifetime, *_ = action
    own = {row["account_id"]: row for row in image["account_limits"]}.get(account_id)
    of_instrument = {row["instrument_id"]: row for row in image["contract_limits"]}.get(instrument_id)
    regions = dict(image["tranches"][["instrument_id", "region_id"]].tolist())
    rules = {(row["account_id"], row["region_id"]): row["position_lots"] for row in image["rules"]}
    for row in (own, of_instrument):
        if row is not None and row["order_lots"] and lots > row["order_lots"]:
            return Reject.ORDER_SIZE_LIMIT
        if row is not None and row["order_nano"] and lots * price_ticks * TICK_VALUE_NANO > row["order_nano"]:
            return Reject.ORDER_NOTIONAL_LIMIT
    held_lots, buys, sells = exposure(image, account_id, instrument_id)
    reach = held_lots + buys + lots if side == BUY else sells + lots - held_lots
    before = max(abs(held_lots + buys), abs(held_lots - sells))
    buys, sells = (buys + lots, sells) if side == BUY else (buys, sells + lots)
    grown = max(abs(held_lots + buys), abs(held_lots - sells)) - before
    total = region_lots(image, account_id, regions[instrument_id]) + grown
    if own is not None and own["position_lots"] and reach > own["position_lots"]:
        return Reject.POSITION_LIMIT_ACCOUNT
    most = rules.get((account_id, regions[instrument_id]), 0)
    if most and grown > 0 and total > most:
        return Reject.POSITION_LIMIT_REGION
    if of_instrument is not None and of_instrument["position_lots"] and reach > of_instrument["position_lots"]:
        return Reject.POSITION_LIMIT_INSTRUMENT
    if lifetime == TimeInForce.GTC and own is not None and own["open_orders_max"]:
        account = desk.venue.state.ledger.accounts[account_id]
        cap = int(own["open_orders_base"])
        if own["open_orders_step_nano"]:
            cap += max(int(account["cash_nano"] + account["unsettled_nano"]), 0) // int(own["open_orders_step_nano"])
        if count_orders(image, account_id) + 1 > min(max(cap, 1), own["open_orders_max"]):
            return Reject.OPEN_ORDER_LIMIT
    return Reject.NONE


@given(st.lists(SETTING, min_size=1, max_size=3), st.lists(st.one_of(PLACE, PLACE, OTHER, SETTING), max_size=25))
def test_streams_are_refused_as_a_twin_says_and_counted_as_an_image_has_it(
    settings: list[np.ndarray], actions: list
) -> None:
    desk = Desk()
    for setting in settings:
        desk.ask(setting)
    for action in actions:
        if isinstance(action, np.ndarray):
            desk.ask(action)
        elif action[0] == "restore":
            desk.go_on_alike()
        else:
            image = desk.venue.image()
            reason = reason_of(desk.ask(command_of(desk, action)))
            if action[0] == "place" and (reason in LIMIT_CODES or reason in (Reject.NONE, Reject.INSUFFICIENT_MARGIN)):
                expected = expected_of_place(desk, image, action)
                assert expected == (reason if reason in LIMIT_CODES else Reject.NONE)
    desk.check()
