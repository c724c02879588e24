"""Days of accounts that have too little: large positions, little cash, marks that jump."""

import numpy as np
from hypothesis import strategies as st

from exchange import commands
from matching.schema import OrderFlag, SelfTrade, Side, TimeInForce
from tests.exchange.venue.market import Market
from tests.exchange.venue.stream_operators import call_margin, set_parameters
from tests.exchange.venue.streams import (
    DEADLINE_TICKS,
    HALTS,
    Further,
    Placing,
    Session,
    Step,
    long_lists,
    place,
    step,
    tick,
    withdraw_all,
)
from tests.matching.stream_orders import weighted

GTC, GTD, IOC, _ = TimeInForce
REDUCE_ONLY = OrderFlag.REDUCE_ONLY


def endow_fund(_: Market, account_id: int, amount_nano: int) -> np.ndarray:
    return commands.endow_fund(account_id, amount_nano)


TROUBLES = weighted(
    {
        step(
            set_parameters,
            st.sampled_from([0, 0, 0, 1]),
            st.sampled_from([1_000, 950, 1_050, 900, 1_100, 800, 1_200, 600, 1_500, 300, 2_500, 10]),
            st.tuples(*[st.sampled_from([50, 100, 100, 300])] * 2),
            st.tuples(st.sampled_from([0, 0, 10]), st.sampled_from([0, 0, 50]), st.sampled_from([0, 30])),
        ): 6,
        step(withdraw_all, st.sampled_from([1, 1, 2, 3]), st.just(0)): 2,
        step(endow_fund, st.sampled_from([1, 2, 3]), st.sampled_from([1_000, 300_001, 5_000_000])): 1,
        step(
            call_margin,
            st.sampled_from([1, 1, 2, 3]),
            st.booleans(),
            st.sampled_from([0, 0, 1, 1_000, 300_001, 5_000_000, 1 << 59, -1]),
        ): 2,
    }
)
TROUBLED_PLACES = step(
    place,
    st.builds(
        Placing,
        st.sampled_from([1, 1, 2, 2, 3, 3, 4]),
        st.sampled_from([0, 0, 0, 1]),
        st.sampled_from(Side),
        st.sampled_from([*[0] * 8, 30, -50, 150, -200, 400]),
        st.sampled_from([5, 20, 40, 60, 97, 150]),
        st.just(""),
        st.sampled_from([*[(GTC, 0)] * 6, (GTD, 0), (IOC, 0)]),
        st.just(SelfTrade.NONE),
        st.sampled_from([5, 30, 200]),
        st.sampled_from([*[Further()] * 6, Further(REDUCE_ONLY), Further(display_lots=2)]),
        st.just(0),
    ),
)
TROUBLED = weighted(
    {TROUBLED_PLACES: 20, TROUBLES: 8, step(tick, st.sampled_from([1, 1, 2, 7])): 3, DEADLINE_TICKS: 2, HALTS: 1}
)
"""Large positions of accounts with little cash, under marks that jump."""


def dealt(seller: int, buyer: int, quantity_lots: int) -> list[Step]:
    """A trade in the first tranche, at its reference."""
    terms = ("", (GTC, 0), SelfTrade.NONE, 30, Further(), 0)
    return [
        Step(place, (Placing(seller, 0, Side.SELL, 0, quantity_lots, *terms),)),
        Step(place, (Placing(buyer, 0, Side.BUY, 0, quantity_lots, *terms),)),
    ]


def troubled_sessions(length: int = 50) -> st.SearchStrategy[Session]:
    """Days that begin with positions whose holders have taken out what they may."""
    holders = st.permutations([1, 2, 3])
    begun = st.tuples(holders, st.sampled_from([20, 60, 150]), st.sampled_from([0, 30])).map(
        lambda drawn: [
            *dealt(drawn[0][0], drawn[0][1], drawn[1]),
            *(dealt(drawn[0][2], drawn[0][1], drawn[2]) if drawn[2] else []),
            *(Step(withdraw_all, (account_id, 0)) for account_id in drawn[0][:2]),
        ]
    )
    return st.builds(lambda steps, more: Session({}, [*steps, *more]), begun, long_lists(TROUBLED, length))
