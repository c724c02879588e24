"""Orders by id and by client id. Finished ones are kept for a while, the oldest forgotten first.

Orders that rest since before a restart are records until somebody asks for them or something happens to them.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from exchange.view.packed import PackedOrders, pack_orders
from exchange.view.records import OPEN, AccountView, OrderView

FINISHED_ORDERS_KEPT = 100_000


@dataclass(slots=True)
class OrderIndex:
    """Every order that is open or finished lately, and the refusals of orders that had a client id."""

    by_id: dict[int, OrderView] = field(default_factory=dict)
    by_client: dict[tuple[int, str], OrderView] = field(default_factory=dict)
    finished: deque[OrderView] = field(default_factory=deque)
    packed: PackedOrders = field(default_factory=lambda: PackedOrders(pack_orders(())), compare=False)
    """Open orders that are not in the dictionaries, nor among those of their accounts."""

    def add(self, order: OrderView) -> None:
        """A new order; its client id now means this one."""
        self.by_id[order.order_id] = order
        if order.client_id:
            self.by_client[order.account_id, order.client_id] = order

    def add_rejected(self, order: OrderView) -> None:
        """An order that was refused: it is found by its client id alone."""
        self.by_client[order.account_id, order.client_id] = order
        self.finish(order)

    def find(self, order_id: int, accounts: dict[int, AccountView]) -> OrderView | None:
        """The order of an id; one that was packed joins those of its account."""
        order = self.by_id.get(order_id)
        if order is None or order.status != OPEN:
            packed = self.packed.take_by_id(order_id)  # a quote that rests has the id of those that ended
            if packed is not None:
                self._unpack([packed], accounts)
                return packed
        return order

    def find_by_client(self, account_id: int, client_id: str, accounts: dict[int, AccountView]) -> OrderView | None:
        """The newest order under a client id. While one rests, its id is given to no other."""
        order = self.packed.take_by_client(account_id, client_id) if client_id else None
        if order is None:
            return self.by_client.get((account_id, client_id))
        self._unpack([order], accounts)
        return order

    def unpack_account(self, account: AccountView, accounts: dict[int, AccountView]) -> None:
        """Bring in all that is packed of an account, so that its orders are complete, and oldest first."""
        orders = list(self.packed.take_account(account.account_id))
        if orders:
            self._unpack(orders, accounts)
            account.orders = {order.order_id: order for order in sorted(account.orders.values(), key=_age)}

    def unpack_all(self, accounts: dict[int, AccountView]) -> None:
        """Bring in every order, so that two indexes can be compared."""
        for account in accounts.values():
            self.unpack_account(account, accounts)

    def finish(self, order: OrderView) -> None:
        """Count an order among the finished, and forget the oldest of them when there are too many."""
        self.finished.append(order)
        if len(self.finished) > FINISHED_ORDERS_KEPT:
            self._forget(self.finished.popleft())

    def unpacked_open(self) -> Iterator[OrderView]:
        """The orders that rest and are not packed, oldest first."""
        return (order for order in self.by_id.values() if order.status == OPEN)

    def _unpack(self, orders: Iterable[OrderView], accounts: dict[int, AccountView]) -> None:
        for order in orders:
            self.add(order)
            accounts[order.account_id].orders[order.order_id] = order

    def _forget(self, order: OrderView) -> None:
        if self.by_id.get(order.order_id) is order:
            del self.by_id[order.order_id]
        key = order.account_id, order.client_id
        if self.by_client.get(key) is order:
            del self.by_client[key]


def _age(order: OrderView) -> tuple[int, int]:
    return order.created_ns, order.order_id
