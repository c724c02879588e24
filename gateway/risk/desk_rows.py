"""What the risk desk shows, as rows: who is being closed, what is held of each window, who would fall; and CSV."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from exchange.margin.census import CONDITIONS, Census, Rows, maintenance_of_all
from exchange.margin.condition import Condition, distance_ppm
from exchange.margin.exposure import WindowExposure
from exchange.margin.shock import Shocked
from exchange.units import format_nano
from exchange.venue.schema import Tier
from exchange.view import MarketView, TrancheView
from gateway.encoding.fields import time_text
from gateway.encoding.rows import Row
from gateway.feeds.risk_grid import FIGURES, INSTRUMENT, KIND, KINDS, REGION, STAKES, Grid
from gateway.risk.events import RiskEvents
from gateway.risk.rows import census_rows, ratio_text
from risk.schema import PPM

QUEUE_MAX = 100
POSITIONS_MAX = 20
"""Of each account in the queue."""
WINDOWS_MAX = 2_000
LOTS = (
    *("gross_quantity", "open_buys", "open_sells", "largest_quantity"),
    *("called_net_quantity", "called_gross_quantity"),
)
"""What the columns of a `WindowExposure` behind the first are called, in their order."""
IN_LIQUIDATION = [CONDITIONS.index(each) for each in (Condition.LIQUIDATION, Condition.BANKRUPT)]
CSV_HEADINGS = (
    *("account_id", "name", "group", "kind", "state", "cash", "equity", "margin", "maintenance", "distance"),
    *("distance_ratio", "utilisation", "open_orders", "positions", "region", "contributor", "is_blocked", "add_on"),
)


# The overview.


def queue_rows(view: MarketView, rows: Rows, events: RiskEvents) -> list[Row]:
    """Who has less than maintenance, the furthest below first: what is left to be closed, and what was sent last."""
    first = rows.chosen(np.isin(rows.condition, IN_LIQUIDATION)).first(QUEUE_MAX)
    latest = _latest_forced(events)
    return [row | _closing_row(view, row, latest) for row in census_rows(view, first)]


def _latest_forced(events: RiskEvents) -> dict[object, Row]:
    """The latest forced order of each account, as far as events are kept."""
    latest: dict[object, Row] = {}
    for row in events.latest(events.kept):
        if row["kind"] == "forced_order":
            latest.setdefault(row["account"], row)
    return latest


def _closing_row(view: MarketView, row: Row, latest: dict[object, Row]) -> Row:
    held = [each for each in view.positions(view.account_by_name[str(row["name"])]) if each.lots]
    held.sort(key=lambda each: -abs(each.lots * each.mark_ticks * each.tranche.tick_value_nano))
    positions = [{"symbol": each.tranche.symbol, "quantity": str(each.lots)} for each in held[:POSITIONS_MAX]]
    return {"open_positions": len(held), "positions": positions, "forced_order": latest.get(row["name"])}


def window_rows(view: MarketView, windows: WindowExposure) -> list[Row]:
    """What is held and wanted of each window, the next to be delivered first."""
    columns = (column.tolist() for column in windows)
    known = [each for each in zip(*columns, strict=True) if each[0] in view.tranches]
    known.sort(key=lambda each: (view.tranches[each[0]].start_ns, each[0]))
    return [_window_row(view.tranches[each[0]], each[1:]) for each in known[:WINDOWS_MAX]]


def _window_row(tranche: TrancheView, lots: Sequence[int]) -> Row:
    row: Row = {
        "symbol": tranche.symbol,
        "region": tranche.region,
        "tier": Tier(tranche.tier).name.lower(),
        "start": time_text(tranche.start_ns),
        "end": time_text(tranche.end_ns),
    }
    return row | {name: str(each) for name, each in zip(LOTS, lots, strict=True)}


# A move of forwards.


def shocked_row(view: MarketView, found: Shocked, limit: int) -> Row:
    """What would be, in all, and of so many of the accounts that would not be sound."""
    before, after = found.before, found.after
    fallen = found.fallen()
    return {
        "before": found.counts(before),
        "after": found.counts(after),
        "fallen": int(((after > before) & (after > 0)).sum()),
        "called": format_nano(found.called_nano),
        "shortfall": format_nano(found.shortfall_nano),
        "debt": format_nano(found.debt_nano),
        "fund": format_nano(found.fund_nano),
        "uncovered": format_nano(found.uncovered_nano),
        "accounts": list(_fallen_rows(view, found, before, after, fallen[:limit])),
    }


def _fallen_rows(
    view: MarketView, found: Shocked, before: np.ndarray, after: np.ndarray, places: np.ndarray
) -> Iterator[Row]:
    equities = found.equity_nano, found.equity_after_nano
    columns = found.account_id, before, after, *equities, found.margin_after_nano, found.maintenance_after_nano
    for each in zip(*(column[places].tolist() for column in columns), strict=True):
        account_id, was, becomes, equity_nano, after_nano, margin_nano, maintenance_nano = each
        yield {
            "account_id": account_id,
            "name": view.accounts[account_id].name,
            "standing": CONDITIONS[was].value,
            "standing_after": CONDITIONS[becomes].value,
            "equity": format_nano(equity_nano),
            "equity_after": format_nano(after_nano),
            "margin_after": format_nano(margin_nano),
            "distance_after": format_nano(after_nano - maintenance_nano),
            "distance_ratio_after": ratio_text(distance_ppm(after_nano, maintenance_nano)),
        }


# CSV.


class Labels(NamedTuple):
    """What the view calls accounts, regions and tranches of a grid, each in the order of its rows."""

    names: list[str]
    groups: list[int]
    regions: list[str]
    contributors: list[str]


def labels_of(view: MarketView, grid: Grid) -> Labels:
    """Read on the thread of the view."""
    accounts = [view.accounts[account_id] for account_id in grid.account_ids.tolist()]
    tranches = (view.tranches.get(each) for each in grid.stakes[:, INSTRUMENT].tolist())
    return Labels(
        names=[each.name for each in accounts],
        groups=[each.group for each in accounts],
        regions=[view.regions.get(each, "") for each in grid.stakes[:, REGION].tolist()],
        contributors=["" if each is None else each.symbol for each in tranches],
    )


def csv_of(labels: Labels, census: Census, grid: Grid) -> str:
    """A line for each account, under a line of headings."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(CSV_HEADINGS)
    writer.writerows(_lines(labels, census, grid))
    return text.getvalue()


def _lines(labels: Labels, census: Census, grid: Grid) -> Iterator[list[object]]:
    accounts = census.open_accounts
    cash_nano, margin_nano, add_on_nano = (accounts[name] for name in ("cash_nano", "margin_nano", "add_on_nano"))
    money_nano = cash_nano, cash_nano + accounts["unsettled_nano"], margin_nano
    columns = (each.tolist() for each in (*money_nano, maintenance_of_all(margin_nano - add_on_nano), add_on_nano))
    ids, figures, stakes = grid.account_ids.tolist(), grid.figures.tolist(), grid.stakes.tolist()
    state, orders, positions = FIGURES.index("state"), STAKES.index("open_orders"), STAKES.index("positions")
    rows = zip(ids, figures, stakes, *labels, *columns, strict=True)
    for account_id, figure, stake, name, group, region, contributor, cash, equity, margin, maintenance, add_on in rows:
        money = (format_nano(amount) for amount in (cash, equity, margin, maintenance, equity - maintenance))
        ratios = distance_ppm(equity, maintenance), margin * PPM // equity if equity > 0 else None
        yield [
            *(account_id, name, group, KINDS[figure[KIND]], CONDITIONS[figure[state]].value, *money),
            *("" if ratio is None else ratio_text(ratio) for ratio in ratios),
            *(
                stake[orders],
                stake[positions],
                region,
                contributor,
                figure[FIGURES.index("is_blocked")],
                format_nano(add_on),
            ),
        ]
