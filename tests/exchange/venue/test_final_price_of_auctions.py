"""The final price that an auction at the gate makes, and what attackers can make of it, beside the twin."""

import pytest

from exchange.venue.layout import PRINTS_KEPT
from exchange.venue.schema import Event
from matching.schema import SelfTrade, Side
from tests.exchange.venue.market import ALICE, BOB, BUY, CAROL, NANO_PER_S, REFERENCE_TICKS, SELL
from tests.exchange.venue.test_final_price import (
    DAVE,
    EVE,
    FRANK,
    GATE_NS,
    HONEST_TICKS,
    REACH_TICKS,
    close_gate,
    cross,
    marked_market,
    trade_honestly,
)
from tests.exchange.venue.told import told


def test_a_closing_auction_with_enough_volume_of_several_makes_the_final_price() -> None:
    market = marked_market(closing_auction_s=30)
    market.tick_to(GATE_NS - 30 * NANO_PER_S)
    market.place(ALICE, SELL, 1_060, 30)
    for buyer in (BOB, DAVE, EVE):
        market.place(buyer, BUY, 1_060, 10)
    assert close_gate(market) == 1_060


def test_a_closing_auction_of_two_persons_leaves_what_others_traded_before() -> None:
    market = marked_market(closing_auction_s=30)
    trade_honestly(market)
    market.tick_to(GATE_NS - 30 * NANO_PER_S)
    market.place(EVE, SELL, 1_100, 500)
    market.place(FRANK, BUY, 1_100, 500)
    assert close_gate(market) == HONEST_TICKS


def test_a_closing_auction_makes_the_final_price_whatever_was_traded_before() -> None:
    market = marked_market(closing_auction_s=30)
    for number in range(PRINTS_KEPT - 3):
        cross(market, (ALICE, BOB, DAVE)[number % 3], EVE, 900, 40)
    market.tick_to(GATE_NS - 30 * NANO_PER_S)
    market.place(ALICE, SELL, 1_060, 18)
    for buyer in (BOB, DAVE, FRANK):
        market.place(buyer, BUY, 1_060, 6)
    assert close_gate(market) == 1_060, "with all that is kept it would be 900"


def test_a_closing_auction_within_which_too_little_was_traded_leaves_what_was_traded_before() -> None:
    market = marked_market(closing_auction_s=30)
    trade_honestly(market)
    market.tick_to(GATE_NS - 30 * NANO_PER_S)
    market.place(ALICE, SELL, 1_060, 9)
    for buyer in (BOB, DAVE, FRANK):
        market.place(buyer, BUY, 1_060, 3)
    assert close_gate(market) == HONEST_TICKS


def test_the_price_of_a_closing_auction_is_no_further_from_the_mark_than_half_of_the_worst_shock() -> None:
    market = marked_market(closing_auction_s=30)
    market.tick_to(GATE_NS - 30 * NANO_PER_S)
    market.place(ALICE, SELL, 1_400, 30)
    for buyer in (BOB, DAVE, EVE):
        market.place(buyer, BUY, 1_400, 10)
    assert close_gate(market) == REFERENCE_TICKS + REACH_TICKS


def test_an_opening_auction_is_not_the_last_and_speaks_among_all_prints() -> None:
    market = marked_market(opening_auction_s=20)
    market.place(ALICE, SELL, 1_060, 30)
    for buyer in (BOB, DAVE, EVE):
        market.place(buyer, BUY, 1_060, 10)
    market.tick(30)
    for seller, buyer in ((ALICE, BOB), (BOB, DAVE), (ALICE, DAVE)):
        cross(market, seller, buyer, HONEST_TICKS, 100)
    assert close_gate(market) == HONEST_TICKS


# What attackers make of it.


@pytest.mark.parametrize(("attack_ticks", "lots"), [(700, 300), (1_400, 300), (1_400, 1)])
def test_two_who_collude_cannot_make_the_final_price_through_the_closing_auction(attack_ticks: int, lots: int) -> None:
    """They have two accounts and a fellow in the group of one; the auction is theirs alone."""
    market = marked_market(closing_auction_s=30)
    trade_honestly(market)
    market.tick_to(GATE_NS - 30 * NANO_PER_S)
    for _ in range(3):
        market.place(BOB, SELL, attack_ticks, lots)
        market.place(CAROL, SELL, attack_ticks, lots)
        market.place(EVE, BUY, attack_ticks, 2 * lots)
    final_ticks = close_gate(market)
    assert min(REFERENCE_TICKS, HONEST_TICKS) <= final_ticks <= max(REFERENCE_TICKS, HONEST_TICKS)


@pytest.mark.parametrize(("attack_ticks", "side"), [(1_100, SELL), (900, BUY)])
@pytest.mark.parametrize("honest_lots", [4, 12, 200])
def test_two_who_collude_cannot_drag_a_third_along_who_would_trade_at_the_mark(
    attack_ticks: int, side: Side, honest_lots: int
) -> None:
    """All have one price in an auction: Alice gets what the two made, though she asked for less, or offered more."""
    market = marked_market(closing_auction_s=30)
    market.tick_to(GATE_NS - 30 * NANO_PER_S)
    market.place(ALICE, side, REFERENCE_TICKS, honest_lots)
    opposite = BUY if side == SELL else SELL
    market.place(EVE, side, attack_ticks, 300)
    market.place(FRANK, opposite, attack_ticks, 300)
    assert close_gate(market) == REFERENCE_TICKS
    traded = [event["price_ticks"] for event in told(market.events[-1]) if event["kind"] == Event.AUCTION_TRADE]
    assert traded
    assert set(traded) == {attack_ticks}


@pytest.mark.parametrize(("honest_lots", "final_ticks"), [(4, REFERENCE_TICKS), (5, 1_100)])
def test_two_who_collude_need_a_third_who_pays_as_much_and_count_for_no_more(
    honest_lots: int, final_ticks: int
) -> None:
    market = marked_market(closing_auction_s=30)
    market.tick_to(GATE_NS - 30 * NANO_PER_S)
    market.place(ALICE, SELL, 1_000, 100)
    for buyer, lots in ((EVE, 200), (FRANK, 100), (DAVE, honest_lots)):
        market.place(buyer, BUY, 1_100, lots)
    market.place(BOB, SELL, 1_100, 300)
    assert close_gate(market) == final_ticks


def test_three_who_wash_small_lots_in_the_closing_auction_do_not_make_the_final_price() -> None:
    market = marked_market(closing_auction_s=30)
    market.tick_to(GATE_NS - 30 * NANO_PER_S)
    for seller, buyer in ((DAVE, EVE), (EVE, FRANK), (FRANK, DAVE)):
        market.place(seller, SELL, 1_400, 3)
        market.place(buyer, BUY, 1_400, 3, self_trade=SelfTrade.NONE)
    assert close_gate(market) == REFERENCE_TICKS
