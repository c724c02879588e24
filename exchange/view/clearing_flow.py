"""Terms of delivery in the read model. Escrow and bonds move money alone, which comes with the figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from exchange.venue.clearing.schema import TERM_NAMES
from exchange.venue.schema import TERMS_EVENT, Event

if TYPE_CHECKING:
    from exchange.view.market import MarketView

Fields = dict[str, int]


def _set_terms(view: MarketView, event: Fields) -> None:
    terms = view.series[event["series_id"]]
    view.series[event["series_id"]] = terms._replace(**{name: event[name] for name in TERM_NAMES})


APPLY_CLEARING_EVENT: dict[int, tuple[np.dtype, Callable[[MarketView, Fields], None]]] = {
    Event.TERMS_SET: (TERMS_EVENT, _set_terms),
}
"""The layout of the event, and what it does."""
