"""What telemetry and risk staff send of strain and financing, among everything else that comes to a venue."""

import numpy as np
from hypothesis import strategies as st

from exchange import commands, staff_commands
from tests.exchange.venue.market import ALICE, BOB, BUY, SELL, Market
from tests.exchange.venue.streams import (
    BUSY_PLACES,
    SOUND,
    Session,
    Step,
    define_region,
    set_parameters,
    step,
    tick,
    tranche_at,
)
from tests.matching.stream_orders import weighted

LOW_PPM, HIGH_PPM = 600_000, 900_000
CURVE = 10_000, 48_000, 1_000_000, 800_000


def set_utilisation(_: Market, region_id: int, utilisation_ppm: int) -> np.ndarray:
    return staff_commands.set_utilisation(region_id, utilisation_ppm)


def set_strain(_: Market, region_id: int, caps_ppm: tuple[int, int]) -> np.ndarray:
    return staff_commands.set_strain(region_id, *caps_ppm)


def set_financing(_: Market, curve: tuple[int, int, int, int]) -> np.ndarray:
    return staff_commands.set_financing(*curve)


def place_at(market: Market, account_id: int, side: int, price_ticks: int, lots: int) -> np.ndarray:
    return commands.place(account_id, tranche_at(market, 0), side, price_ticks, lots)


REGIONS = st.sampled_from([*[1] * 9, 2, 0, 4_096])
UTILISATIONS = st.sampled_from(
    [0, LOW_PPM, LOW_PPM + 1, 700_000, 777_777, HIGH_PPM - 1, HIGH_PPM, 2_000_000, 10_000_001]
)
CAPS = st.sampled_from([*[(LOW_PPM, HIGH_PPM)] * 4, (0, 0), (0, 1_000_000), (1, 0), (5, 5), (0, 10_000_001)])
CURVES = st.sampled_from([CURVE, CURVE, (0, 48_000, 1_000_000, 800_000), (9_000_000, 0, 0, 1), (0,) * 4, (1, 0, 0, 0)])
PARAMETERS = step(
    set_parameters,
    st.sampled_from([0, 0, 1]),
    st.sampled_from([1_000, 900, 1_500, 31_000]),
    st.tuples(*[st.sampled_from([0, 50, 100, 300, 1_000])] * 2),
    st.just((10, 5, 3)),
)
LEVERAGE = weighted(
    {
        step(set_utilisation, REGIONS, UTILISATIONS): 6,
        step(set_strain, REGIONS, CAPS): 2,
        step(set_financing, CURVES): 2,
        PARAMETERS: 3,
        step(define_region, st.just(0)): 1,
    }
)
HOURS = step(tick, st.sampled_from([60, 900, 1_799, 3_600, 7_300, 20_000]))
STEPS = weighted({LEVERAGE: 8, BUSY_PLACES: 8, SOUND: 4, HOURS: 2})

QUIET = Step(set_parameters, (0, 1_000, (0, 0), (0, 0, 0)))
"""A lot of the first tranche requires nothing but its fee."""
RUIN = [
    QUIET,
    Step(place_at, (ALICE, SELL, 1_000, 900)),
    Step(place_at, (BOB, BUY, 1_000, 900)),
    Step(place_at, (3, SELL, 1_400, 1)),
    Step(place_at, (BOB, BUY, 1_400, 1)),
    Step(tick, (180,)),
]
"""Alice sells far too much, and is settled at a price at which she owes more than she has."""


def leverage_sessions(length: int = 40) -> st.SearchStrategy[Session]:
    """Days on which strain and interest change, with somebody in debt in half of them."""
    starts = st.sampled_from([[], [Step(set_financing, (CURVE,)), *RUIN]])
    steps = st.lists(STEPS, min_size=length // 2, max_size=length)
    return st.builds(lambda start, rest: Session({}, [*start, *rest]), starts, steps)
