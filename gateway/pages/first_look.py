"""What the front page says of the market before any script has run: its figures, and the next window of each region.

It is worked out at most once a second, however many ask for the page.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from html import escape

from exchange.service import Exchange
from exchange.units import format_ticks
from exchange.venue.lifecycle import LifeState
from exchange.venue.schema import Tier
from exchange.view import TrancheView
from gateway.feeds.cells import SHOWN_STATES

AGE_S_MAX = 1.0
REGIONS_MAX = 24
NOTHING = "&ndash;"
PPM_PER_PERCENT = 10_000


class FirstLook:
    """Fills the places that the page has for figures."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._made_s = -AGE_S_MAX
        self._texts: dict[bytes, bytes] = {}

    def fill(self, page: bytes) -> bytes:
        """The page with the figures of now."""
        if time.monotonic() - self._made_s >= AGE_S_MAX:
            self._texts = {f"<!-- {name} -->".encode(): text.encode() for name, text in self._now().items()}
            self._made_s = time.monotonic()
        for mark, text in self._texts.items():
            page = page.replace(mark, text)
        return page

    def _now(self) -> dict[str, str]:
        view = self._exchange.view
        shown = [each for each in view.tranches.values() if each.state in SHOWN_STATES]
        return {
            "phase": "halted" if view.market_halted else self._exchange.phase,
            "sequence": f"{view.sequence:,}",
            "commands": f"{view.commands:,}",
            "trades": f"{view.trades:,}",
            "resting orders": f"{view.resting_orders:,}",
            "open windows": f"{sum(each.state is LifeState.OPEN for each in shown):,}",
            "first look": _table(
                shown, {view.regions[each]: strain.strain_ppm for each, strain in view.strains.items()}
            ),
        }


def _table(shown: Iterable[TrancheView], strains: dict[str, int]) -> str:
    """A row for each region, as HTML."""
    by_region: defaultdict[str, list[TrancheView]] = defaultdict(list)
    for tranche in shown:
        by_region[tranche.region].append(tranche)
    if not by_region:
        return '<p class="empty">No window is open for trading now.</p>'
    heads = (
        "Region",
        "Open windows",
        *(f"Next {tier.name}, USD per Mbps-hour" for tier in Tier),
        "Traded, Mbps",
        "Strain",
    )
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    regions = sorted(by_region, key=lambda code: ("_" in code, code))
    body = "".join(_row(code, by_region[code], strains.get(code, 0)) for code in regions[:REGIONS_MAX])
    more = f"<p>and {len(regions) - REGIONS_MAX} more regions</p>" if len(regions) > REGIONS_MAX else ""
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"
    return f'<div class="first-look"><p role="status">Loading the live market. As of now:</p>{table}</div>'


def _row(code: str, tranches: list[TrancheView], strain_ppm: int) -> str:
    name = escape(code.replace("_", " → "))
    traded_lots = sum(each.traded_lots for each in tranches)
    prices = (_next_price(each for each in tranches if each.tier is tier) for tier in Tier)
    texts = (f"{len(tranches):,}", *prices, f"{traded_lots:,}", f"{strain_ppm // PPM_PER_PERCENT} %")
    return f'<tr><th scope="row">{name}</th>{"".join(f"<td>{text}</td>" for text in texts)}</tr>'


def _next_price(tranches: Iterator[TrancheView]) -> str:
    """What the next window costs: between bid and ask, or what traded last."""
    following = min(tranches, key=lambda each: each.start_ns, default=None)
    if following is None:
        return NOTHING
    bid_ticks, ask_ticks = following.book.best_bid_ticks, following.book.best_ask_ticks
    if bid_ticks is not None and ask_ticks is not None:
        return format_ticks((bid_ticks + ask_ticks) // 2)
    return format_ticks(following.last_trade_ticks) if following.last_trade_ticks else NOTHING
