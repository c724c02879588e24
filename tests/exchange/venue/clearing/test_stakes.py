"""The stake that registered capacity needs is that for the most that is there at any time."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from exchange import clearing_commands
from exchange.venue.clearing.capacity_schema import SLOT_NS, SLOT_S, SLOTS_PER_DAY, STAKE_NANO_PER_LOT
from exchange.venue.schema import Reject
from tests.exchange.venue.clearing.shop import Shop, is_there, register
from tests.exchange.venue.desk import reason_of
from tests.exchange.venue.market import ALICE, START_NS

WEEKS = 4

daily_spans = st.builds(
    lambda from_slot, length, days: {
        "daily_from_s": from_slot * SLOT_S,
        "daily_length_s": min(length, SLOTS_PER_DAY - from_slot) * SLOT_S,
        "weekdays": days,
    },
    st.integers(0, SLOTS_PER_DAY - 1),
    st.integers(1, SLOTS_PER_DAY),
    st.integers(1, 127),
)
capacities = st.tuples(
    st.integers(1, 9),
    st.integers(-2 * SLOTS_PER_DAY, (WEEKS - 2) * 7 * SLOTS_PER_DAY),
    st.integers(1, 2 * 7 * SLOTS_PER_DAY),
    st.one_of(st.just({}), daily_spans),
)


def most_there(shop: Shop) -> int:
    """By a look at every slot in which anything may be there."""
    rows, first_slot = shop.venue.image()["capacities"], START_NS // SLOT_NS
    slots = range(first_slot, first_slot + WEEKS * 7 * SLOTS_PER_DAY)
    return max(sum(int(row["lots"]) for row in rows if is_there(row, slot)) for slot in slots)


@given(st.lists(capacities, min_size=1, max_size=4))
@settings(max_examples=15)
def test_not_a_nano_less_may_stay_than_the_most_at_any_time_needs(registered: list[tuple[int, int, int, Any]]) -> None:
    shop = Shop()
    stake_nano = 100 * STAKE_NANO_PER_LOT
    shop.ask(clearing_commands.post_stake(ALICE, stake_nano))
    for lots, from_slot, length, daily in registered:
        first_ns = START_NS + from_slot * SLOT_NS
        shop.ask(register(lots, first_ns=first_ns, end_ns=first_ns + length * SLOT_NS, **daily))
    if not len(shop.venue.image()["capacities"]):
        return
    free_nano = stake_nano - most_there(shop) * STAKE_NANO_PER_LOT
    assert reason_of(shop.ask(clearing_commands.withdraw_stake(ALICE, free_nano + 1))) == Reject.STAKE_BOUND
    assert reason_of(shop.ask(clearing_commands.withdraw_stake(ALICE, free_nano))) == Reject.NONE
