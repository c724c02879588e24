"""Compile, or load from the cache, every kernel that a running exchange calls, before the first order arrives."""

from exchange import commands
from exchange.published import Published
from exchange.venue.batches import Batch
from exchange.venue.calendar import next_due
from exchange.venue.machine import Venue
from exchange.venue.schema import Tier
from exchange.venue.stamping import stamp_ids
from exchange.venue.state import VenueLimits
from exchange.view import MarketView
from exchange.view.activity import ActivityCounts
from exchange.view.columns.compile import CACHE
from exchange.view.columns.levels import forget_all_touched
from exchange.view.columns.reading import drop_tranche
from exchange.view.columns.schema import MINUTE_S
from kernels.compile import mark_compiled
from matching.export import level_rows
from matching.schema import EventKind, Side

SMALL = VenueLimits(instruments=16, orders=64, nodes=64, accounts=16, positions=64, client_ids=16)
HOUR_S = 3_600


def warm_up() -> None:
    """Lead a tiny market through one command of each family, an image and back. Takes a second when cached."""
    venue = Venue(SMALL)
    script = commands.concatenate(
        commands.tick(1),
        commands.open_account(1, "warm-up"),
        commands.deposit(1, 10**12),
        commands.define_region(1, "warm-up"),
        commands.define_series(
            1,
            1,
            Tier.EF,
            first_start_ns=HOUR_S * 10**9,
            duration_s=HOUR_S,
            gate_lead_s=60,
            horizon_s=HOUR_S,
            reference_ticks=100,
        ),
        commands.tick(2),
        commands.place(1, 1, Side.BUY, 100, 1, order_id=1),
    )
    view = MarketView()
    stamp_ids(Batch(script), 1)
    events = venue.apply(script, 1)
    published = Published(1, 2, script, events, venue.figures_after(events))
    view.apply(published)
    count(view, published)
    assert MarketView.load(view.dump()) == view, "a view does not come back from its dump"
    read(view)
    next_due(venue.state)
    level_rows(venue.state.book, 1, Side.BUY)
    restored = Venue.from_image(venue.image(), SMALL)
    assert restored.digest() == venue.digest(), "an image does not restore the state that it was taken of"
    mark_compiled()
    CACHE.mark_complete()


def count(view: MarketView, published: Published) -> None:
    """Count commands and trades; for the latter, let all events be some."""
    trades = published.events.copy()
    trades["kind"] = EventKind.TRADE
    ActivityCounts(view).note(published._replace(events=trades))


def read(view: MarketView) -> None:
    """Ask for everything that compiled code finds."""
    view.order(1)
    view.order_by_client_id(1, "warm-up")
    view.open_orders(1), view.positions(1), list(view.fills.of_account(1))
    for tranche in view.take_changed():
        tranche.book.take_changes()
        tranche.book.depth(), tranche.book.bids.get(1), tranche.trades
        view.candles.latest(tranche.instrument_id, MINUTE_S)
        drop_tranche(view.store.columns, tranche.moving.row)
    forget_all_touched(view.store.columns)
