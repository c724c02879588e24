"""Idempotency: a retry is given the first answer, and an id means one command for as long as it is kept."""

import numpy as np
import pytest

from exchange import commands
from exchange.venue.clients import TRIMMED_PER_TICK_MAX
from exchange.venue.schema import CLIENT_ID_RETENTION_NS, Event, Reason, Reject
from exchange.venue.state import VenueLimits
from matching.schema import ChangeFlag, TimeInForce
from tests.exchange.venue.market import ALICE, BOB, BUY, CASH_NANO, LIMITS, NANO_PER_S, SELL, Market, open_market
from tests.exchange.venue.told import Told

RETENTION_S = CLIENT_ID_RETENTION_NS // NANO_PER_S


@pytest.fixture
def market() -> Market:
    return open_market(gate_lead_s=0, first_start_ns=1_800_003_600 * NANO_PER_S, horizon_s=7_200, duration_s=3_600)


def retry(market: Market, group: np.ndarray) -> tuple[Told, Told]:
    """The outcomes of a command and of the same once more."""
    return market.ask(group), market.ask(group)


# The first answer again.


@pytest.mark.parametrize(
    ("price_ticks", "terms", "kind", "reason"),
    [
        (1_000, {}, Event.RESTED, Reason.NONE),
        (1_000, {"time_in_force": TimeInForce.IOC}, Event.KILLED, Reason.IMMEDIATE_REMAINDER),
        (0, {}, Event.REJECTED, Reject.PRICE_OUT_OF_RANGE),
        (2_000, {}, Event.REJECTED, Reject.PRICE_OUTSIDE_BAND),
    ],
)
def test_an_order_sent_twice_is_answered_twice_and_placed_once(
    market: Market, price_ticks: int, terms: dict[str, int], kind: Event, reason: int
) -> None:
    first, again = retry(market, commands.place(ALICE, 1, BUY, price_ticks, 3, client_id="mine", **terms))
    assert (first["kind"], first["reason"]) == (kind, reason)
    assert (again["kind"], again["original_kind"], again["reason"]) == (Event.REPEATED, kind, reason)
    assert again["original_sequence"] == first["sequence"] < again["sequence"]
    for name in ("order_id", "instrument_id", "account_id", "price_ticks", "quantity_lots", "leaves_lots"):
        assert again[name] == first[name]
    assert len(market.twin.orders) == (kind == Event.RESTED)


def test_a_retry_tells_how_the_order_began_whatever_became_of_it(market: Market) -> None:
    order = commands.place(ALICE, 1, SELL, 1_000, 3, client_id="mine")
    market.send(order)
    market.place(BOB, BUY, 1_000, 3)
    again = market.ask(order)
    assert (again["kind"], again["original_kind"], again["leaves_lots"]) == (Event.REPEATED, Event.RESTED, 3)
    assert market.twin.orders == {}


def test_a_refusal_for_want_of_money_is_repeated_after_money_came(market: Market) -> None:
    order = commands.place(ALICE, 1, BUY, 1_000, 1_000, client_id="dear")
    assert market.ask(order)["reason"] == Reject.INSUFFICIENT_MARGIN
    market.ask(commands.deposit(ALICE, 1_000 * CASH_NANO))
    again = market.ask(order)
    assert (again["kind"], again["reason"]) == (Event.REPEATED, Reject.INSUFFICIENT_MARGIN)


def test_money_sent_twice_moves_once(market: Market) -> None:
    first, again = retry(market, commands.deposit(ALICE, 77, client_id="wire"))
    assert (first["kind"], again["kind"], again["original_kind"]) == (Event.DEPOSITED, Event.REPEATED, Event.DEPOSITED)
    assert again["order_id"] == 77, "the amount stands where an order has its id"
    taken, again = retry(market, commands.withdraw(ALICE, 7, client_id="back"))
    assert (taken["kind"], again["original_kind"]) == (Event.WITHDREW, Event.WITHDREW)
    assert np.uint64(again["order_id"]).astype(np.int64) == -7
    assert market.cash_nano(ALICE) == CASH_NANO + 70


def test_a_cancel_sent_twice_is_answered_twice(market: Market) -> None:
    order_id = market.place(ALICE, BUY, 1_000, 3)["order_id"]
    first, again = retry(market, commands.cancel(ALICE, order_id=order_id, client_id="bye"))
    assert first["kind"] == Event.CANCELLED
    assert (again["original_kind"], again["reason"], again["order_id"]) == (Event.CANCELLED, Reason.REQUESTED, order_id)


def test_a_replace_sent_twice_changes_the_order_once(market: Market) -> None:
    order_id = market.place(ALICE, BUY, 1_000, 8)["order_id"]
    change = commands.replace(ALICE, 1_000, 2, order_id=order_id, client_id="less", flags=ChangeFlag.NAMES_REMAINING)
    first, again = retry(market, change)
    assert (first["kind"], first["quantity_lots"]) == (Event.REDUCED, 6)
    assert (again["original_kind"], again["quantity_lots"], again["leaves_lots"]) == (Event.REDUCED, 6, 2)
    assert market.twin.orders[order_id].leaves_lots == 2


def test_a_command_without_a_client_id_is_carried_out_every_time(market: Market) -> None:
    first, second = retry(market, commands.place(ALICE, 1, BUY, 1_000, 3))
    assert (first["kind"], second["kind"]) == (Event.RESTED, Event.RESTED)


def test_a_retry_is_found_though_the_venue_gave_it_another_order_id(market: Market) -> None:
    market.ask(commands.place(ALICE, 1, BUY, 1_000, 3, client_id="mine", order_id=900))
    again = market.ask(commands.place(ALICE, 1, BUY, 1_000, 3, client_id="mine", order_id=901))
    assert (again["kind"], again["order_id"]) == (Event.REPEATED, 900)


# The same id for something else.


@pytest.mark.parametrize(
    "other",
    [
        commands.place(ALICE, 1, BUY, 1_000, 4, client_id="mine"),
        commands.place(ALICE, 1, BUY, 1_001, 3, client_id="mine"),
        commands.place(ALICE, 1, SELL, 1_000, 3, client_id="mine"),
        commands.place(ALICE, 1, BUY, 1_000, 3, client_id="mine", self_trade=1),
        commands.place(ALICE, 1, BUY, 1_000, 3, client_id="mine", time_in_force=2),
        commands.cancel(ALICE, order_id=1, client_id="mine"),
        commands.replace(ALICE, 1_000, 3, order_id=1, client_id="mine"),
        commands.deposit(ALICE, 3, client_id="mine"),
    ],
)
def test_an_id_with_other_content_is_refused_by_name(market: Market, other: np.ndarray) -> None:
    market.ask(commands.place(ALICE, 1, BUY, 1_000, 3, client_id="mine"))
    outcome = market.ask(other)
    assert (outcome["kind"], outcome["reason"]) == (Event.REJECTED, Reject.CLIENT_ID_REUSED)
    assert market.ask(commands.place(ALICE, 1, BUY, 1_000, 3, client_id="mine"))["kind"] == Event.REPEATED


def test_cancels_of_two_orders_are_not_the_same_command(market: Market) -> None:
    market.ask(commands.cancel(ALICE, order_id=1, client_id="bye"))
    assert market.ask(commands.cancel(ALICE, order_id=2, client_id="bye"))["reason"] == Reject.CLIENT_ID_REUSED


def test_accounts_do_not_see_each_others_ids(market: Market) -> None:
    market.place(ALICE, BUY, 1_000, 3, client_id="mine")
    assert market.place(BOB, BUY, 900, 1, client_id="mine")["kind"] == Event.RESTED


def test_hundreds_of_accounts_may_use_one_id() -> None:
    """Enough of them that some stand side by side in the table."""
    market = open_market(LIMITS._replace(accounts=512, client_ids=512))
    newcomers = range(4, 504)
    market.send(*(commands.open_account(account_id, "x") for account_id in newcomers), checks=False)
    deposits = [commands.deposit(account_id, 1, client_id="same") for account_id in newcomers]
    assert {answer[-1]["kind"] for answer in market.send(*deposits, checks=False)} == {Event.DEPOSITED}
    assert {answer[-1]["kind"] for answer in market.send(*deposits, checks=False)} == {Event.REPEATED}


# For how long.


def test_an_id_is_free_again_after_the_retention_of_venue_time_and_not_before(market: Market) -> None:
    order = commands.place(ALICE, 1, BUY, 1_000, 3, client_id="mine", time_in_force=TimeInForce.IOC)
    market.ask(order)
    market.tick(RETENTION_S - 1)
    assert market.ask(order)["kind"] == Event.REPEATED
    market.tick(1)
    assert market.ask(order)["kind"] == Event.KILLED


def test_commands_alone_forget_no_id(market: Market) -> None:
    order = commands.place(ALICE, 1, BUY, 1_000, 3, client_id="mine", time_in_force=TimeInForce.IOC)
    market.ask(order)
    market.send(*[commands.deposit(BOB, 1)] * 200)
    assert market.ask(order)["kind"] == Event.REPEATED


def test_the_id_of_a_resting_order_stays_for_as_long_as_it_rests_and_the_retention_after(market: Market) -> None:
    order = commands.place(ALICE, 1, BUY, 1_000, 3, client_id="mine")
    order_id = market.ask(order)["order_id"]
    for _ in range(5):
        market.tick(RETENTION_S)
    assert market.ask(order)["kind"] == Event.REPEATED
    market.ask(commands.cancel(ALICE, order_id=order_id))
    market.tick(RETENTION_S - 1)
    assert market.ask(order)["kind"] == Event.REPEATED
    market.tick(1)
    assert market.ask(order)["kind"] == Event.RESTED


def test_a_backlog_is_trimmed_over_several_ticks() -> None:
    limits = VenueLimits(instruments=8, orders=8, nodes=64, accounts=8, positions=8, client_ids=8_192)
    market = open_market(limits)
    market.send(*(commands.deposit(ALICE, 1, client_id=f"id-{at}") for at in range(TRIMMED_PER_TICK_MAX + 5)))
    market.tick(RETENTION_S)
    assert len(market.venue.image()["clients"]) == 5
    market.tick()
    assert len(market.venue.image()["clients"]) == 0


# When there is no room.


def fill_with_ids(market: Market) -> None:
    market.send(*(commands.deposit(BOB, 1, client_id=f"id-{at}") for at in range(LIMITS.client_ids)))


def test_a_full_table_is_refused_by_name_and_known_ids_are_still_answered(market: Market) -> None:
    fill_with_ids(market)
    order = commands.place(ALICE, 1, BUY, 1_000, 3, client_id="one-too-many")
    assert market.ask(order)["reason"] == Reject.TOO_MANY_CLIENT_IDS
    assert market.ask(commands.deposit(BOB, 1, client_id="id-3"))["kind"] == Event.REPEATED
    assert market.ask(commands.place(ALICE, 1, BUY, 1_000, 3))["kind"] == Event.RESTED
    market.tick(RETENTION_S)
    assert market.ask(order)["kind"] == Event.RESTED


def test_a_table_full_of_resting_orders_keeps_them_all() -> None:
    market = open_market(LIMITS._replace(client_ids=4), first_start_ns=1_800_003_600 * NANO_PER_S, horizon_s=7_200)
    for at in range(4):
        market.place(ALICE, BUY, 900 + at, 1, client_id=f"id-{at}")
    for _ in range(3):
        market.tick(RETENTION_S)
    assert market.ask(commands.cancel(ALICE, target_client_id="id-2"))["price_ticks"] == 902
    assert market.place(ALICE, BUY, 900, 1, client_id="fifth")["reason"] == Reject.TOO_MANY_CLIENT_IDS


# Orders by their client ids.


def test_an_order_is_cancelled_by_its_client_id(market: Market) -> None:
    order_id = market.place(ALICE, BUY, 1_000, 3, client_id="mine")["order_id"]
    outcome = market.ask(commands.cancel(ALICE, target_client_id="mine"))
    assert (outcome["kind"], outcome["order_id"]) == (Event.CANCELLED, order_id)


def test_an_order_is_replaced_by_its_client_id_and_keeps_it(market: Market) -> None:
    order_id = market.place(ALICE, BUY, 1_000, 3, client_id="mine")["order_id"]
    for price_ticks in (990, 980):
        outcome = market.ask(commands.replace(ALICE, price_ticks, 3, target_client_id="mine"))
        assert (outcome["kind"], outcome["order_id"]) == (Event.REPLACED, order_id)


@pytest.mark.parametrize("account_id", [ALICE, BOB])
def test_a_client_id_that_names_no_order_of_the_account_is_unknown(market: Market, account_id: int) -> None:
    market.place(3 - account_id, BUY, 1_000, 3, client_id="mine")
    market.place(account_id, BUY, 1_000, 3, client_id="gone", time_in_force=TimeInForce.IOC)
    for target in ("mine", "gone", "never"):
        assert market.ask(commands.cancel(account_id, target_client_id=target))["reason"] == Reject.UNKNOWN_ORDER
        assert (
            market.ask(commands.replace(account_id, 990, 1, target_client_id=target))["reason"] == Reject.UNKNOWN_ORDER
        )


def test_an_order_id_goes_before_a_client_id(market: Market) -> None:
    named = market.place(ALICE, BUY, 1_000, 3, client_id="mine")["order_id"]
    other = market.place(ALICE, BUY, 990, 3)["order_id"]
    assert market.ask(commands.cancel(ALICE, order_id=other, target_client_id="mine"))["order_id"] == other
    assert list(market.twin.orders) == [named]


def test_the_id_of_a_cancel_names_no_order(market: Market) -> None:
    order_id = market.place(ALICE, BUY, 1_000, 8)["order_id"]
    market.ask(commands.replace(ALICE, 990, 8, order_id=order_id, client_id="change"))
    assert market.ask(commands.cancel(ALICE, target_client_id="change"))["reason"] == Reject.UNKNOWN_ORDER
