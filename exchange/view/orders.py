"""Orders by id and by client id. Finished ones are kept for a while, the oldest forgotten first."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from exchange.view.records import OPEN, OrderView

FINISHED_ORDERS_KEPT = 100_000


@dataclass(slots=True)
class OrderIndex:
    """Every order that is open or finished lately, and the refusals of orders that had a client id."""

    by_id: dict[int, OrderView] = field(default_factory=dict)
    by_client: dict[tuple[int, str], OrderView] = field(default_factory=dict)
    finished: deque[OrderView] = field(default_factory=deque)

    def add(self, order: OrderView) -> None:
        """A new order; its client id now means this one."""
        self.by_id[order.order_id] = order
        if order.client_id:
            self.by_client[order.account_id, order.client_id] = order

    def add_rejected(self, order: OrderView) -> None:
        """An order that was refused: it is found by its client id alone."""
        self.by_client[order.account_id, order.client_id] = order
        self.finish(order)

    def finish(self, order: OrderView) -> None:
        """Count an order among the finished, and forget the oldest of them when there are too many."""
        self.finished.append(order)
        if len(self.finished) > FINISHED_ORDERS_KEPT:
            self._forget(self.finished.popleft())

    def open_orders(self) -> Iterator[OrderView]:
        """The orders that rest, oldest first."""
        return (order for order in self.by_id.values() if order.status == OPEN)

    def _forget(self, order: OrderView) -> None:
        if self.by_id.get(order.order_id) is order:
            del self.by_id[order.order_id]
        key = order.account_id, order.client_id
        if self.by_client.get(key) is order:
            del self.by_client[key]
