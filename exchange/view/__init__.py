"""The read model: what the exchange looks like from outside, kept up to date by the batches that it publishes."""

from exchange.view.books import BookLevel, BookView
from exchange.view.deliveries import AllocationView, CorrectionView, DeliveryTotals, Reputation
from exchange.view.fills import FillView
from exchange.view.market import MarketView
from exchange.view.records import (
    AccountView,
    Balances,
    CapacityView,
    Financing,
    OrderView,
    PositionView,
    RegionRule,
    RegionStrain,
    SeriesTerms,
    TradeView,
    TrancheView,
)
from exchange.view.storage import FrozenView

__all__ = [
    "AccountView",
    "AllocationView",
    "Balances",
    "BookLevel",
    "BookView",
    "CapacityView",
    "CorrectionView",
    "DeliveryTotals",
    "FillView",
    "Financing",
    "FrozenView",
    "MarketView",
    "OrderView",
    "PositionView",
    "RegionRule",
    "RegionStrain",
    "Reputation",
    "SeriesTerms",
    "TradeView",
    "TrancheView",
]
