"""Leverage that gets dearer as a region fills up: requirements follow, and are always what a recomputation gives."""

import gzip
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import commands, staff_commands
from exchange.venue import image
from exchange.venue.machine import Venue
from exchange.venue.schema import Event, Reject
from exchange.venue.state import VenueLimits
from matching.events import EVENTS_PER_STEP_MAX
from risk.schema import PPM, SCENARIOS, Standing
from tests.exchange.venue.market import (
    ALICE,
    BOB,
    BUY,
    CAROL,
    CASH_NANO,
    LIMITS,
    REFERENCE_TICKS,
    SELL,
    TICK_VALUE_NANO,
    Market,
    define_series,
    open_market,
)
from tests.exchange.venue.stream_leverage import HIGH_PPM, LOW_PPM, leverage_sessions
from tests.exchange.venue.streams import Session, rehearse

SHOCKS_TICKS = [0, *[100, -200] * 7, 50]
QUARTERS_OF_A_DAY = 96
QUARTER_S = 900


@pytest.fixture
def market() -> Market:
    """Alice is short and Bob long five lots of the first tranche; Carol bids for two of it and three of the second."""
    market = open_market()
    market.send(
        commands.set_parameters(1, mark_ticks=1_000, shocks_ticks=SHOCKS_TICKS, spread_ticks=10),
        staff_commands.set_strain(1, LOW_PPM, HIGH_PPM),
    )
    market.place(ALICE, SELL, 1_000, 5)
    market.place(BOB, BUY, 1_000, 5)
    market.place(CAROL, BUY, 1_000, 2)
    market.place(CAROL, BUY, 1_000, 3, instrument_id=2)
    return market


def use(market: Market, utilisation_ppm: int) -> dict[str, int]:
    return market.ask(staff_commands.set_utilisation(1, utilisation_ppm))


def margins_nano(market: Market) -> list[int]:
    return [market.figures(account_id).margin_nano for account_id in (ALICE, BOB, CAROL)]


def shocks_of(market: Market, instrument_id: int) -> list[int]:
    at = instrument_id % LIMITS.instruments * SCENARIOS
    return market.venue.state.ledger.shocks[at : at + SCENARIOS].tolist()


def test_a_region_without_caps_is_never_strained(market: Market) -> None:
    market.send(staff_commands.set_strain(1, 0, 0))
    before = margins_nano(market)
    outcome = use(market, 5 * PPM)
    assert (outcome["kind"], outcome["utilisation_ppm"], outcome["tranches"]) == (Event.UTILISATION_SET, 5 * PPM, 0)
    assert margins_nano(market) == before


def test_half_way_between_the_caps_shocks_are_half_way_to_the_mark(market: Market) -> None:
    outcome = use(market, (LOW_PPM + HIGH_PPM) // 2)
    assert (outcome["low_ppm"], outcome["high_ppm"]) == (LOW_PPM, HIGH_PPM)
    assert shocks_of(market, 1) == [0, *[550, -600] * 7, 525]
    assert market.figures(ALICE).margin_nano == 5 * (550 + 10) * TICK_VALUE_NANO
    assert market.figures(BOB).margin_nano == 5 * (600 + 10) * TICK_VALUE_NANO


def test_only_tranches_whose_shocks_change_are_valued_anew(market: Market) -> None:
    """Every tranche has shocks that may grow, and those from the high cap on are the same whatever the use."""
    assert use(market, LOW_PPM)["tranches"] == 0
    assert use(market, LOW_PPM + 1)["tranches"] == 0  # less than a tick
    assert use(market, HIGH_PPM)["tranches"] == len(market.twin.tranches) == 3
    assert use(market, HIGH_PPM + 1)["tranches"] == 0
    assert market.ask(staff_commands.set_strain(1, LOW_PPM, HIGH_PPM + 1))["tranches"] == 0
    assert market.ask(staff_commands.set_strain(1, LOW_PPM, 2 * HIGH_PPM))["tranches"] == 3


def test_a_full_region_takes_the_whole_mark_and_one_that_empties_gives_it_back_bit_for_bit(market: Market) -> None:
    before, digest = margins_nano(market), market.venue.digest()
    losses = market.venue.state.ledger.losses.copy()
    use(market, 0)
    digest_at_ease = market.venue.digest()
    use(market, HIGH_PPM)
    assert shocks_of(market, 1) == [0, *[1_000, -1_000] * 7, 1_000]
    assert margins_nano(market)[1] == 5 * (1_000 + 10) * TICK_VALUE_NANO
    assert market.venue.digest() != digest
    use(market, 0)
    assert margins_nano(market) == before
    assert market.venue.state.ledger.losses.tobytes() == losses.tobytes()
    assert digest_of_same_commands(market) == digest_at_ease


def digest_of_same_commands(market: Market) -> bytes:
    """The digest of an image that counts two commands less."""
    rows = {name: part.copy() for name, part in market.venue.image().items()}
    rows["summary"]["commands"] -= 2
    rows["summary"]["sequence"] -= 2
    return image.digest(rows)


@given(st.lists(st.integers(0, 2 * PPM), min_size=2, max_size=6))
def test_margins_never_fall_as_use_rises(uses_ppm: list[int]) -> None:
    market = open_market()
    market.send(
        commands.set_parameters(1, mark_ticks=1_000, shocks_ticks=SHOCKS_TICKS, spread_ticks=10),
        staff_commands.set_strain(1, LOW_PPM, HIGH_PPM),
    )
    market.place(ALICE, SELL, 1_000, 5)
    market.place(BOB, BUY, 1_000, 3)
    market.place(CAROL, BUY, 990, 3, instrument_id=2)
    found = []
    for utilisation_ppm in sorted(uses_ppm):
        use(market, utilisation_ppm)
        found.append(margins_nano(market))
    for before, after in pairwise(found):
        assert all(less <= more for less, more in zip(before, after, strict=True))


def test_new_parameters_in_a_strained_region_are_strained_at_once(market: Market) -> None:
    use(market, (LOW_PPM + HIGH_PPM) // 2)
    outcome = market.ask(commands.set_parameters(1, mark_ticks=2_000, shocks_ticks=SHOCKS_TICKS, spread_ticks=10))
    assert outcome["worst_shock_ticks"] == 1_100
    assert shocks_of(market, 1) == [0, *[1_050, -1_100] * 7, 1_025]
    use(market, 0)
    assert shocks_of(market, 1) == SHOCKS_TICKS


def test_a_shock_of_more_than_the_mark_stays(market: Market) -> None:
    use(market, HIGH_PPM)
    market.send(commands.set_parameters(1, mark_ticks=80, shocks_ticks=SHOCKS_TICKS))
    assert shocks_of(market, 1) == [0, *[100, -200] * 7, 80]


def test_a_window_that_is_listed_in_a_strained_region_is_strained(market: Market) -> None:
    use(market, HIGH_PPM)
    market.tick(300)
    latest = max(market.twin.tranches)
    assert latest > 3
    assert set(map(abs, shocks_of(market, latest))) == {0, REFERENCE_TICKS}
    use(market, 0)
    assert min(map(abs, shocks_of(market, latest)[1:])) == 150


def test_strain_of_one_region_leaves_others_alone(market: Market) -> None:
    market.send(commands.define_region(2, "us-nyc"), define_series(2, region_id=2, horizon_s=240))
    market.tick(1)
    other = next(each_id for each_id, each in market.twin.tranches.items() if each.scope[0] == 2)
    before = shocks_of(market, other)
    use(market, HIGH_PPM)
    assert shocks_of(market, other) == before
    market.send(staff_commands.set_strain(2, LOW_PPM, HIGH_PPM), staff_commands.set_utilisation(2, HIGH_PPM))
    assert shocks_of(market, other) != before


def test_an_order_needs_what_it_needs_under_strain(market: Market) -> None:
    lots = CASH_NANO // (REFERENCE_TICKS * TICK_VALUE_NANO)
    use(market, HIGH_PPM)
    assert market.place(CAROL, SELL, 1_000, lots)["reason"] == Reject.INSUFFICIENT_MARGIN
    use(market, 0)
    assert market.place(CAROL, SELL, 1_001, lots)["kind"] == Event.RESTED


def test_a_rise_that_leaves_an_account_with_less_than_it_must_have_calls_it_at_once(market: Market) -> None:
    market.send(commands.withdraw(BOB, market.free_nano(BOB)))
    answer = market.send(staff_commands.set_utilisation(1, HIGH_PPM))[0]
    assert answer[0]["kind"] == Event.STANDING_CHANGED
    assert (answer[0]["account_id"], answer[0]["standing"]) == (BOB, Standing.CALLED)
    assert answer[0]["equity_nano"] - answer[0]["margin_nano"] == -5 * 800 * TICK_VALUE_NANO
    assert answer[-1]["kind"] == Event.UTILISATION_SET


@pytest.mark.parametrize(
    ("group", "reason"),
    [
        (staff_commands.set_utilisation(0, 1), Reject.UNKNOWN_REGION),
        (staff_commands.set_utilisation(2, 1), Reject.UNKNOWN_REGION),
        (staff_commands.set_utilisation(1, 10_000_001), Reject.STRAIN_OUT_OF_RANGE),
        (staff_commands.set_utilisation(1, 0xFFFFFFFF), Reject.STRAIN_OUT_OF_RANGE),
        (staff_commands.set_strain(2, 1, 2), Reject.UNKNOWN_REGION),
        (staff_commands.set_strain(0xFFFFFFFF, 1, 2), Reject.UNKNOWN_REGION),
        (staff_commands.set_strain(1, 2, 2), Reject.STRAIN_OUT_OF_RANGE),
        (staff_commands.set_strain(1, 2, 0), Reject.STRAIN_OUT_OF_RANGE),
        (staff_commands.set_strain(1, 0, 10_000_001), Reject.STRAIN_OUT_OF_RANGE),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(market: Market, group: np.ndarray, reason: Reject) -> None:
    before = market.venue.image()["regions"].tobytes()
    assert market.ask(group)["reason"] == reason
    assert market.venue.image()["regions"].tobytes() == before


def test_a_restored_venue_is_as_strained_and_goes_on_alike(market: Market) -> None:
    use(market, 777_777)
    restored = Venue.from_image(market.venue.image(), LIMITS)
    assert restored.digest() == market.venue.digest()
    assert restored.figures_of_all().tobytes() == market.venue.figures_of_all().tobytes()
    further = commands.concatenate(
        commands.place(BOB, 1, SELL, 1_000, 3, order_id=900),
        staff_commands.set_utilisation(1, 650_000),
        commands.set_parameters(1, mark_ticks=1_100, shocks_ticks=SHOCKS_TICKS),
    )
    events = [venue.apply(further, market.next_sequence).tobytes() for venue in (market.venue, restored)]
    assert events[0] == events[1]
    assert restored.digest() == market.venue.digest()


# A day of telemetry, with trading, checked against a recomputation after each command.


def test_a_made_up_day_drives_margins() -> None:
    """It fills up from the morning on, peaks in the evening, and empties at night."""
    rises = [400_000 + 7_000 * min(quarter, 2 * (QUARTERS_OF_A_DAY - quarter)) for quarter in range(QUARTERS_OF_A_DAY)]
    run_day(rises)


def test_a_recorded_day_drives_margins() -> None:
    """The busiest day of ten weeks in a backbone, against the most that it ever carried."""
    folder = os.environ.get("BWX_DATA")
    files = sorted(Path(folder, "net").glob("isp_uk_academic_backbone_5min_2004*")) if folder else []
    if not files:
        pytest.skip("BWX_DATA names no folder that holds net/ with a recorded backbone")
    days = list(recorded_days(files[0]))
    busiest = max(days, key=sum)
    most = max(map(max, days))
    run_day([int(PPM * carried / most) for carried in busiest])


def recorded_days(path: Path) -> Iterator[list[float]]:
    """What was carried in each quarter-hour of each whole day."""
    by_day: dict[str, list[float]] = {}
    with gzip.open(path, "rt") as lines:
        for line in lines:
            time, _, carried = line.partition(",")
            if time[:1].isdigit():
                by_day.setdefault(time[:10], []).append(float(carried))
    for samples in by_day.values():
        if len(samples) == 3 * QUARTERS_OF_A_DAY:
            yield [sum(samples[at : at + 3]) for at in range(0, len(samples), 3)]


def run_day(uses_ppm: list[int]) -> None:
    """Each quarter-hour tells how the region is used; somebody trades, somebody's order rests, and gates close."""
    assert len(uses_ppm) == QUARTERS_OF_A_DAY
    limits = VenueLimits(instruments=16, orders=64, nodes=200, accounts=8, positions=64, client_ids=16)
    market = open_market(limits, duration_s=3_600, gate_lead_s=900, horizon_s=2 * 3_600)
    market.send(staff_commands.set_strain(1, LOW_PPM, HIGH_PPM))
    taken_nano = []
    for quarter, used_ppm in enumerate(uses_ppm):
        market.tick(QUARTER_S)
        latest = max(market.twin.tranches)
        if market.twin.tranches[latest].risk.spread_ticks != 10:
            market.send(commands.set_parameters(latest, mark_ticks=1_000, shocks_ticks=SHOCKS_TICKS, spread_ticks=10))
        seller, buyer = ((ALICE, BOB), (BOB, CAROL), (CAROL, ALICE))[quarter % 3]
        market.place(seller, SELL, 1_000 + quarter % 3, 2, instrument_id=latest)
        market.place(buyer, BUY, 1_002, 1, instrument_id=latest)
        before = sum(margins_nano(market))
        outcome = use(market, used_ppm)
        assert outcome["utilisation_ppm"] == used_ppm
        taken_nano.append((used_ppm, sum(margins_nano(market)) - before))
    rises = [more for (last, _), (used, more) in pairwise(taken_nano) if used > last > LOW_PPM]
    assert len(rises) > 10, "the day never strained the region"
    assert min(rises) >= 0 < max(rises)
    assert min(used for used, _ in taken_nano) < LOW_PPM, "the region was never at ease"


# Strain and interest on and off among everything else.


@given(leverage_sessions())
def test_what_is_kept_is_what_a_recomputation_gives_after_every_command(session: Session) -> None:
    rehearse(session, checks=True)


@given(leverage_sessions(), st.sampled_from([EVENTS_PER_STEP_MAX, EVENTS_PER_STEP_MAX + 1, 8]), st.integers(1, 7))
def test_buffers_and_batches_of_any_size_give_the_same_events(session: Session, capacity: int, size: int) -> None:
    market = rehearse(session)
    venue = Venue(LIMITS, event_capacity=capacity)
    sequence, parts = 1, []
    for at in range(0, len(market.sent), size):
        batch = np.concatenate(market.sent[at : at + size])
        parts.append(venue.apply(batch, sequence).tobytes())
        sequence += len(batch)
    assert b"".join(parts) == b"".join(events.tobytes() for events in market.events)
    assert venue.digest() == market.venue.digest()


@given(leverage_sessions(), st.integers(0, 40))
def test_a_venue_that_is_restored_anywhere_answers_alike(session: Session, cut: int) -> None:
    market = rehearse(session)
    venue, sequence = Venue(LIMITS), 1
    for at, batch in enumerate(market.sent):
        if at == min(cut, len(market.sent) - 1):
            venue = Venue.from_image(venue.image(), LIMITS)
        assert venue.apply(batch, sequence).tobytes() == market.events[at].tobytes()
        sequence += len(batch)
    assert venue.digest() == market.venue.digest()
