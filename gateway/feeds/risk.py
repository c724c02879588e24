"""The channel `risk`: all accounts for risk staff, four times a second as far as they changed.

Nobody who listens costs nothing. While somebody does, the list of accounts is copied between two batches, compared in a
thread with what was told last, and only what is different is encoded, once for all. What is at stake, which takes all
positions and orders, is looked at every four seconds. Who begins, or has caught up after it was passed over, gets a
snapshot with the next turn.
"""

import asyncio
from functools import partial

from exchange.margin.census import Census, counts
from exchange.margin.exposure import NOTHING_AT_STAKE, AccountExposure, exposure_of_accounts
from exchange.margin.watch import RiskWatch
from exchange.margin.whole_book import TooLarge
from exchange.service import ExchangeStopped, Overloaded
from exchange.view import MarketView
from gateway.encoding.json_text import encode
from gateway.encoding.rows import Row
from gateway.feeds.messages import message
from gateway.feeds.risk_grid import NOTHING, Grid, Told, changed_figures, changed_names, changed_stakes, grid_of
from gateway.feeds.subscribers import Subscriber, offer_bytes
from gateway.feeds.topics import Topic

INTERVAL_S = 0.25
STAKES_AGE_MS_MAX = 4_000
STAFF_CHANNELS = ("risk",)


class RiskFeed:
    """Tells risk staff how accounts stand."""

    def __init__(self, view: MarketView, watch: RiskWatch) -> None:
        self._view = view
        self._watch = watch
        self._followers: set[Subscriber] = set()
        self._waiting: set[Subscriber] = set()
        """Those who are told everything when it is next their turn."""
        self._told: Grid = NOTHING
        self._exposure: AccountExposure | None = None
        self._exposure_sequence = 0
        self._sequence: int | None = None

    def subscribe(self, subscriber: Subscriber, topic: Topic, _: int | None = None) -> None:
        """Offer a snapshot with the next turn, and every change from there on."""
        self._followers.add(subscriber)
        self._waiting.add(subscriber)

    def unsubscribe(self, subscriber: Subscriber, topic: Topic) -> None:
        """Offer nothing more."""
        self._followers.discard(subscriber)
        self._waiting.discard(subscriber)

    def sequence(self, _: Subscriber, topic: Topic) -> object:
        """Of the last message; None before the first."""
        return self._sequence

    async def run(self) -> None:
        """Tell what changed, until cancelled or until the exchange stops."""
        while True:
            await asyncio.sleep(INTERVAL_S)
            if not self._followers:
                continue
            try:
                await self._tell()
            except Overloaded:
                continue
            except ExchangeStopped:
                return

    async def _tell(self) -> None:
        exposure = await self._newest_exposure()
        census = await self._watch.census()
        told = self._told
        now = await asyncio.to_thread(grid_of, census, exposure)
        self._told, self._sequence = now, census.sequence
        behind = {each for each in self._followers if each.is_behind}
        beginners, in_time = self._waiting - behind, self._followers - behind - self._waiting
        self._waiting = behind
        if in_time:
            update = await self._encoded("update", census, told, now)
            offer_bytes(in_time & self._followers, update)
        if beginners:
            snapshot = await self._encoded("snapshot", census, NOTHING, now)
            offer_bytes(beginners & self._followers, snapshot)

    async def _newest_exposure(self) -> AccountExposure:
        """What is at stake; that of a book which is too large to be looked at as a whole is not told."""
        try:
            book = await self._watch.whole(STAKES_AGE_MS_MAX)
        except TooLarge:
            return NOTHING_AT_STAKE
        if self._exposure is None or book.sequence != self._exposure_sequence:
            self._exposure = await asyncio.to_thread(exposure_of_accounts, book)
            self._exposure_sequence = book.sequence
        return self._exposure

    async def _encoded(self, kind: str, census: Census, told: Grid, now: Grid) -> bytes:
        """A message: the parts that need the view are built on the loop's thread, the rest beside it."""
        names, stakes = changed_names(self._view, told, now), changed_stakes(self._view, told, now)
        head = message("risk", kind, self._view) | {"sequence": census.sequence}
        return await asyncio.to_thread(partial(_encode, head, census, told, now, names, stakes))


def _encode(head: Row, census: Census, told: Grid, now: Grid, names: Told, stakes: Told) -> bytes:
    parts = {"names": names, "figures": changed_figures(told, now), "stakes": stakes}
    filled = {name: part for name, part in parts.items() if part["account_id"]}
    return encode(head | {"accounts": len(now.account_ids), "counts": counts(census), "columns": filled})
