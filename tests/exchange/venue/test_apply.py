"""The venue as a function: the same commands give the same events and the same state, however they come."""

import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import commands
from exchange.venue.machine import Venue
from exchange.venue.schema import CONTINUATION, CONTINUATIONS_MAX, TIME_NS_MAX, Command, Event, Reject
from kernels.records import RECORD_BYTES
from matching.events import EVENTS_PER_STEP_MAX
from matching.schema import ORDER_COMMAND, SelfTrade
from tests.exchange.venue.market import (
    ALICE,
    BOB,
    BUY,
    CAROL,
    LIMITS,
    NANO_PER_S,
    SELL,
    START_NS,
    UNKNOWN_ACCOUNT,
    Market,
    define_series,
    open_market,
)
from tests.exchange.venue.streams import BROKEN, STEPS, Session, rehearse, sessions
from tests.exchange.venue.told import groups_of, told
from tests.matching.stream_orders import weighted


def run(venue: Venue, history: np.ndarray, batch_sizes: list[int], first_sequence: int = 1) -> np.ndarray:
    """Apply a history, which is only read, in batches of so many commands, over and over; return all events."""
    given_bytes = history.tobytes()
    starts = [index for index, _ in groups_of(history)]
    parts, at = [history[:0]], 0
    for turn in range(len(starts)):
        if at >= len(starts):
            break
        following = min(at + batch_sizes[turn % len(batch_sizes)], len(starts))
        end = starts[following] if following < len(starts) else len(history)
        parts.append(venue.apply(history[starts[at] : end], first_sequence + starts[at]))
        at = following
    assert history.tobytes() == given_bytes
    return np.concatenate([part.view(np.uint8) for part in parts])


BATCH_SIZES = st.lists(st.sampled_from([1, 2, 3, 7, 50]), min_size=1, max_size=4)
BUFFERS = st.sampled_from([EVENTS_PER_STEP_MAX, EVENTS_PER_STEP_MAX + 1, 8, 16])


@given(sessions(60))
def test_the_venue_agrees_with_its_twin_after_every_command(session: Session) -> None:
    rehearse(session, checks=True)


@given(sessions(), BATCH_SIZES, BUFFERS)
def test_buffers_and_batches_of_any_size_give_the_same_events_and_the_same_state(
    session: Session, batch_sizes: list[int], event_capacity: int
) -> None:
    history = np.concatenate(rehearse(session).sent)
    at_once, in_pieces = Venue(LIMITS), Venue(LIMITS, event_capacity=event_capacity)
    expected = run(at_once, history, [len(history)])
    assert run(in_pieces, history, batch_sizes).tobytes() == expected.tobytes()
    assert in_pieces.digest() == at_once.digest()


@given(sessions(), st.integers(0, 60))
def test_a_restored_venue_answers_every_further_command_alike(session: Session, cut: int) -> None:
    market = rehearse(session)
    original = Venue(LIMITS)
    cut = min(cut, len(market.sent))
    before, after = (np.concatenate([market.sent[0][:0], *part]) for part in (market.sent[:cut], market.sent[cut:]))
    run(original, before, [len(before)])
    restored = Venue.from_image(original.image(), LIMITS)
    assert restored.digest() == original.digest()
    events = [run(venue, after, [1], len(before) + 1).tobytes() for venue in (original, restored)]
    assert events[0] == events[1]
    assert restored.digest() == original.digest()


@given(sessions(30, weighted({STEPS: 1, BROKEN: 2})))
def test_damaged_records_never_corrupt_the_venue(session: Session) -> None:
    rehearse(session, checks=True)


def test_the_opening_of_a_market_gives_one_outcome_a_command() -> None:
    market = open_market()
    kinds = [event["kind"] for events in market.events for event in told(events)]
    assert kinds[:9] == [
        Event.TICKED,
        Event.REGION_DEFINED,
        *[Event.ACCOUNT_OPENED] * 3,
        *[Event.DEPOSITED] * 3,
        Event.SERIES_DEFINED,
    ]
    assert kinds[9:] == [*[Event.TRANCHE_LISTED, Event.STATE_CHANGED] * 3, Event.TICKED]


def test_events_are_counted_within_their_command_and_the_outcome_comes_last() -> None:
    market = open_market()
    market.send(*(commands.place(account_id, 1, SELL, 1_000, 2) for account_id in (ALICE, BOB)))
    (events,) = market.send(commands.place(CAROL, 1, BUY, 1_001, 5))
    assert [event["kind"] for event in events] == [Event.TRADE, Event.TRADE, Event.RESTED]
    assert [event["index"] for event in events] == [0, 1, 2]
    assert len({event["sequence"] for event in events}) == 1


def test_a_record_counts_a_sequence_whether_it_is_a_head_or_a_continuation() -> None:
    market = open_market()
    first = market.next_sequence
    named = commands.place(ALICE, 1, BUY, 1_000, 1, client_id="one")
    answers = market.send(named, commands.place(ALICE, 1, BUY, 1_000, 1))
    assert [answer[-1]["sequence"] for answer in answers] == [first, first + 2]
    assert [answer[-1]["order_id"] for answer in answers] == [first, first + 2]


def without_last_record(group: np.ndarray) -> np.ndarray:
    return group[:-1]


def with_a_head_inside(group: np.ndarray) -> np.ndarray:
    return np.concatenate([group[:1], commands.tick(START_NS), group[2:]])


def with_too_many_records(group: np.ndarray) -> np.ndarray:
    head = group[:1].copy()
    head["continuations"] = CONTINUATIONS_MAX + 1
    return np.concatenate([head, *[group[1:]] * (CONTINUATIONS_MAX + 1)])


@pytest.mark.parametrize("damage", [without_last_record, with_a_head_inside, with_too_many_records])
def test_an_incomplete_group_is_refused_and_disturbs_no_neighbour(damage) -> None:
    market, other = open_market(), open_market()
    broken = damage(commands.place(ALICE, 1, BUY, 1_000, 1, client_id="broken"))
    neighbours = [commands.place(BOB, 1, BUY, 999, 1, order_id=50), commands.place(CAROL, 1, SELL, 999, 1, order_id=51)]
    answers = market.send(neighbours[0], broken, neighbours[1])
    expected = other.send(*neighbours)
    assert answers[1][-1]["reason"] == Reject.INCOMPLETE_GROUP
    assert {answer[-1]["reason"] for answer in answers[2:-1]} <= {Reject.UNKNOWN_COMMAND, Reject.NONE}
    for found, wanted in zip((answers[0], answers[-1]), expected, strict=True):
        assert [{**event, "sequence": 0} for event in found] == [{**event, "sequence": 0} for event in wanted]
    assert market.place(ALICE, BUY, 1_000, 1, client_id="broken")["kind"] == Event.RESTED


@pytest.mark.parametrize("kind", [0, *range(7, 16), 29, Command.SHOCKS, Command.CONTINUATION, 46, 255])
def test_an_unknown_kind_is_refused(kind: int) -> None:
    market = open_market()
    record = commands.deposit(ALICE, 1, client_id="")
    record = record.copy()
    record["kind"] = kind
    outcome = market.ask(record)
    assert (outcome["kind"], outcome["reason"]) == (Event.REJECTED, Reject.UNKNOWN_COMMAND)


def test_a_continuation_without_a_head_is_refused() -> None:
    stray = np.zeros(1, CONTINUATION)
    stray["kind"] = Command.CONTINUATION
    assert open_market().ask(stray.view(ORDER_COMMAND))["reason"] == Reject.UNKNOWN_COMMAND


@pytest.mark.parametrize(
    "group",
    [
        commands.place(UNKNOWN_ACCOUNT, 1, BUY, 1_000, 1, client_id="x"),
        commands.cancel(UNKNOWN_ACCOUNT, order_id=1),
        commands.replace(UNKNOWN_ACCOUNT, 1_000, 1, order_id=1),
        commands.deposit(UNKNOWN_ACCOUNT, 1),
        commands.withdraw(UNKNOWN_ACCOUNT, 1),
        commands.deposit(0, 1),
        commands.deposit((1 << 32) - 1, 1),
    ],
)
def test_a_command_of_an_unknown_account_is_refused(group: np.ndarray) -> None:
    assert open_market().ask(group)["reason"] == Reject.UNKNOWN_ACCOUNT


@pytest.mark.parametrize("time_ns", [-1, -(1 << 63), TIME_NS_MAX + 1, (1 << 63) - 1])
def test_a_time_out_of_range_is_refused_and_time_stands(time_ns: int) -> None:
    market = open_market()
    before_ns = market.venue.time_ns
    assert market.ask(commands.tick(time_ns))["reason"] == Reject.TIME_OUT_OF_RANGE
    assert market.venue.time_ns == before_ns


def test_time_never_goes_back() -> None:
    market = open_market()
    before_ns = market.venue.time_ns
    outcome = market.ask(commands.tick(START_NS - NANO_PER_S))
    assert (outcome["kind"], outcome["time_ns"]) == (Event.TICKED, before_ns)


def test_a_tick_that_comes_late_still_does_what_was_due_by_then() -> None:
    market = Market()
    market.send(commands.tick(START_NS), commands.define_region(1, "eu-fra"))
    market.send(define_series(1))
    brought = market.send(commands.tick(START_NS - 500 * NANO_PER_S))[0]
    assert [event["kind"] for event in brought].count(Event.TRANCHE_LISTED) == 3


def test_noise_of_all_kinds_is_answered_record_by_record() -> None:
    generator = np.random.default_rng(7)
    market = open_market()
    noise = generator.integers(0, 256, (2_000, RECORD_BYTES), np.uint8).view(ORDER_COMMAND).ravel()
    noise["kind"] = generator.choice([kind for kind in Command if kind != Command.TICK], len(noise))
    noise["continuations"] = generator.integers(0, 2, len(noise))
    answers = market.send(noise)
    assert len(answers) == len(groups_of(noise))
    assert {answer[-1]["kind"] for answer in answers} >= {Event.REJECTED, Event.MARKET_HALTED}


def test_a_history_of_other_slots_has_the_same_digest() -> None:
    """Both end with the same two orders and client ids, but one has freed slots, levels and entries on the way."""
    plain, winding = open_market(), open_market()
    keeps = [
        commands.place(BOB, 1, BUY, 900, 3, order_id=1_001),
        commands.place(CAROL, 2, SELL, 950, 4, order_id=1_002),
    ]
    passing = [commands.place(ALICE, at % 3 + 1, BUY, 800 + at, 1, order_id=2_000 + at) for at in range(6)]
    leaving = [commands.cancel(ALICE, order_id=2_000 + at) for at in (3, 0, 5, 1, 4, 2)]
    refused = [commands.cancel(ALICE, order_id=9_999)] * 12
    plain.send(*refused[:6], *keeps, *refused[6:])
    winding.send(*passing, keeps[0], *leaving[:3], keeps[1], *leaving[3:])
    assert winding.venue.state.book.counters[0]["free_order"] != plain.venue.state.book.counters[0]["free_order"]
    assert winding.venue.digest() == plain.venue.digest()


def test_the_digest_tells_one_lot_from_two() -> None:
    one, two = open_market(), open_market()
    one.place(ALICE, BUY, 1_000, 1)
    two.place(ALICE, BUY, 1_000, 2)
    assert one.venue.digest() != two.venue.digest()


IN_PLAIN_PYTHON = """
import sys
import numpy as np
from exchange.venue.machine import Venue
from matching.schema import ORDER_COMMAND, SelfTrade
from tests.exchange.venue.market import LIMITS
venue = Venue(LIMITS)
events = venue.apply(np.frombuffer(sys.stdin.buffer.read(), ORDER_COMMAND), 1)
sys.stdout.buffer.write(venue.digest() + events.tobytes())
"""


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")
def test_plain_python_gives_the_same_events_and_the_same_digest_as_compiled_code() -> None:
    market = open_market()
    for at in range(40):
        side, price_ticks = (BUY, 1_000 - at % 3) if at % 2 else (SELL, 999 + at % 4)
        market.place(at % 3 + 1, side, price_ticks, at % 5 + 1, client_id=f"id-{at % 10}", self_trade=SelfTrade(at % 5))
    market.tick(400)
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(Path(__file__).parents[3])}
    run_plainly = [sys.executable, "-W", "ignore", "-c", IN_PLAIN_PYTHON]
    answered = subprocess.run(
        run_plainly, input=np.concatenate(market.sent).tobytes(), capture_output=True, env=environment, check=True
    )
    assert answered.stdout == market.venue.digest() + np.concatenate(market.events).tobytes()
