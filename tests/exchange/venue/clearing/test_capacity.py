"""Providers sell what they can deliver, and never a Mbps twice."""

from typing import Any

import pytest

from exchange import clearing_commands, commands
from exchange.venue.clearing.allocations import open_allocation
from exchange.venue.clearing.capacity_schema import CAPACITIES_OF_PROVIDER_MAX, STAKE_NANO_PER_LOT
from exchange.venue.clearing.commitments import move_sold_of_tranche
from exchange.venue.clearing.schema import MULTIPLIER_PPM_MAX
from exchange.venue.schema import Event, Reject, Tier
from tests.exchange.venue.clearing.shop import (
    DAY_S,
    FRIDAY,
    HOUR_S,
    MIDNIGHT_NS,
    QUARTER_S,
    Shop,
    register,
)
from tests.exchange.venue.desk import OTHER_REGION, instrument_of, reason_of
from tests.exchange.venue.market import ALICE, BOB, BUY, NANO_PER_S, SELL, START_NS, define_series

RICH_NANO = 10**13


def sell(shop: Shop, lots: int, instrument_id: int, account_id: int = ALICE, **terms: Any) -> Reject:
    """An ask at the reference; why it was refused."""
    outcome = shop.place(account_id, SELL, 1_000, lots, instrument_id=instrument_id, **terms)
    shop.check()
    return reason_of(outcome)


def test_a_stake_is_cash_that_is_set_aside_and_comes_back() -> None:
    shop = Shop()
    cash_nano = int(shop.venue.state.ledger.accounts["cash_nano"][ALICE])
    staked = shop.ask(clearing_commands.post_stake(ALICE, 700))
    assert (staked["kind"], staked["amount_nano"], staked["stake_nano"]) == (Event.STAKED, -700, 700)
    assert staked["cash_nano"] == cash_nano - 700
    shop.check()
    back = shop.ask(clearing_commands.withdraw_stake(ALICE, 300))
    assert (back["amount_nano"], back["stake_nano"]) == (300, 400)
    shop.check()


def test_a_stake_of_who_registered_nothing_is_kept_by_an_image() -> None:
    shop = Shop()
    shop.ask(clearing_commands.post_stake(BOB, 700))
    shop.go_on_alike()
    assert shop.ask(clearing_commands.withdraw_stake(BOB, 700))["stake_nano"] == 0
    shop.check()


@pytest.mark.parametrize(
    ("amount_nano", "reason"),
    [
        (0, Reject.AMOUNT_OUT_OF_RANGE),
        (-1, Reject.AMOUNT_OUT_OF_RANGE),
        (2 * RICH_NANO, Reject.INSUFFICIENT_FUNDS),
    ],
)
def test_a_stake_is_free_cash(amount_nano: int, reason: Reject) -> None:
    assert reason_of(Shop().ask(clearing_commands.post_stake(ALICE, amount_nano))) == reason


def test_a_retry_of_a_stake_moves_no_money() -> None:
    shop = Shop()
    stake = clearing_commands.post_stake(ALICE, 700, client_id="stake-1")
    shop.ask(stake)
    again = shop.ask(stake)
    assert (again["kind"], again["original_kind"], again["order_id"]) == (Event.REPEATED, Event.STAKED, (1 << 64) - 700)
    assert shop.venue.state.clearing.providers["stake_nano"][ALICE] == 700


def test_a_retry_of_a_registration_names_the_same_capacity() -> None:
    shop = Shop()
    shop.ask(clearing_commands.post_stake(ALICE, STAKE_NANO_PER_LOT * 20))
    first = shop.ask(register(10, client_id="c1"))
    again = shop.ask(register(10, client_id="c1"))
    assert (again["original_kind"], again["order_id"]) == (Event.CAPACITY_SET, first["capacity_id"])
    assert reason_of(shop.ask(register(11, client_id="c1"))) == Reject.CLIENT_ID_REUSED


def test_capacity_needs_a_stake_for_the_most_that_is_there_at_any_time() -> None:
    shop = Shop()
    assert reason_of(shop.ask(register(10))) == Reject.STAKE_TOO_SMALL
    shop.ask(clearing_commands.post_stake(ALICE, 10 * STAKE_NANO_PER_LOT))
    first = shop.ask(register(10))
    assert (first["kind"], first["capacity_id"], first["lots"]) == (Event.CAPACITY_SET, 1, 10)
    assert reason_of(shop.ask(register(1))) == Reject.STAKE_TOO_SMALL
    later = {"first_ns": first["end_ns"], "end_ns": first["end_ns"] + HOUR_S * NANO_PER_S}
    assert shop.ask(register(10, **later))["kind"] == Event.CAPACITY_SET
    assert reason_of(shop.ask(clearing_commands.withdraw_stake(ALICE, 1))) == Reject.STAKE_BOUND
    shop.check()


def test_recurring_capacities_that_never_meet_need_the_stake_of_the_larger() -> None:
    shop = Shop()
    mornings = {"daily_from_s": 0, "daily_length_s": 12 * HOUR_S, "weekdays": 0b111_1111}
    evenings = {"daily_from_s": 12 * HOUR_S, "daily_length_s": 12 * HOUR_S, "weekdays": 1 << FRIDAY}
    year_ns = START_NS + 365 * DAY_S * NANO_PER_S
    shop.ask(clearing_commands.post_stake(ALICE, 20 * STAKE_NANO_PER_LOT))
    shop.ask(register(10, end_ns=year_ns, **mornings))
    assert shop.ask(register(20, end_ns=year_ns, **evenings))["kind"] == Event.CAPACITY_SET
    in_spring_ns = MIDNIGHT_NS + 100 * DAY_S * NANO_PER_S
    spring = {"first_ns": in_spring_ns, "end_ns": in_spring_ns + 7 * DAY_S * NANO_PER_S}
    assert reason_of(shop.ask(register(1, **spring))) == Reject.STAKE_TOO_SMALL
    shop.ask(clearing_commands.post_stake(ALICE, STAKE_NANO_PER_LOT))
    assert shop.ask(register(1, **spring))["kind"] == Event.CAPACITY_SET
    assert reason_of(shop.ask(clearing_commands.withdraw_stake(ALICE, 1))) == Reject.STAKE_BOUND


def test_who_registers_becomes_a_provider_with_the_largest_bond() -> None:
    shop = Shop()
    shop.provide(10)
    assert shop.venue.state.ledger.accounts["is_provider"][ALICE] == 1
    assert shop.venue.state.clearing.providers["multiplier_ppm"][ALICE] == MULTIPLIER_PPM_MAX


@pytest.mark.parametrize("fills", [False, True])
def test_who_has_sold_before_cannot_become_a_provider(fills: bool) -> None:
    shop = Shop()
    shop.place(ALICE, SELL, 1_000, 3)
    if fills:
        shop.place(BOB, BUY, 1_000, 3)
    assert reason_of(shop.provide(10)) == Reject.CAPACITY_EXCEEDED
    assert shop.venue.state.ledger.accounts["is_provider"][ALICE] == 0


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"region_id": 9}, Reject.UNKNOWN_REGION),
        ({"lots": 0}, Reject.CAPACITY_OUT_OF_RANGE),
        ({"lots": 1_000_000_001}, Reject.CAPACITY_OUT_OF_RANGE),
        ({"tier": 3}, Reject.CAPACITY_OUT_OF_RANGE),
        ({"first_ns": START_NS + 1}, Reject.CAPACITY_OUT_OF_RANGE),
        ({"end_ns": START_NS + DAY_S * NANO_PER_S + 1}, Reject.CAPACITY_OUT_OF_RANGE),
        ({"end_ns": START_NS}, Reject.CAPACITY_OUT_OF_RANGE),
        ({"weekdays": 1}, Reject.CAPACITY_OUT_OF_RANGE),
        ({"daily_length_s": HOUR_S}, Reject.CAPACITY_OUT_OF_RANGE),
        ({"daily_length_s": HOUR_S, "weekdays": 128}, Reject.CAPACITY_OUT_OF_RANGE),
        ({"daily_length_s": HOUR_S + 1, "weekdays": 1}, Reject.CAPACITY_OUT_OF_RANGE),
        ({"daily_from_s": 1, "daily_length_s": HOUR_S, "weekdays": 1}, Reject.CAPACITY_OUT_OF_RANGE),
        ({"daily_from_s": DAY_S, "daily_length_s": QUARTER_S, "weekdays": 1}, Reject.CAPACITY_OUT_OF_RANGE),
    ],
)
def test_capacity_that_cannot_be_is_refused(terms: dict[str, int], reason: Reject) -> None:
    shop = Shop()
    shop.ask(clearing_commands.post_stake(ALICE, 100 * STAKE_NANO_PER_LOT))
    assert reason_of(shop.ask(register(**{"lots": 10} | terms))) == reason  # type: ignore[arg-type]


def test_a_provider_has_so_many_capacities_at_most_and_those_that_are_over_do_not_count() -> None:
    shop = Shop()
    shop.ask(clearing_commands.post_stake(ALICE, 1_000 * STAKE_NANO_PER_LOT))
    soon_ns = START_NS + QUARTER_S * NANO_PER_S
    for _ in range(CAPACITIES_OF_PROVIDER_MAX):
        assert shop.ask(register(1, end_ns=soon_ns))["kind"] == Event.CAPACITY_SET
    assert reason_of(shop.ask(register(1))) == Reject.TOO_MANY_CAPACITIES
    shop.tick(QUARTER_S)
    assert shop.ask(register(1))["capacity_id"] == CAPACITIES_OF_PROVIDER_MAX + 1
    shop.check()


def test_a_provider_sells_what_it_can_deliver_and_no_lot_more() -> None:
    shop = Shop()
    shop.provide(10)
    quarter = shop.window(Tier.EF, QUARTER_S)
    assert sell(shop, 11, quarter) == Reject.CAPACITY_EXCEEDED
    assert sell(shop, 6, quarter) == Reject.NONE
    shop.place(BOB, BUY, 1_000, 4, instrument_id=quarter)
    assert sell(shop, 5, quarter) == Reject.CAPACITY_EXCEEDED
    assert sell(shop, 4, quarter) == Reject.NONE
    assert sell(shop, 1, quarter) == Reject.CAPACITY_EXCEEDED


def test_others_sell_without_capacity() -> None:
    shop = Shop()
    shop.provide(10)
    assert sell(shop, 50, shop.window(Tier.EF, QUARTER_S), BOB) == Reject.NONE


def test_windows_that_overlap_share_their_slots() -> None:
    shop = Shop()
    shop.provide(10)
    hour, quarters = shop.window(Tier.EF, HOUR_S), [shop.window(Tier.EF, QUARTER_S, at) for at in range(2)]
    assert sell(shop, 6, hour) == Reject.NONE
    for quarter in quarters:
        assert sell(shop, 5, quarter) == Reject.CAPACITY_EXCEEDED
        assert sell(shop, 4, quarter) == Reject.NONE
    assert sell(shop, 1, hour) == Reject.CAPACITY_EXCEEDED
    assert sell(shop, 10, shop.window(Tier.EF, HOUR_S, 1)) == Reject.NONE


def test_a_day_needs_capacity_in_all_of_its_slots() -> None:
    shop = Shop()
    shop.provide(10, end_ns=MIDNIGHT_NS + DAY_S * NANO_PER_S - QUARTER_S * NANO_PER_S)
    day = shop.window(Tier.AF, DAY_S)
    assert sell(shop, 1, day) == Reject.CAPACITY_EXCEEDED
    rest = {"first_ns": MIDNIGHT_NS + (DAY_S - QUARTER_S) * NANO_PER_S, "end_ns": MIDNIGHT_NS + DAY_S * NANO_PER_S}
    shop.provide(3, **rest)
    assert sell(shop, 4, day) == Reject.CAPACITY_EXCEEDED
    assert sell(shop, 3, day) == Reject.NONE


def test_a_higher_tier_stands_in_for_a_lower_one_and_never_the_reverse() -> None:
    shop = Shop()
    shop.provide(5, tier=Tier.EF)
    shop.provide(4, tier=Tier.BE)
    best, middle, least = (shop.window(tier, QUARTER_S) for tier in Tier)
    assert sell(shop, 6, best) == Reject.CAPACITY_EXCEEDED
    assert sell(shop, 6, middle) == Reject.CAPACITY_EXCEEDED
    assert sell(shop, 7, least) == Reject.NONE
    assert sell(shop, 3, middle) == Reject.CAPACITY_EXCEEDED
    assert sell(shop, 2, middle) == Reject.NONE
    assert sell(shop, 1, best) == Reject.CAPACITY_EXCEEDED


def test_recurring_capacity_is_there_on_its_days_alone() -> None:
    shop = Shop()
    span = {"daily_from_s": 10 * HOUR_S, "daily_length_s": QUARTER_S}
    friday, other = shop.window(Tier.EF, QUARTER_S), shop.window(Tier.EF, QUARTER_S, 1)
    shop.provide(5, weekdays=0b111_1111 & ~(1 << FRIDAY), **span)
    assert sell(shop, 1, friday) == Reject.CAPACITY_EXCEEDED
    shop.provide(5, weekdays=1 << FRIDAY, **span)
    assert sell(shop, 5, friday) == Reject.NONE
    assert sell(shop, 1, other) == Reject.CAPACITY_EXCEEDED


def test_lots_that_were_bought_may_be_sold_without_capacity() -> None:
    shop = Shop()
    shop.provide(2)
    quarter = shop.window(Tier.EF, QUARTER_S)
    shop.place(BOB, SELL, 1_000, 5, instrument_id=quarter)
    shop.place(ALICE, BUY, 1_000, 5, instrument_id=quarter)
    assert sell(shop, 8, quarter) == Reject.CAPACITY_EXCEEDED
    assert sell(shop, 7, quarter) == Reject.NONE


def test_an_order_that_is_replaced_passes_for_what_it_grows_by() -> None:
    shop = Shop()
    shop.provide(10)
    quarter = shop.window(Tier.EF, QUARTER_S)
    shop.place(ALICE, SELL, 1_000, 6, instrument_id=quarter, client_id="a")
    assert reason_of(shop.ask(commands.replace(ALICE, 1_010, 11, target_client_id="a"))) == Reject.CAPACITY_EXCEEDED
    assert reason_of(shop.ask(commands.replace(ALICE, 1_010, 10, target_client_id="a"))) == Reject.NONE
    shop.check()
    assert reason_of(shop.ask(commands.replace(ALICE, 1_020, 9, target_client_id="a"))) == Reject.NONE
    shop.check()
    assert sell(shop, 1, quarter) == Reject.NONE
    assert sell(shop, 1, quarter) == Reject.CAPACITY_EXCEEDED


def test_quotes_pass_together() -> None:
    shop = Shop()
    shop.provide(10)
    hour, quarter = shop.window(Tier.EF, HOUR_S), shop.window(Tier.EF, QUARTER_S)

    def quote(hour_lots: int, quarter_lots: int) -> Reject:
        entries = [
            commands.Quote(hour, 0, 0, 1_000, hour_lots),
            commands.Quote(quarter, 900, 3, 1_000, quarter_lots),
        ]
        outcome = shop.ask(commands.mass_quote(ALICE, entries))
        shop.check()
        return reason_of(outcome)

    assert quote(6, 5) == Reject.CAPACITY_EXCEEDED
    assert quote(6, 4) == Reject.NONE
    assert quote(4, 6) == Reject.NONE
    assert quote(4, 7) == Reject.CAPACITY_EXCEEDED
    assert quote(3, 6) == Reject.NONE


def test_legs_of_a_basket_pass_together() -> None:
    shop = Shop()
    shop.provide(10)
    hour, quarter = shop.window(Tier.EF, HOUR_S), shop.window(Tier.EF, QUARTER_S)
    for instrument_id in (hour, quarter):
        shop.place(BOB, BUY, 1_000, 20, instrument_id=instrument_id)

    def basket(hour_lots: int, quarter_lots: int) -> Reject:
        legs = [commands.Leg(hour, SELL, 1_000, hour_lots), commands.Leg(quarter, SELL, 1_000, quarter_lots)]
        outcome = shop.ask(commands.basket(ALICE, legs))
        shop.check()
        return reason_of(outcome)

    assert basket(6, 5) == Reject.CAPACITY_EXCEEDED
    assert basket(6, 4) == Reject.NONE
    assert basket(1, 1) == Reject.CAPACITY_EXCEEDED


def test_capacity_is_withdrawn_where_nothing_that_is_sold_needs_it() -> None:
    shop = Shop()
    first, second = shop.provide(6)["capacity_id"], shop.provide(4)["capacity_id"]
    quarter = shop.window(Tier.EF, QUARTER_S)
    sell(shop, 5, quarter)
    withdraw_first = clearing_commands.withdraw_capacity(ALICE, first)
    assert reason_of(shop.ask(withdraw_first)) == Reject.CAPACITY_SOLD
    withdrawn = shop.ask(clearing_commands.withdraw_capacity(ALICE, second))
    assert (withdrawn["kind"], withdrawn["capacity_id"], withdrawn["lots"]) == (Event.CAPACITY_SET, second, 0)
    shop.check()
    assert reason_of(shop.ask(clearing_commands.withdraw_capacity(ALICE, second))) == Reject.CAPACITY_OUT_OF_RANGE
    shop.send(commands.mass_cancel(ALICE))
    assert shop.ask(withdraw_first)["kind"] == Event.CAPACITY_SET
    assert sell(shop, 1, quarter) == Reject.CAPACITY_EXCEEDED


def test_capacity_is_withdrawn_by_its_provider_alone() -> None:
    shop = Shop()
    capacity_id = shop.provide(6)["capacity_id"]
    withdraw = clearing_commands.withdraw_capacity(BOB, capacity_id)
    assert reason_of(shop.ask(withdraw)) == Reject.NOT_A_PROVIDER
    shop.provide(1, BOB)
    assert reason_of(shop.ask(withdraw)) == Reject.CAPACITY_OUT_OF_RANGE


def test_what_a_tranche_that_is_settled_in_cash_bound_is_free_after_its_gate() -> None:
    shop = Shop()
    shop.provide(10)
    sell(shop, 10, shop.window(Tier.EF, QUARTER_S))
    shop.place(BOB, BUY, 1_000, 10, instrument_id=shop.window(Tier.EF, QUARTER_S))
    assert sell(shop, 1, shop.window(Tier.BE, QUARTER_S)) == Reject.CAPACITY_EXCEEDED
    shop.tick(2 * HOUR_S)
    shop.check()


def test_what_was_sold_stays_bound_by_allocations_until_the_window_is_over() -> None:
    shop = Shop()
    shop.provide(10)
    quarter, hour = shop.window(Tier.EF, QUARTER_S), shop.window(Tier.EF, HOUR_S)
    for venue in (shop.venue, shop.narrow):
        open_allocation(venue.state, quarter, BOB, ALICE, 7, 0, 0)
    shop.check()
    assert sell(shop, 4, hour) == Reject.CAPACITY_EXCEEDED
    shop.go_on_alike()
    assert sell(shop, 3, hour) == Reject.NONE
    for venue in (shop.venue, shop.narrow):
        venue.state.clearing.allocations["lots"][1] -= 2
        move_sold_of_tranche(venue.state, ALICE, quarter, -2)
    assert sell(shop, 2, hour) == Reject.NONE
    assert sell(shop, 1, hour) == Reject.CAPACITY_EXCEEDED
    shop.tick(2 * HOUR_S + QUARTER_S)
    shop.check()
    shop.go_on_alike()
    shop.check()


def test_where_nothing_is_registered_nothing_is_sold_and_no_place_is_taken() -> None:
    shop = Shop()
    shop.provide(10)
    other = instrument_of(shop, OTHER_REGION)
    assert sell(shop, 1, other) == Reject.CAPACITY_EXCEEDED
    quotes = commands.mass_quote(ALICE, [commands.Quote(other, 0, 0, 1_000, 1)])
    assert reason_of(shop.ask(quotes)) == Reject.CAPACITY_EXCEEDED
    assert shop.venue.image()["holdings"]["region_id"].tolist() == [1]
    shop.check()


def test_windows_beyond_the_reach_of_the_ring_cannot_be_sold() -> None:
    shop = Shop()
    shop.provide(10, end_ns=START_NS + 60 * DAY_S * NANO_PER_S)
    first_ns = START_NS + 30 * DAY_S * NANO_PER_S
    shop.send(define_series(9, first_start_ns=first_ns, duration_s=DAY_S, horizon_s=31 * DAY_S))
    shop.tick(1)
    tranches = shop.venue.image()["tranches"]
    far = int(tranches["instrument_id"][tranches["series_id"] == 9][0])
    assert sell(shop, 1, far) == Reject.CAPACITY_EXCEEDED
    quotes = commands.mass_quote(ALICE, [commands.Quote(far, 0, 0, 1_000, 1)])
    assert reason_of(shop.ask(quotes)) == Reject.CAPACITY_EXCEEDED
    shop.check()
