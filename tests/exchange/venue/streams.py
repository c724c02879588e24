"""Hypothesis strategies for all that can come to a venue, biased to where its rules meet.

A session is a list of steps. A step knows what it wants, such as an order in the third of the tranches that are open by
then; the records follow when it is its turn, from what the twin knows. So sessions are plain data that shrink well, yet
most orders find their tranche and most changes their order.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from exchange import commands
from exchange.venue.schema import TIME_NS_MAX, Command, Tier
from kernels.records import RECORD_BYTES
from matching.schema import OrderFlag, SelfTrade, Side, TimeInForce
from tests.exchange.venue.market import CASH_NANO, LIMITS, NANO_PER_S, REFERENCE_TICKS, START_NS, Market, opening
from tests.exchange.venue.stream_noise import damaged, noise, stray_continuation, unknown_kind
from tests.exchange.venue.stream_operators import (
    another_series,
    call_margin,
    define_region,
    halt,
    halt_market,
    open_account,
    set_cancel_after,
    set_fees,
    set_parameters,
    set_reference,
    tranche_at,
)
from tests.exchange.venue.told import client_key
from tests.matching.stream_orders import weighted

Draw = Callable[[st.SearchStrategy], Any]
GTC, GTD, IOC, FOK = TimeInForce
MARKET, POST_ONLY, SLIDE, _, _, REDUCE_ONLY, _ = OrderFlag
DAVE = 4
INT64_MAX = (1 << 63) - 1
"""Records of random bytes list no windows further ahead than this, nor bring time: a tick could last for minutes."""


class Step(NamedTuple):
    """One command in the making: a function of the market as it is by then, and what it was drawn with."""

    make: Callable[..., np.ndarray]
    choices: tuple[Any, ...]

    def records(self, market: Market) -> np.ndarray:
        return self.make(market, *self.choices)


def step(make: Callable[..., np.ndarray], *choices: st.SearchStrategy) -> st.SearchStrategy[Step]:
    return st.tuples(*choices).map(lambda drawn: Step(make, drawn))


class Session(NamedTuple):
    """The calendar that a market opens with, and what happens then."""

    series: dict[str, int]
    steps: list[Step]


class Further(NamedTuple):
    """What an order asks for beside its limit."""

    flags: int = 0
    display_lots: int = 0
    minimum_lots: int = 0


class Placing(NamedTuple):
    """The choices of a new order."""

    account_id: int
    pick: int
    side: Side
    distance_ticks: int
    quantity_lots: int
    client_id: str
    terms: tuple[TimeInForce, int]
    self_trade: SelfTrade
    lifetime_s: int
    further: Further
    label: int


ACCOUNTS = weighted({st.sampled_from([1, 1, 2, 2, 3, 3, DAVE]): 24, st.sampled_from([5, 7, 8, 0, (1 << 32) - 1]): 1})
PICKS = st.sampled_from([*[0] * 12, *[1] * 5, 2, 3, 5])
CLIENT_IDS = st.sampled_from([*[""] * 16, *"abcdefghijklmno", "p" * 36])
TERMS = st.sampled_from(
    [
        *[(GTC, 0)] * 12,
        *[(GTD, 0)] * 5,
        (IOC, 0),
        (FOK, 0),
        (GTC, POST_ONLY),
        (GTC, SLIDE),
        (GTD, SLIDE),
        (IOC, MARKET),
        (FOK, MARKET),
        (GTC, MARKET),
    ]
)
DISTANCES = st.sampled_from([*[0] * 8, 1, -1, 1, -1, 2, -3, 10, 400, -400, -990, 501, 10_000])
QUANTITIES = st.sampled_from([1, 2, 3, 5, 5, 8, 1, 2, 3, 5, 5, 8, 13, 21, 40, 100, 1_001])
FURTHER_KINDS = [
    Further(REDUCE_ONLY),
    Further(display_lots=1),
    Further(display_lots=3),
    Further(minimum_lots=1),
    Further(minimum_lots=3),
    Further(REDUCE_ONLY, display_lots=2),
    Further(REDUCE_ONLY, minimum_lots=2),
    Further(display_lots=2, minimum_lots=2),
]
FURTHER = st.sampled_from([*[Further()] * 12, *[Further(REDUCE_ONLY)] * 4, *FURTHER_KINDS])
LABELS = st.sampled_from([0, 0, 1, 2])
PLACINGS = st.builds(
    Placing,
    ACCOUNTS,
    PICKS,
    st.sampled_from(Side),
    DISTANCES,
    QUANTITIES,
    CLIENT_IDS,
    TERMS,
    st.sampled_from([*[SelfTrade.NONE] * 4, *SelfTrade]),
    st.sampled_from([1, 5, 30, 60, 200, 200, -1]),
    FURTHER,
    LABELS,
)


def place(market: Market, placing: Placing) -> np.ndarray:
    time_in_force, flags = placing.terms
    further = placing.further
    return commands.place(
        placing.account_id,
        tranche_at(market, placing.pick),
        placing.side,
        0 if flags == MARKET else REFERENCE_TICKS + placing.distance_ticks,
        placing.quantity_lots,
        client_id=placing.client_id,
        time_in_force=time_in_force,
        flags=flags | further.flags,
        self_trade=placing.self_trade,
        expires_ns=market.twin.time_ns + placing.lifetime_s * NANO_PER_S if time_in_force == GTD else 0,
        display_lots=further.display_lots,
        minimum_lots=further.minimum_lots,
        label=placing.label,
        session_id=placing.label,
    )


def cancel(market: Market, pick: int, is_thief: bool, client_id: str, names_by_client_id: bool) -> np.ndarray:
    account_id, target = target_at(market, pick, is_thief, names_by_client_id)
    return with_target(commands.cancel(account_id, client_id=client_id), target)


def replace(
    market: Market,
    pick: int,
    distance_ticks: int,
    quantity_lots: int,
    client_id: str,
    names_by_client_id: bool,
    flags: int,
) -> np.ndarray:
    account_id, target = target_at(market, pick, False, names_by_client_id)
    price_ticks = REFERENCE_TICKS + distance_ticks
    change = commands.replace(account_id, price_ticks, quantity_lots, client_id=client_id, flags=flags)
    return with_target(change, target)


class QuoteChoice(NamedTuple):
    """The choices of both sides of one instrument; 0 lots take a side away."""

    pick: int
    distances_ticks: tuple[int, int]
    lots: tuple[int, int]


def mass_quote(
    market: Market,
    account_id: int,
    choices: list[QuoteChoice],
    client_id: str,
    post_only: bool,
    self_trade: SelfTrade,
    label: int,
) -> np.ndarray:
    quotes = [
        commands.Quote(
            tranche_at(market, choice.pick),
            REFERENCE_TICKS - choice.distances_ticks[0] if choice.lots[0] else 0,
            choice.lots[0],
            REFERENCE_TICKS + choice.distances_ticks[1] if choice.lots[1] else 0,
            choice.lots[1],
        )
        for choice in choices
    ]
    terms = {"client_id": client_id, "post_only": post_only, "self_trade": self_trade}
    return commands.mass_quote(account_id, quotes, **terms, label=label, session_id=label)


class LegChoice(NamedTuple):
    """The choices of one leg."""

    pick: int
    side: Side
    distance_ticks: int
    lots: int
    reduce_only: bool


def basket(
    market: Market, account_id: int, choices: list[LegChoice], client_id: str, self_trade: SelfTrade
) -> np.ndarray:
    """Legs that mostly reach the other side."""
    legs = [
        commands.Leg(
            tranche_at(market, choice.pick),
            choice.side,
            REFERENCE_TICKS + (choice.distance_ticks if choice.side == Side.BUY else -choice.distance_ticks),
            choice.lots,
            choice.reduce_only,
        )
        for choice in choices
    ]
    return commands.basket(account_id, legs, client_id=client_id, self_trade=self_trade)


def mass_cancel(market: Market, account_id: int | None, by: str, value: int, client_id: str) -> np.ndarray:
    if by == "instrument_id":
        value = tranche_at(market, value)
    criteria: dict[str, Any] = {by: value} if by else {}
    return commands.mass_cancel(account_id, **criteria, client_id=client_id)


def target_at(market: Market, pick: int, is_thief: bool, by_client_id: bool) -> tuple[int, tuple[int, int, int]]:
    """An account, and (order id, target high, target low) of one of the resting orders or of none."""
    resting = list(market.twin.orders.items())
    if not resting:
        return 1, (pick, 0, 0)
    order_id, order = resting[pick % len(resting)]
    account_id = order.account_id % 3 + 1 if is_thief else order.account_id
    names = [key[1:] for key, known in market.twin.clients.items() if known.outcome.get("order_id") == order_id]
    return account_id, (0, *names[0]) if by_client_id and names else (order_id, 0, 0)


def with_target(group: np.ndarray, target: tuple[int, int, int]) -> np.ndarray:
    changed = group.copy()
    head = changed[:1].view(commands.CHANGE_COMMAND)
    head["order_id"], head["target_high"], head["target_low"] = target
    return changed


def move_money(_: Market, is_deposit: bool, account_id: int, amount_nano: int, client_id: str) -> np.ndarray:
    build = commands.deposit if is_deposit else commands.withdraw
    return build(account_id, amount_nano, client_id=client_id)


def withdraw_all(market: Market, account_id: int, more_nano: int) -> np.ndarray:
    figures = market.twin.figures(account_id) if account_id in market.twin.accounts else None
    withdrawable_nano = min(figures.free_nano, figures.cash_nano) if figures else 0
    return commands.withdraw(account_id, withdrawable_nano + more_nano)


def retry(market: Market, pick: int, lots_more: int) -> np.ndarray:
    """An earlier command with a client id once more, mostly as it was."""
    sent = [group for group in market.sent if client_key(group) is not None]
    if not sent:
        return commands.tick(market.twin.time_ns)
    again = sent[pick % len(sent)].copy()
    if again["kind"][0] == Command.PLACE:
        again["order_id"][0] = 0
        again["quantity_lots"][0] += lots_more
    return again


def tick(market: Market, seconds: int) -> np.ndarray:
    return commands.tick(market.twin.time_ns + seconds * NANO_PER_S)


def tick_at(_: Market, time_ns: int) -> np.ndarray:
    return commands.tick(time_ns)


def tick_to_deadline(market: Market, nanoseconds_off: int) -> np.ndarray:
    """Just to, or one before, the instant at which something falls due."""
    due_ns = [*(each.deadline_ns for each in market.twin.tranches.values()), market.twin.time_ns + 1]
    return commands.tick(min(due_ns) + nanoseconds_off)


AMOUNTS_NANO = st.sampled_from([1, 1_000_000, 50_000_000, 1 << 60, (1 << 60) + 1, INT64_MAX, 0, -1, -INT64_MAX - 1])
SERIES_TERMS = st.fixed_dictionaries(
    {},
    optional={
        "duration_s": st.sampled_from([180, 360, 360, 540, 181, 0, 86_580]),
        "gate_lead_s": st.sampled_from([0, 30, 120]),
        "horizon_s": st.sampled_from([300, 700, 1_200, 60, 0]),
        "tier": st.sampled_from([*Tier, 3]),
        "first_start_ns": st.sampled_from([0, START_NS, START_NS + 600 * NANO_PER_S, START_NS + 1, -1]),
        "price_step_ticks": st.sampled_from([1, 5, 7, 0]),
        "quantity_step_lots": st.sampled_from([1, 2, 0]),
        "band_bps": st.sampled_from([0, 100, 5_000, 999_999, 1_000_000]),
        "region_id": st.sampled_from([1, 1, 2, 0]),
        "opening_auction_s": st.sampled_from([5, 20, 100, 65_535]),
        "closing_auction_s": st.sampled_from([5, 30, 100, 65_535]),
    },
)
NEAR = st.sampled_from([0, 0, 0, 0, 1, -1])
PLACES = step(place, PLACINGS)
CHANGES = weighted(
    {
        step(cancel, st.integers(0, 9), NEAR.map(lambda drawn: drawn == 1), CLIENT_IDS, st.booleans()): 2,
        step(
            replace,
            st.integers(0, 9),
            DISTANCES,
            QUANTITIES,
            CLIENT_IDS,
            st.booleans(),
            st.sampled_from([0, 0, 1, 2, 3, 4]),
        ): 3,
    }
)
MONEY = weighted(
    {
        step(move_money, st.booleans(), ACCOUNTS, AMOUNTS_NANO, CLIENT_IDS): 2,
        step(withdraw_all, ACCOUNTS, st.sampled_from([0, 1, -1])): 1,
    }
)
SMALL_TICKS = step(tick, st.sampled_from([0, 1, 1, 7, 29, 30]))
LATE_TICKS = step(tick, st.sampled_from([60, 119, 120, 121, 121, 180, 2_000]))
ODD_TICKS = step(tick_at, st.sampled_from([0, START_NS, -1, TIME_NS_MAX + 1, INT64_MAX]))
DEADLINE_TICKS = step(tick_to_deadline, st.sampled_from([0, 0, -1]))
TICKS = weighted({SMALL_TICKS: 5, LATE_TICKS: 2, ODD_TICKS: 1, DEADLINE_TICKS: 6})
HALTS = weighted(
    {
        step(halt, st.just(True), PICKS): 2,
        step(halt, st.just(False), PICKS): 3,
        step(halt_market, st.just(True)): 1,
        step(halt_market, st.just(False)): 3,
    }
)
LISTINGS = weighted(
    {
        step(set_reference, PICKS, st.sampled_from([1, 800, 1_000, 1_200, 0, (1 << 30) - 1, 1 << 30])): 2,
        step(another_series, NEAR, SERIES_TERMS): 2,
        step(define_region, NEAR): 1,
        step(
            set_parameters,
            PICKS,
            st.sampled_from([1_000, 900, 1_100, 400, 2_500, 1, 32_000, 32_001, 0]),
            st.tuples(*[st.sampled_from([0, 50, 100, 300, 1_000, 32_000, 32_001])] * 2),
            st.tuples(
                st.sampled_from([0, 10, 100, -1]), st.sampled_from([0, 50, 32_000]), st.sampled_from([0, 3, 100, -1])
            ),
        ): 4,
        step(set_fees, NEAR, st.sampled_from([(0, 0), (100, 500), (-300, 500), (-501, 500), (20_001, 0), (0, -1)])): 2,
        step(open_account, st.integers(0, 9), st.integers(0, 2)): 2,
    }
)
QUOTE_CHOICES = st.builds(
    QuoteChoice,
    PICKS,
    st.tuples(*[st.sampled_from([0, 1, 1, 2, 2, -1])] * 2),
    st.tuples(*[st.sampled_from([0, 1, 2, 3, 5, 5, 8])] * 2),
)
LEG_CHOICES = st.builds(
    LegChoice, PICKS, st.sampled_from(Side), st.sampled_from([2, 2, 1, 0, 400]), st.integers(1, 5), NEAR.map(bool)
)
GROUPS = weighted(
    {
        step(
            mass_quote,
            ACCOUNTS,
            st.lists(QUOTE_CHOICES, min_size=1, max_size=3, unique_by=lambda choice: choice.pick),
            CLIENT_IDS,
            st.booleans(),
            st.sampled_from(SelfTrade),
            LABELS,
        ): 6,
        step(
            basket,
            ACCOUNTS,
            st.lists(LEG_CHOICES, min_size=1, max_size=3, unique_by=lambda choice: choice.pick),
            CLIENT_IDS,
            st.sampled_from(SelfTrade),
        ): 4,
        step(
            mass_cancel,
            st.sampled_from([1, 2, 3, 1, 2, 3, None, 7]),
            st.sampled_from(["", "session_id", "label", "side", "instrument_id", "region_id", "tier"]),
            st.sampled_from([0, 1, 2]),
            CLIENT_IDS,
        ): 1,
    }
)
SIGNS_OF_LIFE = step(
    set_cancel_after,
    ACCOUNTS,
    st.sampled_from([None, 0, 1, 2]),
    st.sampled_from([*[1_000, 7_000, 7_000, 29_999] * 2, 0, 1, 60_000, 86_400_000, 86_400_001, -1]),
)
CALLS = step(call_margin, ACCOUNTS, NEAR.map(bool), st.sampled_from([*[0, 1, 300_001] * 3, 9_000_000, 1 << 59, -1]))
SOUND = weighted(
    {
        PLACES: 24,
        CHANGES: 8,
        GROUPS: 6,
        MONEY: 2,
        TICKS: 7,
        HALTS: 2,
        LISTINGS: 2,
        SIGNS_OF_LIFE: 2,
        CALLS: 1,
        step(retry, PICKS, NEAR): 3,
    }
)
BUSY_PLACES = step(
    place,
    st.builds(
        Placing,
        st.sampled_from([1, 2, 3]),
        st.just(0),
        st.sampled_from(Side),
        st.integers(-2, 2),
        st.integers(1, 9),
        st.just(""),
        st.sampled_from([*[(GTC, 0)] * 6, (GTD, 0), (IOC, 0)]),
        st.sampled_from([*[SelfTrade.NONE] * 3, *SelfTrade]),
        st.sampled_from([5, 30, 200]),
        st.sampled_from(
            [*[Further()] * 3, *[Further(REDUCE_ONLY)] * 3, *[Further(display_lots=2)] * 2, *FURTHER_KINDS]
        ),
        st.just(0),
    ),
)
BUSY = weighted(
    {BUSY_PLACES: 20, CHANGES: 4, GROUPS: 3, step(tick, st.sampled_from([0, 1, 2, 7])): 3, DEADLINE_TICKS: 1, HALTS: 1}
)
"""Three accounts that meet in one tranche all the time."""
BYTES = st.tuples(st.integers(0, 255), st.sampled_from([0, 1, 2, 4, 127, 128, 255]))
BROKEN = weighted(
    {
        step(damaged, SOUND, st.lists(BYTES, min_size=1, max_size=4), st.integers(1, 3)): 5,
        step(damaged, SOUND, st.just([(1, 2)]), st.integers(1, 2)): 1,
        step(noise, st.binary(min_size=RECORD_BYTES, max_size=RECORD_BYTES)): 1,
        step(stray_continuation, st.integers(0, 5)): 1,
        step(unknown_kind, st.sampled_from([0, 7, 15, 99, 200, 255]), ACCOUNTS): 1,
    }
)
STEPS = weighted({SOUND: 14, BROKEN: 1})


AUCTIONS = st.sampled_from(
    [
        {},
        {"opening_auction_s": 20},
        {"closing_auction_s": 25},
        {"opening_auction_s": 20, "closing_auction_s": 25},
        {"opening_auction_s": 70, "closing_auction_s": 40},
    ]
)


def sessions(length: int = 50, steps: st.SearchStrategy[Step] = STEPS) -> st.SearchStrategy[Session]:
    """Days of a venue, after its opening."""
    return st.builds(Session, AUCTIONS, long_lists(steps, length))


def long_lists(elements: st.SearchStrategy[Step], length: int) -> st.SearchStrategy[list[Step]]:
    """Lists that are mostly long, since little happens in a young market.

    Hypothesis prefers short lists. So this draws one of a fixed length, with gaps that are then left out: a failure
    still shrinks to the few elements that matter.
    """
    gaps = st.lists(weighted({st.none(): 1, elements: 9}), min_size=length, max_size=length)
    return gaps.map(lambda drawn: [element for element in drawn if element is not None])


def rehearse(session: Session, *, checks: bool = False) -> Market:
    """A market that went through an opening and a session, each command in a batch of its own.

    There is a fourth account, because of the first three two are one person, and two persons make no final price.
    """
    market = Market(LIMITS)
    market.send(*opening(**session.series), checks=checks)
    market.send(commands.open_account(DAVE, "dave"), commands.deposit(DAVE, CASH_NANO), checks=checks)
    market.send(commands.tick(START_NS + NANO_PER_S), checks=checks)
    for each in session.steps:
        market.send(each.records(market), checks=checks)
    if not checks:
        market.check()
    return market
