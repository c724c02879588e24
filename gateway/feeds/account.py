"""The private channels: what a batch did to accounts, told to those who may know.

orders, fills          each batch that did something to them, and again on request, after any sequence that is kept
positions, margin      what is different from what was told last
deliveries, account    what happened, and how things stand now
"""

from collections.abc import Callable

from exchange.published import Published
from exchange.view import MarketView
from gateway.encoding.delivery_rows import delivery_row
from gateway.encoding.rows import Row, account_row, margin_row, order_row, position_row
from gateway.feeds.account_events import account_events
from gateway.feeds.messages import message
from gateway.feeds.order_history import OrderHistory
from gateway.feeds.own_orders import fills_update, happened, orders_update
from gateway.feeds.recent_batches import RecentBatches
from gateway.feeds.subscribers import Audience, Subscriber
from gateway.feeds.topics import Topic

DELIVERY_KINDS = frozenset(
    {"allocation", "allocation_state", "slot", "shortfall", "dispute", "correction", "interruption"}
)
NO_POSITION: Row = {"quantity": "0", "cost": "0.000000000", "unsettled": "0.000000000"}
"""What is told of a position that was settled."""


class AccountFeed:
    """Tells accounts about themselves."""

    def __init__(self, view: MarketView, recent: RecentBatches) -> None:
        self._view = view
        self._audience = Audience()
        self._history = OrderHistory(view, recent)
        self._positions: dict[int, dict[str, Row]] = {}
        """By account and symbol, as they were told last to those who follow them."""
        self._margins: dict[int, Row] = {}

    def subscribe(self, subscriber: Subscriber, topic: Topic, since_sequence: int | None) -> None:
        """Offer how things stand, or all that happened after a sequence, and then what happens. Raises ApiError."""
        first = self._first(topic, since_sequence)
        self._audience.add(subscriber, topic, first)

    def unsubscribe(self, subscriber: Subscriber, topic: Topic) -> None:
        """Offer nothing more of a topic."""
        if not self._audience.discard(subscriber, topic):
            return
        if topic.channel == "positions":
            self._positions.pop(topic.subject, None)
        elif topic.channel == "margin":
            self._margins.pop(topic.subject, None)

    def sequence(self, subscriber: Subscriber, topic: Topic) -> object:
        """Of the last message."""
        return self._audience.sequence(subscriber, topic)

    def hear(self, batch: Published) -> None:
        """A batch is durable, and the view has it."""
        if self._audience.is_empty and not self._history.account_ids:
            return
        self._tell_orders(batch)
        if self._audience.subjects("positions") or self._audience.subjects("margin"):
            touched = set() if batch.figures is None else set(batch.figures["account_id"].tolist())
            self._tell_positions(touched)
            self._tell_margins(touched)
        self._tell_events(batch)

    def _first(self, topic: Topic, since_sequence: int | None) -> Row:
        account_id = topic.subject
        if topic.channel in ("orders", "fills"):
            if since_sequence is not None:
                return self._history.since(topic.channel, account_id, since_sequence)
            self._history.follow(account_id)
        elif topic.channel == "positions":
            self._positions.setdefault(account_id, position_rows(self._view, account_id))
        elif topic.channel == "margin":
            self._margins.setdefault(account_id, margin_row(self._view, account_id))
        return account_snapshot(self._view, topic)

    def _tell_orders(self, batch: Published) -> None:
        orders, fills = self._audience.subjects("orders"), self._audience.subjects("fills")
        listening = self._history.account_ids | orders | fills
        what = happened(self._view, batch, listening) if listening else {}
        self._history.note(what)
        for account_id, each in what.items():
            if account_id in orders:
                self._audience.publish(Topic("orders", account_id), orders_update(self._view, each))
            if each.fills and account_id in fills:
                self._audience.publish(Topic("fills", account_id), fills_update(self._view, each))

    def _tell_positions(self, touched: set[int]) -> None:
        for account_id in touched & self._audience.subjects("positions"):
            told, now = self._positions[account_id], position_rows(self._view, account_id)
            self._positions[account_id] = now
            rows = [row for symbol, row in now.items() if told.get(symbol) != row]
            rows += [row | NO_POSITION for symbol, row in told.items() if symbol not in now]
            if rows:
                update = message("positions", "update", self._view) | {"positions": rows}
                self._audience.publish(Topic("positions", account_id), update)

    def _tell_margins(self, touched: set[int]) -> None:
        for account_id in touched & self._audience.subjects("margin"):
            row = margin_row(self._view, account_id)
            if row != self._margins[account_id]:
                self._margins[account_id] = row
                self._audience.publish(Topic("margin", account_id), message("margin", "update", self._view) | row)

    def _tell_events(self, batch: Published) -> None:
        accounts, deliveries = self._audience.subjects("account"), self._audience.subjects("deliveries")
        listening = accounts | deliveries
        if not listening:
            return
        for account_id, rows in account_events(self._view, batch, listening).items():
            if account_id in accounts:
                self._audience.publish(Topic("account", account_id), account_update(self._view, account_id, rows))
            of_deliveries = [row for row in rows if row["kind"] in DELIVERY_KINDS]
            if of_deliveries and account_id in deliveries:
                self._audience.publish(Topic("deliveries", account_id), deliveries_update(self._view, of_deliveries))


def account_snapshot(view: MarketView, topic: Topic) -> Row:
    """How things stand with an account."""
    return message(topic.channel, "snapshot", view) | _CONTENTS[topic.channel](view, topic.subject)


def account_update(view: MarketView, account_id: int, events: list[Row]) -> Row:
    """The account as it is now, and what happened to it."""
    return message("account", "update", view) | account_row(view, account_id) | {"events": events}


def deliveries_update(view: MarketView, events: list[Row]) -> Row:
    """The allocations that the events are about, as they are now, and the events."""
    named = dict.fromkeys(int(str(row["id" if row["kind"] == "allocation" else "allocation"])) for row in events)
    known = [view.deliveries.by_id[name] for name in named if name in view.deliveries.by_id]
    rows = [delivery_row(view, each) for each in known]
    return message("deliveries", "update", view) | {"deliveries": rows, "events": events}


def position_rows(view: MarketView, account_id: int) -> dict[str, Row]:
    """Positions by symbol."""
    return {each.tranche.symbol: position_row(each) for each in view.positions(account_id)}


def _orders(view: MarketView, account_id: int) -> Row:
    return {"orders": [order_row(order) for order in view.open_orders(account_id)], "fills": []}


def _deliveries(view: MarketView, account_id: int) -> Row:
    rows = [delivery_row(view, each) for each in view.deliveries.of_account(account_id)]
    return {"deliveries": rows, "events": []}


_CONTENTS: dict[str, Callable[[MarketView, int], Row]] = {
    "orders": _orders,
    "fills": lambda view, account_id: {"fills": []},
    "positions": lambda view, account_id: {"positions": list(position_rows(view, account_id).values())},
    "margin": margin_row,
    "deliveries": _deliveries,
    "account": lambda view, account_id: account_row(view, account_id) | {"events": []},
}
