"""What buyers and providers are told of deliveries, event by event, as the client reads it."""

from typing import get_args

from pydantic import TypeAdapter

from exchange import delivery_commands
from gateway.client import AccountEvent
from gateway.feeds.account_events import account_events
from tests.exchange.venue.delivery_market import (
    BUYER,
    DISPUTE_S,
    GRACE_S,
    OTHER_BUYER,
    PROVIDER,
    SLOT_S,
    SLOTS,
    DeliveryMarket,
)

LOTS = 6
KINDS = {get_args(event.model_fields["kind"].annotation)[0] for event in get_args(AccountEvent)}


def told(market: DeliveryMarket, *accounts: int) -> dict[int, list[dict[str, object]]]:
    """What the last batch told these accounts; the client can read all of it."""
    rows = account_events(market.view, market.published[-1], accounts)
    for each in rows.values():
        TypeAdapter(list[AccountEvent]).validate_python(each)
        assert {row["kind"] for row in each} <= KINDS
    return rows


def test_both_parties_are_told_of_each_slot_and_nobody_else():
    market = DeliveryMarket()
    allocation_id = market.allocate(LOTS)
    market.tick_into_window(SLOT_S)
    market.report(allocation_id, 0, 4, 4, 4)
    market.tick_into_window(SLOT_S + GRACE_S)
    rows = told(market, BUYER, PROVIDER, OTHER_BUYER)
    assert rows.keys() == {BUYER, PROVIDER}
    assert rows[BUYER] == rows[PROVIDER]
    slot, shortfall = rows[BUYER]
    assert (slot["kind"], slot["slot"], slot["outcome"], slot["delivered"]) == ("slot", 0, "measured", "4")
    assert (shortfall["kind"], shortfall["missing"]) == ("shortfall", "2")
    assert slot["allocation"] == shortfall["allocation"] == allocation_id


def test_a_party_that_listens_alone_is_told_too():
    market = DeliveryMarket()
    market.allocate(LOTS)
    market.tick_into_window(0)
    for party in (BUYER, PROVIDER):
        ((row,),) = told(market, party).values()
        assert (row["kind"], row["previous"], row["state"]) == ("allocation_state", "reserved", "delivering")
        assert row["symbol"] == market.view.tranches[1].symbol


def test_disputes_corrections_and_interruptions_are_told():
    market = DeliveryMarket()
    allocation_id = market.allocate(LOTS)
    market.tick_into_window(10)
    market.ask(delivery_commands.interrupt(1, 1))
    assert told(market, BUYER)[BUYER] == [{"kind": "interruption", "allocation": allocation_id, "slot": 0}]
    market.tick_into_window(SLOTS * SLOT_S + GRACE_S)
    market.ask(delivery_commands.dispute(BUYER, allocation_id))
    assert told(market, PROVIDER)[PROVIDER] == [{"kind": "dispute", "allocation": allocation_id, "by": "a1"}]
    market.ask(delivery_commands.correct_delivery(allocation_id, 1, 2))
    (row,) = told(market, PROVIDER)[PROVIDER]
    assert (row["kind"], row["slot"], row["change"]) == ("correction", 1, 2)
    assert str(row["amount"]).startswith("0.000")


def test_a_provider_is_told_its_reputation():
    market = DeliveryMarket()
    allocation_id = market.allocate(LOTS)
    market.tick_into_window(SLOT_S)
    market.report(allocation_id, 0, LOTS, LOTS, LOTS)
    market.tick_into_window(SLOTS * SLOT_S + GRACE_S + DISPUTE_S)
    rows = told(market, BUYER, PROVIDER)
    assert [row["kind"] for row in rows[BUYER]].count("reputation") == 0
    (row,) = [row for row in rows[PROVIDER] if row["kind"] == "reputation"]
    assert (row["good_ppm"], row["bad_ppm"]) == (1_000_000, 0)
    assert rows[BUYER][-1]["state"] == "settled"
