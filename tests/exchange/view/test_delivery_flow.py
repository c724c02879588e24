"""Measured delivery as readers see it; what the view keeps of allocations is compared with the venue all along."""

from exchange import delivery_commands
from exchange.venue.clearing.delivery_schema import EVIDENCE_UNIT, SlotOutcome
from exchange.venue.clearing.lifecycle import AllocationState
from exchange.venue.lifecycle import LifeState
from exchange.view import MarketView, Reputation
from tests.exchange.venue.delivery_market import (
    BUYER,
    DISPUTE_S,
    GRACE_S,
    MULTIPLIER_PPM,
    PROVIDER,
    REPORTERS,
    SLOT_S,
    SLOTS,
    DeliveryMarket,
    make_bond,
)

LOTS = 6


def delivered() -> tuple[DeliveryMarket, int]:
    """An allocation whose slots were measured in part, interrupted, and measured by nobody."""
    market = DeliveryMarket()
    allocation_id = market.allocate(LOTS)
    market.tick_into_window(SLOT_S)
    market.report(allocation_id, 0, 4, 4, 4)
    market.ask(delivery_commands.interrupt(1, 1))
    market.tick_into_window(SLOTS * SLOT_S + GRACE_S)
    return market, allocation_id


def test_every_slot_shows_with_what_was_found_of_it_and_all_its_money():
    market, allocation_id = delivered()
    shown = market.view.deliveries.by_id[allocation_id]
    assert shown.outcomes == [SlotOutcome.MEASURED, SlotOutcome.INTERRUPTED, SlotOutcome.SILENT]
    assert list(shown.delivered_lots) == [4, 0, 0]
    assert (shown.buyer_id, shown.provider_id, shown.lots) == (BUYER, PROVIDER, LOTS)
    assert shown.state == AllocationState.SHORT
    assert shown.symbol == market.view.tranches[1].symbol
    assert shown.shortfall_fee_nano == market.total("fund_nano") > 0
    assert shown.fee_nano == market.total("fees_nano") + market.total("burned_nano") > 0
    assert shown.bond_nano == make_bond(market.venue.state, 1, LOTS, MULTIPLIER_PPM)


def test_a_tranche_settles_and_is_settled():
    market, _ = delivered()
    assert market.view.tranches[1].state == LifeState.SETTLING
    market.tick_into_window(SLOTS * SLOT_S + GRACE_S + DISPUTE_S)
    assert market.view.tranches[1].state == LifeState.SETTLED


def test_a_dispute_shows_until_it_is_decided_and_a_correction_stays_with_its_reason():
    market, allocation_id = delivered()
    market.ask(delivery_commands.dispute(BUYER, allocation_id))
    shown = market.view.deliveries.by_id[allocation_id]
    assert shown.is_disputed
    told = market.ask(delivery_commands.correct_delivery(allocation_id, 2, 3, reason="their log shows it"))
    assert not shown.is_disputed
    assert (shown.delivered, shown.corrected_nano) == (7, told["moved_nano"])
    (correction,) = market.view.deliveries.corrections
    assert correction == (
        *(told["sequence"], market.view.time_ns, allocation_id, 2, 3, told["moved_nano"], "their log shows it"),
    )


def test_a_refused_correction_leaves_no_trace():
    market, allocation_id = delivered()
    market.ask(delivery_commands.correct_delivery(allocation_id, 2, 99, reason="no"))
    assert len(market.view.deliveries.corrections) == 0


def test_a_reputation_shows_from_the_first_allocation_that_is_over():
    market, _ = delivered()
    assert market.view.deliveries.reputations == {}
    market.tick_into_window(SLOTS * SLOT_S + GRACE_S + DISPUTE_S)
    provider = market.venue.state.clearing.providers[PROVIDER]
    good = EVIDENCE_UNIT * 4 // LOTS
    shown = Reputation(good, EVIDENCE_UNIT - good, int(provider["multiplier_ppm"]))
    assert market.view.deliveries.reputations == {PROVIDER: shown}


def test_keys_of_reporters_show_until_they_are_taken_away():
    market = DeliveryMarket()
    keys = market.view.deliveries.reporter_keys
    assert keys == {number: bytes([number] * 32) for number in REPORTERS}
    market.ask(delivery_commands.register_reporter(REPORTERS[0], delivery_commands.NO_KEY))
    market.ask(delivery_commands.register_reporter(99, bytes([1] * 32)))
    assert list(keys) == list(REPORTERS[1:])


def test_accounts_see_what_they_bought_and_what_they_provide():
    market, allocation_id = delivered()
    for party in (BUYER, PROVIDER):
        assert [each.allocation_id for each in market.view.deliveries.of_account(party)] == [allocation_id]
    assert market.view.deliveries.of_account(REPORTERS[0]) == []


def test_a_dump_holds_all_of_it_and_goes_on_alike():
    market, allocation_id = delivered()
    market.ask(delivery_commands.correct_delivery(allocation_id, 2, 1, reason="r"))
    loaded = MarketView.load(market.view.dump())
    assert loaded == market.view
    market.ask(delivery_commands.dispute(PROVIDER, allocation_id))
    loaded.apply(market.published[-1])
    assert loaded == market.view
    assert loaded.dump() == market.view.dump()


def test_allocations_go_with_their_tranche():
    market, allocation_id = delivered()
    market.view.deliveries.drop_tranche(1)
    assert market.view.deliveries.by_id == {}
    assert market.view.deliveries.of_account(BUYER) == []
    assert allocation_id == 1
