"""The bond of a provider is a part of its requirement, for readers as for the venue."""

import numpy as np

from exchange import commands
from exchange.margin.detail import detail_of
from exchange.margin.portfolio import OpenOrders, Portfolio, Position
from exchange.margin.terms import read_venue
from exchange.margin.what_if import Entry, what_if
from exchange.venue.schema import Reject, Tier
from matching.schema import Side
from tests.exchange.venue.clearing.shop import QUARTER_S, Shop, bond
from tests.exchange.venue.desk import exposure, reason_of
from tests.exchange.venue.market import ALICE, BOB, BUY, SELL


def portfolio_of(shop: Shop, account_id: int) -> Portfolio:
    """An account from an image of the venue, with the terms of all tranches."""
    image = shop.venue.image()
    ids = image["tranches"]["instrument_id"]
    rows = [row for row in image["positions"] if row["account_id"] == account_id]
    return Portfolio(
        reading=read_venue(shop.venue, account_id, ids),
        positions={int(row["instrument_id"]): Position(int(row["lots"]), int(row["cost_nano"])) for row in rows},
        orders=tuple(
            OpenOrders(int(row["instrument_id"]), int(row["side"]), int(row["price_ticks"]), int(row["leaves_lots"]))
            for row in image["orders"]
            if row["account_id"] == account_id
        ),
        symbols={},
        regions={},
    )


def sold() -> tuple[Shop, int]:
    shop = Shop()
    shop.provide(20)
    quarter = shop.window(Tier.EF, QUARTER_S)
    shop.place(ALICE, SELL, 1_000, 6, instrument_id=quarter)
    shop.place(BOB, BUY, 1_000, 4, instrument_id=quarter)
    shop.place(ALICE, SELL, 1_000, 3, instrument_id=shop.window(Tier.BE, QUARTER_S))
    assert exposure(shop.venue.image(), ALICE, quarter) == (-4, 0, 2)
    return shop, quarter


def test_the_requirement_of_a_provider_has_its_bond_by_name() -> None:
    shop, quarter = sold()
    detail = detail_of(portfolio_of(shop, ALICE))
    assert detail.bond_nano == bond(shop.venue.image(), ALICE) > 0
    assert detail.margin_nano == int(shop.venue.figures(np.array([ALICE]))[0]["margin_nano"])
    assert detail.margin_nano == sum(rung.margin_nano for rung in detail.ladder) + detail.bond_nano
    assert detail_of(portfolio_of(shop, BOB)).bond_nano == 0
    contributed = next(each for each in detail.contributors if each.instrument_id == quarter)
    assert contributed.effect_nano > detail.bond_nano // 3, "two thirds of the bond are for it"


def test_what_if_knows_the_bond_of_an_ask_and_refuses_it_where_it_is_not_free() -> None:
    shop, quarter = sold()
    held = portfolio_of(shop, ALICE)
    thought = what_if(held, [], [Entry(quarter, Side.SELL, 1_000, 2)])
    shop.place(ALICE, SELL, 1_000, 2, instrument_id=quarter)
    assert thought.rejects == (0,)
    assert thought.after.margin_nano == int(shop.venue.figures(np.array([ALICE]))[0]["margin_nano"])
    assert thought.after.bond_nano == bond(shop.venue.image(), ALICE)
    lot_nano = (thought.after.margin_nano - thought.before.margin_nano) // 2
    shop.ask(commands.withdraw(ALICE, thought.after.free_nano - lot_nano + 1))
    poorer = what_if(portfolio_of(shop, ALICE), [], [Entry(quarter, Side.SELL, 1_000, 1)])
    assert poorer.rejects == (Reject.INSUFFICIENT_MARGIN,)
    outcome = shop.place(ALICE, SELL, 1_000, 1, instrument_id=quarter)
    assert reason_of(outcome) == Reject.INSUFFICIENT_MARGIN
