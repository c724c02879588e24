"""Trades, tickers, the life of tranches and the strain of regions, for everybody."""

from collections.abc import Iterable

from exchange.published import Published
from exchange.venue.lifecycle import LifeState
from exchange.view import MarketView, RegionStrain, TrancheView
from gateway.feeds.messages import life_row, message, snapshot, strain_rows, ticker_update, trades_updates
from gateway.feeds.subscribers import Audience, Subscriber
from gateway.feeds.topics import Topic

ALL_TICKERS = Topic("ticker")
PUBLIC_CHANNELS = ("trades", "ticker", "instruments", "strain")


class PublicFeed:
    """Tickers are collected, and told when `publish_tickers` is called; all else is told at once."""

    def __init__(self, view: MarketView) -> None:
        self._view = view
        self._audience = Audience()
        self._changed: dict[int, TrancheView] = {}
        self._late: dict[Subscriber, dict[int, TrancheView]] = {}
        """What changed since those who are behind were told last."""
        self._states: dict[int, LifeState] = {}
        """Of all tranches, as they were told last."""
        self._strains: dict[int, RegionStrain] = {}

    def start(self) -> None:
        """Batches are heard from now on."""
        self._states = {each.instrument_id: each.state for each in self._view.tranches.values()}
        self._strains = dict(self._view.strains)

    def subscribe(self, subscriber: Subscriber, topic: Topic, _: int | None = None) -> None:
        """Offer a snapshot now, and every change from here on."""
        self._audience.add(subscriber, topic, snapshot(self._view, topic))

    def unsubscribe(self, subscriber: Subscriber, topic: Topic) -> None:
        """Offer nothing more of a topic."""
        self._audience.discard(subscriber, topic)
        if topic == ALL_TICKERS:
            self._late.pop(subscriber, None)

    def sequence(self, subscriber: Subscriber, topic: Topic) -> object:
        """Of the last message."""
        return self._audience.sequence(subscriber, topic)

    def take_up(self, changed: Iterable[TrancheView]) -> None:
        """These tranches changed."""
        for tranche in changed:
            self._changed[tranche.instrument_id] = tranche
        moved = [each for each in changed if self._states.get(each.instrument_id) != each.state]
        if moved or len(self._states) != len(self._view.tranches):
            self._tell_of_life(moved)

    def hear(self, batch: Published) -> None:
        """A batch is durable, and the view has it."""
        if self._audience.subjects("trades"):
            for subject, update in trades_updates(self._view, batch).items():
                self._audience.publish(Topic("trades", subject), update)
        if self._strains != self._view.strains:
            self._tell_of_strain()

    def _tell_of_life(self, moved: list[TrancheView]) -> None:
        rows = [life_row(each) | {"was_listed": each.instrument_id in self._states} for each in moved]
        for tranche in moved:
            self._states[tranche.instrument_id] = tranche.state
        for gone in self._states.keys() - self._view.tranches.keys():
            del self._states[gone]
        if rows:
            update = message("instruments", "update", self._view) | {"instruments": rows}
            self._audience.publish(Topic("instruments"), update)

    def _tell_of_strain(self) -> None:
        now = dict(self._view.strains)
        regions = [region_id for region_id, strain in now.items() if self._strains.get(region_id) != strain]
        self._strains = now
        update = message("strain", "update", self._view) | strain_rows(self._view, regions)
        self._audience.publish(Topic("strain"), update)

    def publish_tickers(self) -> None:
        """The time of tickers has come."""
        changed, self._changed = self._changed, {}
        self._tell_all_tickers(changed)
        for instrument_id in self._audience.subjects("ticker") & changed.keys():
            tranche = changed[instrument_id]
            update = ticker_update(self._view, (tranche,)) | {"symbol": tranche.symbol}
            self._audience.publish(Topic("ticker", instrument_id), update)

    def _tell_all_tickers(self, changed: dict[int, TrancheView]) -> None:
        """Pass over who is behind, and tell who has caught up of all that changed meanwhile."""
        everyone = set(self._audience.followers(ALL_TICKERS))
        behind = {each for each in everyone if each.is_behind}
        back = self._late.keys() - behind
        for subscriber in behind:
            self._late.setdefault(subscriber, {}).update(changed)
        for subscriber in back:
            update = ticker_update(self._view, (self._late.pop(subscriber) | changed).values())
            self._audience.publish_to((subscriber,), ALL_TICKERS, update)
        in_time = everyone - behind - back
        if changed and in_time:
            self._audience.publish_to(in_time, ALL_TICKERS, ticker_update(self._view, changed.values()))
