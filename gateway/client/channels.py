"""The channels of a stream that come as JSON: each iterates over its updates, as typed values, until the stream ends.

A channel begins with a snapshot, or with what happened after a sequence; over another stream, when a connection was
lost, it begins so again.
"""

from collections.abc import AsyncIterator
from typing import Literal

from gateway.client.account_models import AccountUpdate, DeliveriesUpdate, MarginUpdate, PositionsUpdate
from gateway.client.cells import CellsUpdate, cell_updates
from gateway.client.desk_models import RiskUpdate
from gateway.client.inbox import Inbox
from gateway.client.models import (
    FillsUpdate,
    Instrument,
    OrderBookUpdate,
    OrdersUpdate,
    RegionsUpdate,
    Trade,
    TranchesUpdate,
)
from gateway.client.order_models import Candle


class Channels:
    """What a stream can follow, but for the books that it keeps itself and what comes in binary frames."""

    async def _subscribe(self, channel: str, symbol: str | None = None, **options: str | int | None) -> Inbox:
        """Messages of a channel: the stream knows how."""
        raise NotImplementedError

    async def subscribe_order_book(self, symbol: str) -> AsyncIterator[OrderBookUpdate]:
        """A book order by order, beginning with all that rest."""
        inbox = await self._subscribe("book.l3", symbol)
        return (OrderBookUpdate.model_validate(message) async for message in inbox)

    async def subscribe_candles(
        self, symbol: str, interval: Literal["1m", "5m", "1h"] = "1m"
    ) -> AsyncIterator[list[Candle]]:
        """Candles of a tranche, beginning with those that are remembered; one interval each stream and tranche."""
        inbox = await self._subscribe("candles", symbol, interval=interval)
        return ([Candle.model_validate(row) for row in message["candles"]] async for message in inbox)

    async def subscribe_trades(self, symbol: str | None = None) -> AsyncIterator[Trade]:
        """Trades of a tranche, or of all, beginning with the latest that were before."""
        inbox = await self._subscribe("trades", symbol)
        return (Trade.model_validate(row) async for message in inbox for row in message["trades"])

    async def subscribe_tickers(self, symbol: str | None = None) -> AsyncIterator[list[Instrument]]:
        """Tranches that changed, beginning with all that trade now; or one of them."""
        inbox = await self._subscribe("ticker", symbol)
        return ([Instrument.model_validate(row) for row in message["tickers"]] async for message in inbox)

    async def subscribe_cells(self) -> AsyncIterator[CellsUpdate]:
        """The whole market in little: all that trade, in parts, then those that changed, at most every 250 ms."""
        return cell_updates(await self._subscribe("cells"))

    async def subscribe_instruments(self) -> AsyncIterator[TranchesUpdate]:
        """What is listed, and how each tranche moves on, beginning with all that have not ended."""
        inbox = await self._subscribe("instruments")
        return (TranchesUpdate.model_validate(message) async for message in inbox)

    async def subscribe_strain(self) -> AsyncIterator[RegionsUpdate]:
        """How regions are used and strained, whenever that is different."""
        inbox = await self._subscribe("strain")
        return (RegionsUpdate.model_validate(message) async for message in inbox)

    async def subscribe_orders(self, since_sequence: int | None = None) -> AsyncIterator[OrdersUpdate]:
        """What happens to own orders, beginning with those that are open, or with all that happened after a sequence.

        Raises RefusedError with the code `replay_not_kept` when that is not all known any more.
        """
        inbox = await self._subscribe("orders", since_sequence=since_sequence)
        return (OrdersUpdate.model_validate(message) async for message in inbox)

    async def subscribe_fills(self, since_sequence: int | None = None) -> AsyncIterator[FillsUpdate]:
        """Own trades from now on, or after a sequence; see `Client.follow_fills` for more than one connection."""
        inbox = await self._subscribe("fills", since_sequence=since_sequence)
        return (FillsUpdate.model_validate(message) async for message in inbox)

    async def subscribe_positions(self) -> AsyncIterator[PositionsUpdate]:
        """Own positions, and those that change."""
        inbox = await self._subscribe("positions")
        return (PositionsUpdate.model_validate(message) async for message in inbox)

    async def subscribe_margin(self) -> AsyncIterator[MarginUpdate]:
        """How the own account stands, whenever that is different."""
        inbox = await self._subscribe("margin")
        return (MarginUpdate.model_validate(message) async for message in inbox)

    async def subscribe_deliveries(self) -> AsyncIterator[DeliveriesUpdate]:
        """What the own account bought or provides, and what becomes of it."""
        inbox = await self._subscribe("deliveries")
        return (DeliveriesUpdate.model_validate(message) async for message in inbox)

    async def subscribe_account(self) -> AsyncIterator[AccountUpdate]:
        """What happens to the own account beside its orders, beginning with how it stands."""
        inbox = await self._subscribe("account")
        return (AccountUpdate.model_validate(message) async for message in inbox)

    async def subscribe_risk(self) -> AsyncIterator[RiskUpdate]:
        """How all accounts stand, for risk staff: all of them, then every 250 ms those that changed.

        Who is behind gets another snapshot, which takes the place of all that was told before.
        """
        inbox = await self._subscribe("risk")
        return (RiskUpdate.model_validate(message) async for message in inbox)
