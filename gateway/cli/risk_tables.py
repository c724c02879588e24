"""Risk as tables on the terminal."""

import sys
from collections.abc import Iterable
from decimal import Decimal

from rich import box
from rich.console import Console
from rich.table import Table

from gateway.client import AccountRisk, Margin, WhatIf
from gateway.client.risk_models import MarginCall, MarginDetail

FILE_WIDTH = 200
"""Of lines that go to a file or another program, where nothing is to be folded."""
STYLES = {"sound": "green", "margin_call": "yellow", "liquidation": "red", "bankrupt": "bold red"}
BAR_CELLS = 24
RATIO_MAX = 1_000
"""Beyond a thousandfold it does not matter by how much."""
CENT = Decimal("0.01")


def show_accounts(accounts: list[AccountRisk]) -> None:
    """A list, in its order."""
    table = _table(("account", "standing"), ("equity USD", "required", "maintenance", "above it", "ratio"))
    for row in accounts:
        table.add_row(
            row.name,
            _standing(row.standing),
            *map(_usd, (row.equity, row.margin, row.maintenance, row.distance)),
            _percent(row.distance_ratio),
        )
    _show(_console(), "", table)


def show_margin_call(call: MarginCall) -> None:
    """What was added, and how the account stands with it."""
    lacking = call.margin - call.equity
    short = f", {_usd(lacking)} USD short of it" if lacking > 0 else ""
    told = f"{call.account}: {_usd(call.add_on)} USD added to what it must have, {_usd(call.margin)} USD in all{short}"
    _console().print(f"{told}; {_standing(call.standing)}")


def show_margin(margin: Margin) -> None:
    """An account in full."""
    console = _console()
    console.print(f"{margin.name}: {_standing(margin.standing)}, as of sequence {margin.sequence}")
    _show(console, "", _money({"now": margin}))
    _show(console, "loss by scenario, USD", _ladder(margin))
    _show(console, "what the requirement would fall by without them", _contributors(margin))


def show_what_if(thought: WhatIf) -> None:
    """What is and what would be, and the fate of each order."""
    console = _console()
    how = "in place of" if thought.mode == "replace" else "on top of"
    console.print(f"{thought.name}: {how} what there is at sequence {thought.sequence}; nothing was sent")
    _show(console, "", _money({"now": thought.before, "then": thought.after}))
    if thought.orders:
        _show(console, "orders", _orders(thought))
    _show(console, "required by region, USD", _regions(thought))
    _show(console, "loss by scenario then, USD", _ladder(thought.after))


def _money(columns: dict[str, MarginDetail]) -> Table:
    table = _table(("USD",), tuple(columns))
    for name, label in (
        ("equity", "equity"),
        ("margin", "required"),
        ("free", "free"),
        ("maintenance", "maintenance"),
        ("distance", "above maintenance"),
        ("spread_charge", "of it for spread"),
        ("concentration_charge", "of it for concentration"),
        ("bond", "of it a provider's bond"),
        ("ramp", "of it for gates that come near"),
        ("add_on", "of it added by risk staff"),
    ):
        table.add_row(label, *(_usd(getattr(each, name)) for each in columns.values()))
    table.add_row("that is, of maintenance", *(_percent(each.distance_ratio) for each in columns.values()))
    table.add_row("move of all marks to it", *(_percent(each.distance_move) for each in columns.values()))
    table.add_row("standing", *(_standing(each.standing) for each in columns.values()))
    return table


def _orders(thought: WhatIf) -> Table:
    """The fate of each order."""
    table = _table(("side", "symbol"), ("lots", "price"), ("answer",))
    for order in thought.orders:
        told = "[green]accepted[/]" if order.accepted else f"[red]{order.reason}[/]"
        table.add_row(order.side, order.symbol, str(order.quantity), f"{order.price:f}", told)
    return table


def _ladder(detail: MarginDetail) -> Table:
    """The loss in each scenario, by region and in all; the worst of a region is what counts."""
    columns = [*(region.region for region in detail.regions), "all"]
    table = _table(("",), columns, ("",))
    most = max([abs(loss) for loss in detail.losses], default=Decimal(0))
    for scenario, loss in enumerate(detail.losses):
        cells = [
            f"[bold]{_usd(region.losses[scenario])}[/]"
            if scenario == region.worst_scenario
            else _usd(region.losses[scenario])
            for region in detail.regions
        ]
        cells_filled = int(abs(loss) * BAR_CELLS / most) if most else 0
        bar = f"[{'red' if loss > 0 else 'green'}]{'█' * cells_filled}[/]"
        table.add_row(str(scenario), *cells, _usd(loss), bar)
    return table


def _regions(thought: WhatIf) -> Table:
    """What each region requires now and then."""
    before = {region.region: region.margin for region in thought.before.regions}
    after = {region.region: region.margin for region in thought.after.regions}
    table = _table(("region",), ("now", "then"))
    for region in sorted(before | after):
        table.add_row(region, _usd(before.get(region, Decimal(0))), _usd(after.get(region, Decimal(0))))
    return table


def _contributors(margin: Margin) -> Table:
    numbers = ("lots", "open buys", "open sells", "both USD", "position", "orders")
    table = _table(("symbol",), numbers)
    for row in margin.contributors:
        lots = (str(row.quantity), str(row.open_buys), str(row.open_sells))
        table.add_row(row.symbol, *lots, *map(_usd, (row.effect, row.position_effect, row.orders_effect)))
    return table


def _table(texts: Iterable[str], numbers: Iterable[str], last: Iterable[str] = ()) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in texts:
        table.add_column(heading, no_wrap=True)
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in last:
        table.add_column(heading, no_wrap=True)
    return table


def _show(console: Console, title: str, table: Table) -> None:
    if title:
        console.print(f"[bold]{title}[/]")
    console.print(table)


def _console() -> Console:
    return Console() if sys.stdout.isatty() else Console(width=FILE_WIDTH)


def _standing(standing: str) -> str:
    return f"[{STYLES[standing]}]{standing}[/]"


def _usd(amount: Decimal) -> str:
    """To the cent; the doors tell all nine places."""
    return f"{amount.quantize(CENT):,f}"


def _percent(ratio: Decimal | None) -> str:
    if ratio is None:
        return "none"
    return f"> {RATIO_MAX * 100:,} %" if ratio > RATIO_MAX else f"{ratio * 100:,.2f} %"
