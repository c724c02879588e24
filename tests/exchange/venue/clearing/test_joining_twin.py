"""The last auction of a delivered tranche against its twin, over markets of all kinds, and the gate after it."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from exchange import commands
from exchange.venue.schema import Event
from matching.schema import SelfTrade
from tests.exchange.venue.clearing.floor import GATE_S, SHOCK_TICKS, TERMS, Floor, of_kind
from tests.exchange.venue.clearing.test_gate_twin import (
    TRADERS,
    as_tuple,
    expected,
    markets,
    settled_by,
    traders,
    without_first,
)
from tests.exchange.venue.clearing.twin_gate import Holder, Prices
from tests.exchange.venue.clearing.twin_joining import Frame, LastAuction, Waiting, bare_lots, limit_ticks
from tests.exchange.venue.market import BUY, NANO_PER_S, SELL, START_NS, TICK_VALUE_NANO
from tests.exchange.venue.told import Told
from tests.exchange.venue.twin_final_price import Bounds, Print, final_price, party

AUCTION_S = 30
PARTS = (Event.CANCELLED, Event.FORCED_ORDER, Event.RESTED)
orders = st.tuples(
    traders,
    st.sampled_from([BUY, SELL]),
    st.one_of(st.integers(-3, 9), st.integers(-3, 9), st.integers(-150, 150)),
    st.integers(1, 15),
    st.sampled_from([0, 0, 0, 2]),
)
"""Account, side, by how much the other side is welcome, lots, and what an iceberg shows of them."""
AUCTIONS = st.fixed_dictionaries(
    {
        "market": markets(st.sampled_from([100_000_000, 100_000_000, 300_000]), providers_min=1),
        "orders": st.one_of(st.just([]), st.lists(orders, min_size=6, max_size=16)),
        "groups": st.one_of(st.just({}), st.dictionaries(traders, st.sampled_from([1, 2]), max_size=4)),
        "step_ticks": st.sampled_from([1, 1, 2]),
        "band_bps": st.sampled_from([600, 5_000]),
        "last_mark": st.integers(950, 1_050),
        "restores": st.sampled_from([False, False, True]),
        "is_halted": st.sampled_from([False, False, False, True]),
    }
)


def floor_before_gate(drawn: dict[str, Any]) -> Floor:
    """A floor in its closing auction."""
    market = drawn["market"]
    series = {
        "closing_auction_s": AUCTION_S,
        "price_step_ticks": drawn["step_ticks"],
        "band_bps": drawn["band_bps"],
    }
    cash_nano, providers = market["cash_nano"], market["providers"]
    floor = Floor(*cash_nano, 50_000_000, groups=drawn["groups"], series=series, providers=providers, **market["terms"])
    floor.mark(1_000, SHOCK_TICKS, 2)
    floor.restores = drawn["restores"]
    if market["endowment_nano"]:
        floor.send(commands.endow_fund(TRADERS + 1, market["endowment_nano"]))
    for buyer, seller, lots, price_ticks, instrument_id in market["deals"]:
        if buyer != seller:
            floor.trade(buyer, seller, lots, price_ticks, instrument_id)
    floor.tick(GATE_S - AUCTION_S - (floor.time_ns - START_NS) // NANO_PER_S)
    for number, side, welcome_ticks, lots, display_lots in drawn["orders"]:
        price_ticks = 1_000 + (welcome_ticks if side == BUY else -welcome_ticks)
        terms = {"display_lots": min(display_lots, lots), "self_trade": SelfTrade.CANCEL_OLDEST}
        floor.send(commands.place(number, 1, side, price_ticks - price_ticks % drawn["step_ticks"], lots, **terms))
    floor.mark(drawn["last_mark"])
    if drawn["is_halted"]:
        floor.send(commands.halt_market())
    return floor


def holders_of(image: dict[str, np.ndarray], mark_ticks: int) -> list[Holder]:
    """Every position of the first tranche, in the order in which they were opened, as if it were settled now."""
    figures = {int(row["account_id"]): row for row in without_first(image).figures_of_all()}
    multipliers = dict(image["providers"][["account_id", "multiplier_ppm"]].tolist())
    found = []
    for row in image["positions"][image["positions"]["instrument_id"] == 1]:
        account_id, lots = int(row["account_id"]), int(row["lots"])
        cash_nano, unsettled_nano, margin_nano = (
            int(figures[account_id][name]) for name in ("cash_nano", "unsettled_nano", "margin_nano")
        )
        cash_nano += lots * mark_ticks * TICK_VALUE_NANO - int(row["cost_nano"])
        others = (int(row["since"]), cash_nano, unsettled_nano, margin_nano)
        found.append(Holder(account_id, lots, *others, multipliers.get(account_id)))
    return found


def frame_of(image: dict[str, np.ndarray]) -> Frame:
    (instrument,) = image["instruments"][image["instruments"]["instrument_id"] == 1]
    (tranche,) = image["tranches"][image["tranches"]["instrument_id"] == 1]
    (contract,) = image["contracts"][image["contracts"]["instrument_id"] == 1]
    names = ("price_step_ticks", "band_low_ticks", "band_high_ticks")
    step_ticks, low_ticks, high_ticks = (int(instrument[name]) for name in names)
    reference_ticks = int(tranche["reference_ticks"])
    price_max = int(contract["price_max_ticks"])
    return Frame(TICK_VALUE_NANO, step_ticks, (low_ticks, high_ticks), price_max, reference_ticks)


def joiners_of(image: dict[str, np.ndarray], frame: Frame, terms: dict[str, int]) -> list[tuple[int, int, int]]:
    """Accounts, the signed lots of their forced orders and their limits, in this order."""
    (contract,) = image["contracts"][image["contracts"]["instrument_id"] == 1]
    (shocks,) = image["shocks"][image["contracts"]["instrument_id"] == 1].tolist()
    mark_ticks = int(contract["mark_ticks"])
    replacement_ticks = min(mark_ticks + max(abs(ticks) for ticks in shocks), frame.price_max_ticks)
    prices = Prices(
        mark_ticks * TICK_VALUE_NANO,
        replacement_ticks * TICK_VALUE_NANO,
        terms["shortfall_fee_ppm"],
        terms["penalty_ppm"],
    )
    limits = {is_buyer: limit_ticks(is_buyer, prices, frame) for is_buyer in (False, True)}
    found = []
    for holder in holders_of(image, mark_ticks):
        lots, ticks = bare_lots(holder, prices), limits[holder.lots < 0]
        if lots and ticks:
            found.append((holder.account_id, lots if holder.lots < 0 else -lots, ticks))
    return found


def waiting_in(image: dict[str, np.ndarray]) -> list[Waiting]:
    names = ("order_id", "account_id", "side", "price_ticks", "leaves_lots")
    rows = image["orders"][image["orders"]["instrument_id"] == 1]
    return [Waiting(*(int(row[name]) for name in names)) for row in rows]


def as_part(event: Told) -> tuple[Any, ...]:
    """An event of those who join as the twin tells it."""
    if event["kind"] == Event.CANCELLED:
        return Event.CANCELLED, event["order_id"], event["reason"]
    if event["kind"] == Event.FORCED_ORDER:
        names = ("order_id", "account_id", "side", "price_ticks", "quantity_lots")
        return Event.FORCED_ORDER, *(event[name] for name in names)
    return Event.RESTED, event["order_id"], event["leaves_lots"]


@given(drawn=AUCTIONS)
def test_the_last_auction_and_the_gate_do_what_their_twins_do(drawn: dict[str, Any]) -> None:
    floor, terms = floor_before_gate(drawn), TERMS | drawn["market"]["terms"]
    told, image = settled_by(floor)
    frame = frame_of(image)
    prints = prints_of(image, drawn["groups"])
    in_auction: list[Print] = []
    if drawn["is_halted"]:
        assert of_kind(told, Event.FORCED_ORDER) == of_kind(told, Event.UNCROSSED) == []
    else:
        auction = LastAuction(waiting_in(image), groups_of(drawn), int(image["summary"][0]["forced_orders"]))
        joined = list(auction.join(joiners_of(image, frame, terms)))
        price_ticks, traded_lots = auction.uncross(frame)
        at = [event["kind"] for event in told].index(Event.UNCROSSED)
        assert [as_part(event) for event in told[:at] if event["kind"] in PARTS] == joined
        assert (told[at]["price_ticks"], told[at]["quantity_lots"]) == (price_ticks, traded_lots)
        assert [as_trade(event) for event in of_kind(told, Event.AUCTION_TRADE)] == [
            (each.buyer.order_id, each.seller.order_id, each.price_ticks, each.lots) for each in auction.trades
        ]
        in_auction = [
            Print(each.price_ticks, each.lots, parties)
            for each in auction.trades
            if not each.is_forced
            if len(set(parties := persons(groups_of(drawn), each.buyer.account_id, each.seller.account_id))) == 2
        ]
    bounds = Bounds(drawn["last_mark"], SHOCK_TICKS, frame.price_max_ticks)
    assert told[-1]["final_ticks"] == final_price(prints + in_auction, bounds, len(in_auction))
    at = max((place for place, event in enumerate(told) if event["kind"] in LEAVING), default=-1)
    found = [as_tuple(event) for event in told[at + 1 : -1] if event["kind"] != Event.SHORTFALL]
    assert found == expected(told, image, terms)
    floor.tick(1_000)


LEAVING = (Event.UNCROSSED, Event.CANCELLED, Event.RESERVE_REMOVED)


def groups_of(drawn: dict[str, Any]) -> dict[int, int]:
    return dict.fromkeys(range(1, TRADERS + 2), 0) | drawn["groups"]


def persons(groups: dict[int, int], *account_ids: int) -> tuple[int, ...]:
    return tuple(party(account_id, groups[account_id]) for account_id in account_ids)


def prints_of(image: dict[str, np.ndarray], groups: dict[int, int]) -> list[Print]:
    """What was printed before."""
    groups = dict.fromkeys(range(1, TRADERS + 2), 0) | groups
    return [
        Print(
            int(row["price_ticks"]),
            int(row["lots"]),
            persons(groups, *map(int, row[["account_id", "counter_account_id"]])),
        )
        for row in image["prints"][image["prints"]["instrument_id"] == 1]
    ]


def as_trade(event: Told) -> tuple[int, ...]:
    return tuple(event[name] for name in ("order_id", "counter_order_id", "price_ticks", "quantity_lots"))
