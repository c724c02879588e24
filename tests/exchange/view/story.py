"""A market in which nearly everything happened once, the same whenever it is told."""

from exchange import commands
from exchange.symbols import NANO_PER_S
from matching.schema import OrderFlag, TimeInForce
from tests.exchange.view.markets import ALICE, BOB, BUY, CAROL, FIRST_GATE_NS, SELL, WINDOW, Market
from tests.exchange.view.troubled import (
    BANKRUPT_TICKS,
    BOUGHT_TICKS,
    CALLED_TICKS,
    CLOSING_TICKS,
    MARGIN_NANO,
    mark,
    troubled_market,
    wait,
)

QUOTED = commands.Quote(WINDOW, 38_000, 5, 42_000, 6)


def tell_story() -> Market:
    """Somebody is called and closed; trades of several minutes; a gate; and orders of all kinds that still rest."""
    market = troubled_market(endowment_nano=50_000_000, fees_ppm=(-20, 500), horizon_s=9_000)
    market.place(ALICE, BUY, 30_000, 20, client_id="called")
    mark(market, CALLED_TICKS)
    market.place(CAROL, BUY, CLOSING_TICKS, 30, client_id="bid")
    for ticks in (CLOSING_TICKS, BANKRUPT_TICKS):
        mark(market, ticks)
        wait(market, 2)
    mark(market, BOUGHT_TICKS)
    market.send(commands.deposit(ALICE, 100 * MARGIN_NANO))
    for minute in range(7):
        wait(market, 60)
        market.place(BOB, SELL, 40_000 + 100 * minute, 3 + minute, client_id=f"offer-{minute}")
        market.place(ALICE, BUY, 40_000 + 100 * minute, 2 + minute)
    market.place(ALICE, BUY, 39_001, 1, client_id="off-tick")
    market.place(ALICE, BUY, 39_000, 1, client_id="unfilled", time_in_force=TimeInForce.IOC)
    market.send(commands.place(CAROL, 99, BUY, 39_000, 1, client_id="nowhere"))
    market.send(commands.mass_quote(CAROL, [QUOTED], label=3))
    market.send(commands.mass_quote(CAROL, [QUOTED._replace(bid_lots=0, bid_ticks=0)], label=4))
    market.send(time_ns=FIRST_GATE_NS + NANO_PER_S)
    later = WINDOW + 1
    market.send(commands.place(BOB, later, SELL, 41_000, 9, display_lots=2, client_id="iceberg", label=5, session_id=6))
    market.send(commands.place(ALICE, later, BUY, 41_000, 3, client_id="taken"))
    market.send(commands.place(CAROL, later, BUY, 39_000, 4, client_id="resting"))
    market.send(commands.place(CAROL, later, BUY, 39_500, 4, flags=OrderFlag.POST_ONLY))
    market.send(commands.mass_quote(CAROL, [commands.Quote(later, 38_000, 5, 42_000, 6)], label=7))
    return market
