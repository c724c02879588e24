"""Whatever comes in for deliveries, in any order: one outcome each, no nano-USD too many, and an end."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange import commands
from exchange.venue.clearing.delivery_schema import DELIVERY_COMMAND
from exchange.venue.schema import Command, Event
from matching.schema import ORDER_COMMAND
from tests.exchange.venue.delivery_market import (
    BUYER,
    COUSIN,
    DISPUTE_S,
    GRACE_S,
    OTHER_BUYER,
    OTHER_PROVIDER,
    PROVIDER,
    REPORTERS,
    SLOT_S,
    SLOTS,
    DeliveryMarket,
)

KINDS = (
    *(Command.REGISTER_REPORTER, Command.REPORT_DELIVERY, Command.PROVISION, Command.CORRECT_DELIVERY),
    *(Command.DISPUTE, Command.INTERRUPT),
)
LOTS = 6
Choice = tuple[int, dict[str, int]]
NUMBERS = st.sampled_from([0, 1, 2, 3, 4, 6, 7, 100, (1 << 32) - 1])
FIELDS = st.fixed_dictionaries(
    {
        "with_replacement": st.sampled_from([0, 1, 1, 2]),
        "slot": st.sampled_from([0, 0, 1, 1, 2, 3, (1 << 32) - 1]),
        "account_id": st.sampled_from([BUYER, OTHER_BUYER, PROVIDER, COUSIN, *REPORTERS[:4], *REPORTERS[:4], 0, 23]),
        "allocation_id": st.sampled_from([1, 2, 3, 1, 2, 3, 0, 4, 1 << 18, (1 << 64) - 1]),
        "change_lots": st.sampled_from([0, 1, -1, 3, -6, 6, 7, -(1 << 63), (1 << 63) - 1]),
        "measured_lots": NUMBERS,
        "latency_us": NUMBERS,
        "loss_ppm": st.sampled_from([0, 0, 5, 999, 1_000_001]),
        "expected": st.sampled_from([0, 0, 0, 1, 7, -1]),
    }
)
ORDERS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(KINDS + (Command.REPORT_DELIVERY,) * 6), FIELDS),
        st.tuples(st.just(int(Command.TICK)), st.fixed_dictionaries({"s": st.sampled_from([1, 10, 30, 60])})),
    ),
    min_size=10,
    max_size=40,
)


def record_of(choice: Choice) -> np.ndarray:
    kind, fields = choice
    records = np.zeros(1, DELIVERY_COMMAND)
    records["kind"] = kind
    for name, value in fields.items():
        records[name] = value
    return records.view(ORDER_COMMAND)


@settings(max_examples=10)
@given(choices=ORDERS)
def test_whatever_comes_the_books_add_up_and_every_allocation_ends(choices: list[Choice]) -> None:
    market = DeliveryMarket()
    market.allocate(LOTS)
    market.allocate(LOTS, buyer=OTHER_BUYER)
    market.allocate(1, provider=OTHER_PROVIDER)
    seconds = 0
    for kind, fields in choices:
        if kind == Command.TICK:
            seconds += fields["s"]
            market.tick_into_window(seconds)
        else:
            events = market.send(record_of((kind, fields)))[0]
            assert events[-1]["kind"] != Event.REJECTED or len(events) == 1
    market.tick_into_window(max(seconds, SLOTS * SLOT_S + GRACE_S + DISPUTE_S))
    for allocation_id in (1, 2, 3):
        if market.allocation(allocation_id) is not None:
            market.send(commands.tick(market.time_ns))
            assert market.allocation(allocation_id)["flags"] & 1, "only a dispute keeps an allocation"
    assert market.total("escrow_nano") == market.total("bonds_nano") == 0
    assert len(market.venue.image()["reports"]) == 0
