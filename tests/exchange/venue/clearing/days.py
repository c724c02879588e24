"""Random days of clearing: a market whose gate closes like its twin's, then whatever comes in while it is delivered."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from hypothesis import strategies as st

from exchange import delivery_commands
from exchange.venue.clearing.lifecycle import AllocationState
from exchange.venue.schema import Command, Event
from tests.exchange.venue.clearing.floor import SLOT_S, TERMS, Floor, of_kind
from tests.exchange.venue.clearing.test_gate_twin import TRADERS, closed_like_its_twin, markets
from tests.exchange.venue.clearing.test_noise import ORDERS, Choice, record_of
from tests.exchange.venue.market import WINDOW_S
from tests.exchange.venue.told import Told

SLOTS = WINDOW_S // SLOT_S
REPORTERS = range(TRADERS + 2, TRADERS + 6)
ACCOUNT_OF = {10: REPORTERS[0], 11: REPORTERS[1], 12: REPORTERS[2], 13: REPORTERS[3]}
"""The noise names reporters as other markets number them."""
CASH = st.sampled_from([100_000_000, 100_000_000, 100_000_000, 400_000])
"""Mostly enough, or little would be left to deliver."""
WORDS = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from([900, 900, 900, 60_000_000])), min_size=2, max_size=len(REPORTERS)
)
DAYS = st.fixed_dictionaries(
    {
        "market": markets(CASH, providers_min=4),
        "words": st.lists(WORDS, min_size=SLOTS, max_size=SLOTS),
        "noise": ORDERS,
        "restores": st.booleans(),
        "latency_max_us": st.sampled_from([0, 5_000]),
    }
)
"""A market, what reporters say of all allocations in each slot, and what else comes in.

The venue beside goes on from an image after each command if it `restores`.
"""
Day = dict[str, Any]


def lead(day: Day) -> int:
    """The whole day: money adds up after every command, and every allocation ends; how many commands there were."""
    market = day["market"] | {"terms": day["market"]["terms"] | {"latency_max_us": day["latency_max_us"]}}
    floor = closed_like_its_twin(market, restores=day["restores"])
    sold = floor.venue.image()["allocations"]["allocation_id"].tolist()
    floor.send(*(delivery_commands.register_reporter(number, number.to_bytes(32)) for number in REPORTERS))
    told = floor.tick(60)
    for slot, words in enumerate(day["words"]):
        told += floor.tick(SLOT_S)
        told += [event for group in reports(sold, slot, words) for event in floor.send(group)]
        told += make_noise(floor, day["noise"][slot::SLOTS])
    told += floor.tick(TERMS["grace_s"] + TERMS["dispute_s"])
    for allocation_id in set(floor.venue.image()["allocations"]["allocation_id"].tolist()).intersection(sold):
        told += floor.send(delivery_commands.correct_delivery(allocation_id, 0, 0))
    told += floor.tick()
    ends = [event for event in of_kind(told, Event.ALLOCATION_CHANGED) if event["allocation_id"] in sold]
    settled = [event["allocation_id"] for event in ends if event["state"] == AllocationState.SETTLED]
    assert sorted(settled) == sold
    assert set(sold).isdisjoint(floor.venue.image()["allocations"]["allocation_id"].tolist())
    return floor.next_sequence - 1


def reports(sold: list[int], slot: int, words: list[tuple[int, int]]) -> Iterator[np.ndarray]:
    """Each reporter says the same of all allocations."""
    for allocation_id in sold:
        for reporter, (lots, latency_us) in zip(REPORTERS, words, strict=False):
            figures = {"measured_lots": lots, "latency_us": latency_us, "loss_ppm": 0}
            yield delivery_commands.report_delivery(reporter, allocation_id, slot, **figures)


def make_noise(floor: Floor, choices: list[Choice]) -> list[Told]:
    """Whatever else comes in, from whomever."""
    told = []
    for kind, fields in choices:
        if kind == Command.TICK:
            told += floor.tick(fields["s"])
        else:
            account_id = ACCOUNT_OF.get(fields["account_id"], fields["account_id"])
            told += floor.send(record_of((kind, fields | {"account_id": account_id})))
    return told
