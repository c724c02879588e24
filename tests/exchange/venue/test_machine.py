"""The face of the venue: limits, buffers, and arrays as kernels want them."""

import numba
import numpy as np
import pytest

import kernels.compile
from exchange import commands
from exchange.venue.machine import Venue
from exchange.venue.schema import Event
from exchange.venue.state import VenueLimits
from matching.check import check_book
from matching.events import EVENTS_PER_STEP_MAX
from matching.schema import ORDER_COMMAND, ORDER_EVENT
from tests.exchange.venue.market import ALICE, BUY, LIMITS, START_NS, open_market
from tests.exchange.venue.told import told


def test_a_buffer_smaller_than_a_step_is_an_error() -> None:
    with pytest.raises(ValueError, match="room for"):
        Venue(LIMITS, event_capacity=EVENTS_PER_STEP_MAX - 1)


def test_an_empty_batch_gives_no_events() -> None:
    events = Venue(LIMITS).apply(commands.concatenate(), 1)
    assert (len(events), events.dtype) == (0, ORDER_EVENT)


def test_events_are_the_callers_own() -> None:
    venue = Venue(LIMITS)
    first = venue.apply(commands.concatenate(commands.tick(START_NS)), 1)
    kept = first.tobytes()
    venue.apply(commands.concatenate(commands.halt_market()), 2)
    assert first.tobytes() == kept


@pytest.mark.parametrize("event_capacity", [EVENTS_PER_STEP_MAX, 1_000])
def test_events_that_are_read_at_once_are_the_same(event_capacity: int) -> None:
    batch = commands.concatenate(
        commands.tick(START_NS), *(commands.open_account(1 + number, f"a{number}") for number in range(10))
    )
    at_once = Venue(LIMITS, event_capacity=event_capacity).run(batch, 1)
    assert at_once.tobytes() == Venue(LIMITS).apply(batch, 1).tobytes()
    assert len(at_once) == 11


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")
def test_commands_that_cannot_be_written_to_are_not_compiled_for_again() -> None:
    market = open_market()
    assert kernels.compile.CHECKED, "a second set of types would not be a fault"
    read_only = np.frombuffer(commands.deposit(ALICE, 5).tobytes(), ORDER_COMMAND)
    for at, group in enumerate([commands.deposit(ALICE, 4), read_only]):
        assert told(market.venue.apply(group, market.next_sequence + at))[-1]["kind"] == Event.DEPOSITED


def test_sequence_and_time_are_those_of_the_last_command() -> None:
    venue = Venue(LIMITS)
    venue.apply(commands.concatenate(commands.tick(START_NS), commands.open_account(1, "a"), commands.halt_market()), 7)
    assert (venue.sequence, venue.time_ns) == (10, START_NS)


@pytest.mark.parametrize("client_ids", [0, 1, 3, 12])
def test_a_ring_of_client_ids_is_a_power_of_two(client_ids: int) -> None:
    with pytest.raises(ValueError, match="client ids must be a power of two"):
        Venue(LIMITS._replace(client_ids=client_ids))


@pytest.mark.parametrize("name", VenueLimits._fields)
def test_other_limits_are_other_rules(name: str) -> None:
    other = LIMITS._replace(**{name: getattr(LIMITS, name) * 2})
    assert other.rules_version() != LIMITS.rules_version()


def test_tables_grow_with_what_a_batch_could_add() -> None:
    """More client ids and orders than the tables first hold, in one batch."""
    limits = VenueLimits(instruments=8, orders=4_096, nodes=100, accounts=8, positions=4_096, client_ids=8_192)
    market = open_market(limits)
    batch = commands.concatenate(
        *(commands.deposit(ALICE, 60_000, client_id=f"id-{at}") for at in range(3_000)),
        *(commands.place(ALICE, 1, BUY, 1, 1, order_id=10_000 + at) for at in range(3_000)),
        commands.deposit(ALICE, 60_000, client_id="id-0"),
    )
    kinds = market.venue.apply(batch, market.next_sequence)["kind"].tolist()
    assert kinds == [*[Event.DEPOSITED] * 3_000, *[Event.RESTED] * 3_000, Event.REPEATED]
    check_book(market.venue.state.book)
