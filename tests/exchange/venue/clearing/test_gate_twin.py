"""Gate closure against its twin, over markets of all kinds."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from exchange import commands
from exchange.venue.machine import Venue
from exchange.venue.schema import Event
from tests.exchange.venue.clearing.floor import GATE_S, LIMITS, SHOCK_TICKS, TERMS, Floor, of_first, of_kind
from tests.exchange.venue.clearing.twin_gate import Holder, Prices, cash_out_and_assign, fund_one
from tests.exchange.venue.market import NANO_PER_S, START_NS, TICK_VALUE_NANO
from tests.exchange.venue.told import Told

TRADERS, REPORTERS = 7, 4
traders = st.integers(1, TRADERS)
cash = st.one_of(st.just(100_000_000), st.integers(0, 600_000))
trades = st.tuples(
    traders, traders, st.integers(1, 12), st.sampled_from([990, 1_000, 1_004]), st.sampled_from([1, 1, 1, 2])
)
terms = st.fixed_dictionaries(
    {
        "shortfall_fee_ppm": st.sampled_from([0, 1, 200_000, 1_000_000]),
        "penalty_ppm": st.sampled_from([0, 33_333, 500_000]),
    }
)


def settled_by(floor: Floor) -> tuple[list[Told], dict[str, np.ndarray]]:
    """What the gate of the first tranche tells, and the image right before it."""
    gate_ns = START_NS + GATE_S * NANO_PER_S
    floor.tick((gate_ns - 1_000_000 - floor.time_ns) / NANO_PER_S)
    image = floor.venue.image()
    told = of_first(floor.tick((gate_ns - floor.time_ns + 1_000_000) / NANO_PER_S))
    end = next(at for at, event in enumerate(told) if event["kind"] == Event.STATE_CHANGED)
    return told[: end + 1], image


def without_first(image: dict[str, np.ndarray]) -> Venue:
    """The venue as if nobody had anything in the first tranche."""
    rest = {name: rows[rows["instrument_id"] != 1] for name, rows in image.items() if name in ("positions", "orders")}
    return Venue.from_image(image | rest, LIMITS)


def expected(told: list[Told], image: dict[str, np.ndarray], terms: dict[str, int]) -> list[tuple]:
    """What the twin makes of the positions, funding each right after it is settled."""
    figures = {int(row["account_id"]): row for row in without_first(image).figures_of_all()}
    rows = lots_and_since(told, image)
    multipliers = dict(image["providers"][["account_id", "multiplier_ppm"]].tolist())
    closed = told[-1]
    prices = Prices(
        closed["final_ticks"] * TICK_VALUE_NANO,
        closed["replacement_ticks"] * TICK_VALUE_NANO,
        terms["shortfall_fee_ppm"],
        terms["penalty_ppm"],
    )
    found: list[tuple] = []
    holders: list[Holder] = []
    for event in of_kind(told, Event.POSITION_SETTLED):
        account_id = event["account_id"]
        found.append(("settled", account_id, event["lots"]))
        if event["lots"]:
            unsettled_nano, margin_nano = (int(figures[account_id][name]) for name in ("unsettled_nano", "margin_nano"))
            since, multiplier_ppm = rows[account_id][1], multipliers.get(account_id)
            holder = Holder(
                *(account_id, event["lots"], since, event["cash_nano"], unsettled_nano, margin_nano, multiplier_ppm)
            )
            holders.append(holder)
            found += fund_one(holder, prices)
    assert [each[1:] for each in found if each[0] == "settled"] == [
        (account_id, lots) for account_id, (lots, _) in rows.items()
    ]
    fund_nano = int(image["summary"][0]["fund_nano"])
    fund_nano += sum(event["amount_nano"] for event in of_kind(told, Event.SHORTFALL))
    return found + list(cash_out_and_assign(holders, prices, fund_nano))


def lots_and_since(told: list[Told], image: dict[str, np.ndarray]) -> dict[int, tuple[int, int]]:
    """By account what it held in the first tranche, and since when it was net long or short, after the last auction."""
    own = image["positions"][image["positions"]["instrument_id"] == 1]
    rows = {int(row["account_id"]): (int(row["lots"]), int(row["since"])) for row in own}
    for event in of_kind(told, Event.AUCTION_TRADE):
        for account_id, sign in ((event["account_id"], 1), (event["counter_account_id"], -1)):
            before, since = rows.get(account_id, (0, 0))
            lots = before + sign * event["quantity_lots"]
            turns = lots != 0 and before * lots <= 0
            rows[account_id] = lots, event["sequence"] if turns else since
    return rows


def as_tuple(event: Told) -> tuple[Any, ...]:
    """An event as the twin tells it."""
    if event["kind"] == Event.POSITION_SETTLED:
        return "settled", event["account_id"], event["lots"]
    if event["kind"] == Event.ESCROWED:
        return "escrowed", event["account_id"], event["lots"], event["amount_nano"], event["cash_nano"]
    if event["kind"] == Event.CASHED_OUT:
        names = ("cause", "account_id", "lots", "amount_nano", "penalty_nano", "cash_nano")
        return "cashed_out", *(event[name] for name in names)
    if event["kind"] == Event.FUND_MOVED:
        return "fund", event["account_id"], event["amount_nano"], event["fund_nano"]
    assert event["kind"] == Event.ALLOCATED
    return "allocated", *(event[name] for name in ("account_id", "provider_id", "lots", "escrow_nano", "bond_nano"))


def markets(cash: st.SearchStrategy[int] = cash, *, providers_min: int = 0) -> st.SearchStrategy[dict[str, Any]]:
    """Traders with so much cash, of whom so many at least have capacity, what they deal in, and by which terms."""
    multipliers = st.sampled_from([1_000_000, 1_333_333, 2_000_000])
    return st.fixed_dictionaries(
        {
            "cash_nano": st.lists(cash, min_size=TRADERS, max_size=TRADERS),
            "providers": st.dictionaries(traders, multipliers, min_size=providers_min),
            "deals": st.lists(trades, min_size=3 + providers_min, max_size=14),
            "terms": terms,
            "mark_ticks": st.integers(850, 1_150),
            "endowment_nano": st.sampled_from([0, 0, 13, 70_001, 50_000_000]),
        }
    )


def closed_like_its_twin(market: dict[str, Any], *, restores: bool) -> Floor:
    """The floor of a market whose first gate has closed, as the twin has it."""
    floor = Floor(*market["cash_nano"], 50_000_000, *[0] * REPORTERS, providers=market["providers"], **market["terms"])
    floor.mark(1_000, SHOCK_TICKS, 2)
    floor.restores = restores
    if market["endowment_nano"]:
        floor.send(commands.endow_fund(TRADERS + 1, market["endowment_nano"]))
    for buyer, seller, lots, price_ticks, instrument_id in market["deals"]:
        if buyer != seller:
            floor.trade(buyer, seller, lots, price_ticks, instrument_id)
    floor.mark(market["mark_ticks"])
    told, image = settled_by(floor)
    found = [as_tuple(event) for event in told[:-1] if event["kind"] != Event.SHORTFALL]
    assert found == expected(told, image, TERMS | market["terms"])
    return floor


@given(market=markets(), restores=st.booleans())
def test_gate_closure_does_what_its_twin_does(market: dict[str, Any], restores: bool) -> None:
    floor = closed_like_its_twin(market, restores=restores)
    floor.tick(1_000)
    floor.tick(1_000)
