"""A market of the venue's tests with the view that readers have of it, and portfolios taken from both."""

import numpy as np

from exchange.margin.portfolio import Portfolio, instruments_of, take_portfolio
from exchange.margin.terms import read_venue
from exchange.published import Published
from exchange.view import MarketView
from tests.exchange.venue.market import Market


class Reader:
    """Follows a market; asks for one account at a time."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.view = MarketView()
        self._followed = 0
        self._sequence = 1

    def portfolio(self, account_id: int, *also: int) -> Portfolio:
        """The account as it stands, and the terms of some instruments beside its own."""
        self._follow()
        wanted = instruments_of(self.view, account_id) | set(also)
        taken = take_portfolio(
            self.view, read_venue(self.market.venue, account_id, np.array(sorted(wanted), np.uint32))
        )
        assert taken is not None
        return taken

    def _follow(self) -> None:
        venue = self.market.venue
        for batch, events in zip(self.market.sent[self._followed :], self.market.events[self._followed :], strict=True):
            self.view.apply(Published(self._sequence, venue.time_ns, batch, events))
            self._sequence += len(batch)
        self._followed = len(self.market.sent)
        self.view.set_figures(venue.figures_of_all())
