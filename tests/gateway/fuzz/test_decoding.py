"""Inputs to the functions behind the doors, in one process: JSON, and blocks of binary frames into a whole market.

`BWX_SIM_FUZZ` says how many inputs all tests of this folder make together, `BWX_SIM_FUZZ_SEED` with which seed.
"""

import random
import time
from collections.abc import Callable

from gateway.encoding.json_text import decode_object, encode
from gateway.encoding.requests import NoQuery, parse
from gateway.errors import ApiError
from matching.schema import EventKind
from tests.gateway.fuzz.frames import Frames
from tests.gateway.fuzz.market import FUZZER, MAKER, NANO_PER_S, START_NS, Market
from tests.gateway.fuzz.mutations import Mutator
from tests.gateway.fuzz.shares import SEED, inputs
from tests.gateway.fuzz.valid import Names, Route, Valid

CHECKED_EVERY = 500
STALL_S = 0.5
"""Hundreds of times what an input takes: only one that is read again and again comes near it."""
STEPS_NS = (0, 0, 0, 1_000, NANO_PER_S // 100, NANO_PER_S, 100 * NANO_PER_S)


def test_any_text_frame_is_answered_or_refused_by_name_and_the_market_stays_whole() -> None:
    market, dice = Market(), random.Random(SEED)
    valid, mutator = Valid(names_of(market), dice), Mutator(dice)
    for at in range(inputs(0.4)):
        if at % CHECKED_EVERY == 0:
            valid.names = names_of(market)
        valid.order_ids = order_ids(market)
        take(market, market.hear, mutator.payload(valid.on_a_socket()), at)
    market.check()
    assert {"malformed_json", "duplicate_key", "wrong_type", "unknown_field", "missing_field"} <= set(market.refusals)
    assert {EventKind.RESTED, EventKind.CANCELLED, EventKind.MASS_QUOTED, EventKind.REJECTED} <= set(market.outcomes)


def test_any_binary_frame_is_run_or_refused_whole_and_the_market_stays_whole() -> None:
    market, dice = Market(), random.Random(SEED + 1)
    frames = Frames(market.open_instruments, dice)
    for at in range(inputs(0.15)):
        frames.order_ids = order_ids(market)
        if at % 5 == 0:
            market.trade(frames.command(), dice.choice((FUZZER, MAKER)))
        take(market, market.hear_frame, frames.payload(), at)
        market.pass_time(dice.choice(STEPS_NS))
    market.check()
    assert set(market.refusals) == {"invalid_frame"}
    assert {EventKind.RESTED, EventKind.MASS_QUOTED, EventKind.MASS_CANCELLED, EventKind.REJECTED} <= set(
        market.outcomes
    )


def test_any_body_of_any_route_is_a_request_or_refused_by_name() -> None:
    dice = random.Random(SEED + 2)
    valid, mutator = Valid(names_of(Market()), dice), Mutator(dice)
    seen: set[str] = set()
    routes: list[Route] = []
    for at in range(inputs(0.3)):
        if at % CHECKED_EVERY == 0:
            routes = [route for route in valid.routes() if route.model is not None]
        route = dice.choice(routes)
        payload = mutator.payload(route.body or {})
        try:
            parse(route.model or NoQuery, decode_object(payload))
        except ApiError as error:
            encode(error.as_json())
            seen.add(error.error.name)
        except Exception as error:
            raise AssertionError(f"input {at} of seed {SEED} to {route.path}: {payload!r}") from error
    assert {"MALFORMED_JSON", "WRONG_TYPE", "UNKNOWN_FIELD", "INVALID_VALUE", "NUMBER_NOT_STRING"} <= seen


def take(market: Market, hear: Callable[[bytes], None], payload: bytes, at: int) -> None:
    """One input; what goes wrong names it."""
    try:
        started_s = time.thread_time()
        hear(payload)
        assert time.thread_time() - started_s < STALL_S, "everybody waited for this one input"
        if at % CHECKED_EVERY == CHECKED_EVERY - 1:
            market.check()
    except Exception as error:
        raise AssertionError(f"input {at} of seed {SEED}: {payload!r}") from error


def names_of(market: Market) -> Names:
    """What requests to a market may name."""
    tranches = [market.view.tranches[each] for each in market.open_instruments()]
    symbols = tuple(each.symbol for each in tranches)
    return Names(symbols, "eu-fra", "fuzzer", ("2027-01-15T10:00:00Z", "2027-01-15T11:00:00Z"))


def order_ids(market: Market) -> list[int]:
    """Some orders of the account, and one that there is not."""
    return [each.order_id for each in market.view.open_orders(FUZZER)[:5]] or [START_NS]
