"""Risk as JSON rows: an account in a list, an account in full, and what would be."""

from collections.abc import Iterable, Iterator

from exchange.margin.census import CONDITIONS, FURTHEST_PPM, Census, Rows
from exchange.margin.condition import distance_ppm
from exchange.margin.detail import Contributor, Detail, Rung
from exchange.margin.portfolio import Portfolio
from exchange.margin.what_if import Entry, Outcome
from exchange.units import format_nano, format_ticks
from exchange.venue.schema import Reject
from exchange.view import MarketView
from gateway.encoding.fields import time_text
from gateway.encoding.rows import SIDE_NAMES, Row

RATIO_DECIMALS = 6


def census_stamp(census: Census) -> Row:
    """As of which record a list is true, and how old it is."""
    return {"age_ms": census.age_ms()} | _stamp(census.sequence, census.time_ns)


def portfolio_stamp(portfolio: Portfolio) -> Row:
    """As of which record an account is told."""
    return _stamp(portfolio.reading.sequence, portfolio.reading.time_ns)


def census_rows(view: MarketView, rows: Rows) -> Iterator[Row]:
    """Accounts of a list, in its order."""
    for columns in zip(*(column.tolist() for column in rows), strict=True):
        account_id, cash_nano, equity_nano, margin_nano, maintenance_nano, _, condition = columns
        yield {
            "account_id": account_id,
            "name": view.accounts[account_id].name,
            "standing": CONDITIONS[condition].value,
            "cash": format_nano(cash_nano),
            "equity": format_nano(equity_nano),
            "margin": format_nano(margin_nano),
            "maintenance": format_nano(maintenance_nano),
            "free": format_nano(equity_nano - margin_nano),
            "distance": format_nano(equity_nano - maintenance_nano),
            "distance_ratio": ratio_text(distance_ppm(equity_nano, maintenance_nano)),
        }


def cursor_of(rows: Rows, at: int) -> str:
    """What names the place of a row in the list."""
    return f"{rows.nearness_ppm[at]}:{rows.account_id[at]}"


def place_of(cursor: str) -> tuple[int, int] | None:
    """The place that a cursor names, or None if it names none."""
    nearness, _, account_id = cursor.partition(":")
    if not (nearness.removeprefix("-").isdecimal() and account_id.isdecimal() and cursor.isascii()):
        return None
    place = int(nearness), int(account_id)
    return place if abs(place[0]) <= FURTHEST_PPM and place[1] < 1 << 32 else None


def account_row(view: MarketView, portfolio: Portfolio, detail: Detail) -> Row:
    """One account in full."""
    account_id = portfolio.reading.account_id
    row: Row = {"account_id": account_id, "name": view.accounts[account_id].name}
    return row | detail_row(portfolio, detail) | portfolio_stamp(portfolio)


def what_if_row(view: MarketView, portfolio: Portfolio, orders: list[Entry], outcome: Outcome) -> Row:
    """What is, what would be, and what would become of each order."""
    account_id = portfolio.reading.account_id
    row: Row = {
        "account_id": account_id,
        "name": view.accounts[account_id].name,
        "before": detail_row(portfolio, outcome.before),
        "after": detail_row(portfolio, outcome.after),
        "orders": [_answer_row(view, order, reject) for order, reject in zip(orders, outcome.rejects, strict=True)],
    }
    return row | portfolio_stamp(portfolio)


def detail_row(portfolio: Portfolio, detail: Detail) -> Row:
    """What an account has, what it must have, and why."""
    return {
        "standing": detail.condition.value,
        "cash": format_nano(detail.cash_nano),
        "unsettled": format_nano(detail.unsettled_nano),
        "equity": format_nano(detail.equity_nano),
        "margin": format_nano(detail.margin_nano),
        "maintenance": format_nano(detail.maintenance_nano),
        "free": format_nano(detail.free_nano),
        "distance": format_nano(detail.distance_nano),
        "distance_ratio": ratio_text(detail.distance_ppm),
        "distance_move": ratio_text(detail.move_ppm),
        "spread_charge": format_nano(detail.spread_nano),
        "concentration_charge": format_nano(detail.concentration_nano),
        "bond": format_nano(detail.bond_nano),
        "add_on": format_nano(detail.add_on_nano),
        "ramp": format_nano(detail.ramp_nano),
        "losses": _amounts(detail.losses_nano),
        "regions": [_rung_row(portfolio, rung) for rung in detail.ladder],
        "contributors": [_contributor_row(portfolio, each) for each in detail.contributors],
    }


def _rung_row(portfolio: Portfolio, rung: Rung) -> Row:
    return {
        "region": portfolio.regions[rung.region_id],
        "margin": format_nano(rung.margin_nano),
        "worst_scenario": rung.worst_scenario,
        "worst_loss": format_nano(rung.worst_nano),
        "spread_charge": format_nano(rung.spread_nano),
        "concentration_charge": format_nano(rung.concentration_nano),
        "ramp": format_nano(rung.ramp_nano),
        "losses": _amounts(rung.losses_nano),
    }


def _contributor_row(portfolio: Portfolio, each: Contributor) -> Row:
    return {
        "symbol": portfolio.symbols[each.instrument_id],
        "quantity": str(each.lots),
        "open_buys": str(each.buy_lots),
        "open_sells": str(each.sell_lots),
        "effect": format_nano(each.effect_nano),
        "position_effect": format_nano(each.position_effect_nano),
        "orders_effect": format_nano(each.orders_effect_nano),
    }


def _answer_row(view: MarketView, order: Entry, reject: int) -> Row:
    return {
        "symbol": view.tranches[order.instrument_id].symbol,
        "side": SIDE_NAMES[order.side],
        "price": format_ticks(order.price_ticks),
        "quantity": str(order.lots),
        "accepted": not reject,
        "reason": Reject(reject).name.lower() if reject else None,
    }


def _amounts(amounts_nano: Iterable[int]) -> list[str]:
    return [format_nano(amount_nano) for amount_nano in amounts_nano]


def ratio_text(ppm: int | None) -> str | None:
    """A share as a decimal string, or None for none."""
    if ppm is None:
        return None
    whole, rest = divmod(abs(ppm), 10**RATIO_DECIMALS)
    return f"{'-' if ppm < 0 else ''}{whole}.{rest:0{RATIO_DECIMALS}d}"


def _stamp(sequence: int, time_ns: int) -> Row:
    return {"sequence": sequence, "time": time_text(time_ns), "time_ns": time_ns}
