"""Mass cancels in the twin of the book."""

from types import SimpleNamespace

from matching.schema import EventKind, MassFlag, OrderReason, OrderReject, Side
from matching.twin_rules import Order
from matching.twin_state import Refusal, TwinState

MASS_FLAGS = int(~MassFlag(0))


def mass_cancel(book: TwinState, command: SimpleNamespace) -> None:
    """Cancel every order that matches all of what a command goes by, in the order of their ids."""
    instrument_id = command.instrument_id if command.flags & MassFlag.BY_INSTRUMENT else 0
    side = command.side if command.flags & MassFlag.BY_SIDE else 0
    reject = check_mass_cancel(book, command)
    if reject:
        return book.refuse(command.account_id, Refusal(reject, instrument_id=instrument_id, side=side))
    matching = (order for order in book.all_orders() if is_chosen(book, command, order))
    chosen = sorted(matching, key=lambda order: order.order_id)
    lots = sum(order.leaves_lots for order in chosen)
    for order in chosen:
        book.leave(order, OrderReason.MASS_CANCELLED)
    return book.summarise(
        EventKind.MASS_CANCELLED, command.account_id, len(chosen), lots, instrument_id=instrument_id, side=side
    )


def check_mass_cancel(book: TwinState, command: SimpleNamespace) -> OrderReject | None:
    """What a mass cancel goes by must be known."""
    if command.flags & MassFlag.BY_INSTRUMENT and command.instrument_id not in book.instruments:
        return OrderReject.UNKNOWN_INSTRUMENT
    knows_side = not command.flags & MassFlag.BY_SIDE or command.side in set(Side)
    return None if knows_side and not command.flags & ~MASS_FLAGS else OrderReject.INVALID_ORDER_TERMS


def is_chosen(book: TwinState, command: SimpleNamespace, order: Order) -> bool:
    """Whether an order is one of those that a command names."""
    wanted = {
        MassFlag.BY_ACCOUNT: order.account_id == command.account_id,
        MassFlag.BY_SESSION: order.session_id == command.session_id,
        MassFlag.BY_LABEL: order.label == command.label,
        MassFlag.BY_SIDE: order.side == command.side,
        MassFlag.BY_INSTRUMENT: order.instrument_id == command.instrument_id,
    }
    scope = book.instruments[order.instrument_id].scope
    in_scope = scope & command.scope_mask == command.scope & command.scope_mask
    return in_scope and all(matches for flag, matches in wanted.items() if command.flags & flag)
