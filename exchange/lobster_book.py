"""A book that follows a recorded LOBSTER day through matching, and sees whether matching does what the recording says.

Only the best N levels of each side are recorded, so that is all that can be known. The book starts from the first row,
with one made-up order for each level. From then on messages alone move it: what a message leaves is compared with the
recorded row before anything is put right. A level that slides out of the window is forgotten, since its orders may now
change unseen; one that slides in, or that disagreed, is learnt from the row as one made-up order again. All quantities
are read back from matching itself: nothing here keeps a book of its own.
"""

import numpy as np

from exchange.lobster_files import HALTED, ORDER_ID_MAX, TRADING_RESUMED, Levels, Message, MessageKind
from matching.book import Limits, OrderBook
from matching.schema import (
    CHANGE_COMMAND,
    ORDER_COMMAND,
    ChangeFlag,
    CommandKind,
    EventKind,
    OrderFlag,
    Phase,
    Side,
    TimeInForce,
)

SIDES = (Side.BUY, Side.SELL)
INSTRUMENT_ID = 1
MAKER_ACCOUNT_ID = 1
TAKER_ACCOUNT_ID = 2
TAKER_ORDER_ID = ORDER_ID_MAX + 1
MADE_UP_ORDER_ID = 1 << 63
LIMITS = Limits(instruments=2, orders=1 << 20, nodes=1 << 18, accounts=4)


class RecordedBook:
    """Both sides of one recorded instrument, as matching holds them, and what was counted on the way."""

    def __init__(self, levels: int) -> None:
        self.commands = 0
        self.executions = 0
        self.executions_at_queue_head = 0
        self._levels = levels
        self._halted = False
        self._submitted: set[int] = set()  # orders whose submission was seen, and whose level never was forgotten since
        self._worst_known_ticks: dict[Side, int | None] = dict.fromkeys(SIDES)  # None: the whole side is known
        self._book = OrderBook(LIMITS)
        self._book.list_instrument(INSTRUMENT_ID)

    def learn(self, recorded: tuple[Levels, Levels]) -> None:
        """Forget every order, and take the levels of a row as they stand."""
        for side in SIDES:
            self._adopt(side, self.levels(side), [])
        for side in SIDES:
            self._adopt(side, [], recorded[side])

    def follow(self, message: Message, recorded: tuple[Levels, Levels]) -> bool:
        """Do what a message tells; True when matching's book then agrees with the row on every level it knows.

        Rows of a halt, up to the one that ends it, never agree: orders then meet by other rules than in continuous
        trading, and the book is learnt again.
        """
        if message.kind == MessageKind.HALT:
            self._halt(message, recorded)
            return False
        if self._halted:
            return False
        amends = self._apply(message)
        held = [self.levels(side) for side in SIDES]
        agrees = all(held[side][: self._levels] == self._known(side, recorded[side]) for side in SIDES)
        if amends:
            self._execute(*amends)
            held = [self.levels(side) for side in SIDES]
        for side in SIDES:
            self._adopt(side, held[side], recorded[side])
        return agrees

    def levels(self, side: Side) -> Levels:
        """What matching holds on one side."""
        return [(price_ticks, lots) for price_ticks, lots, _ in self._book.levels(INSTRUMENT_ID, side)]

    def _halt(self, message: Message, recorded: tuple[Levels, Levels]) -> None:
        if message.price_ticks == HALTED:
            self._halted = True
            self._book.set_phase(INSTRUMENT_ID, Phase.HALTED)
        elif message.price_ticks == TRADING_RESUMED:
            self._halted = False
            self._book.set_phase(INSTRUMENT_ID, Phase.OPEN)
            self.learn(recorded)

    def _apply(self, message: Message) -> list[np.ndarray]:
        """Do what a message tells, and return the commands that must follow once the outcome is compared."""
        if message.kind == MessageKind.SUBMISSION:
            self._submitted.add(message.order_id)
            self._execute(place(message.side, message.price_ticks, message.quantity_lots, message.order_id))
        elif message.kind == MessageKind.PARTIAL_CANCEL:
            self._reduce(message)
        elif message.kind == MessageKind.DELETION:
            (outcome,) = self._execute(cancel(message.order_id))
            if outcome["kind"] == EventKind.REJECTED:
                self._reduce(message)
        elif message.kind == MessageKind.EXECUTION:
            return self._trade(message)
        return []

    def _reduce(self, message: Message) -> None:
        """Take lots off the order that a message names, or off its level's made-up order; it keeps its place."""
        orders = self._orders(message.side)
        order_id = maker_of(message, orders)
        for order in orders[orders["order_id"] == order_id]:
            remaining_lots = int(order["leaves_lots"]) - message.quantity_lots
            if remaining_lots > 0:
                self._execute(shorten(order_id, int(order["price_ticks"]), remaining_lots))
            else:
                self._execute(cancel(order_id))

    def _trade(self, message: Message) -> list[np.ndarray]:
        """Send the order that must have come from the other side, and see whom it meets."""
        resting = self._orders(message.side)
        maker_id = maker_of(message, resting)
        events = self._execute(take(message))
        fills = events[events["kind"] == EventKind.TRADE][["counter_order_id", "price_ticks", "quantity_lots"]].tolist()
        as_recorded = fills == [(maker_id, message.price_ticks, message.quantity_lots)]
        if message.order_id in self._submitted:
            self.executions += 1
            self.executions_at_queue_head += as_recorded and maker_id == message.order_id
        return [] if as_recorded else self._amends(message, maker_id, resting)

    def _amends(self, message: Message, maker_id: int, resting: np.ndarray) -> list[np.ndarray]:
        """Commands to put back the orders of one side as they were, less what the recording says was executed.

        Matching met another order than the recording, and later messages name the orders that the recording left.
        """
        commands = [cancel(order_id) for order_id in self._orders(message.side)["order_id"].tolist()]
        for order in resting:
            order_id, lots = int(order["order_id"]), int(order["leaves_lots"])
            lots -= message.quantity_lots if order_id == maker_id else 0
            if lots > 0:
                commands.append(place(message.side, int(order["price_ticks"]), lots, order_id))
        return commands

    def _known(self, side: Side, recorded: Levels) -> Levels:
        """The levels of a row that stand no further out than the last row reached."""
        worst_ticks = self._worst_known_ticks[side]
        if worst_ticks is None:
            return recorded
        if side == Side.BUY:
            return [level for level in recorded if level[0] >= worst_ticks]
        return [level for level in recorded if level[0] <= worst_ticks]

    def _adopt(self, side: Side, held: Levels, recorded: Levels) -> None:
        """Make one side equal to a row: forget levels that left or disagree, learn those that are missing."""
        if held != recorded:
            stale_ticks = {price_ticks for price_ticks, _ in set(held) - set(recorded)}
            missing = [made_up(side, *level) for level in recorded if level not in held]
            self._execute(*self._forget(side, stale_ticks), *missing)
        self._worst_known_ticks[side] = recorded[-1][0] if len(recorded) == self._levels else None

    def _forget(self, side: Side, prices_ticks: set[int]) -> list[np.ndarray]:
        """Commands to take away all orders at some prices, from now on unknown."""
        if not prices_ticks:
            return []
        orders = self._orders(side)[["order_id", "price_ticks"]].tolist()
        order_ids = [order_id for order_id, price_ticks in orders if price_ticks in prices_ticks]
        self._submitted.difference_update(order_ids)
        return [cancel(order_id) for order_id in order_ids]

    def _orders(self, side: Side) -> np.ndarray:
        orders = self._book.orders()
        return orders[orders["side"] == side]

    def _execute(self, *commands: np.ndarray) -> np.ndarray:
        self.commands += len(commands)
        batch = commands[0] if len(commands) == 1 else np.concatenate([NO_COMMANDS, *commands])
        return self._book.execute(batch)


NO_COMMANDS = np.zeros(0, ORDER_COMMAND)


def maker_of(message: Message, orders: np.ndarray) -> int:
    """The order that a message names, when it rests; else the made-up order of its level."""
    if message.order_id in orders["order_id"]:
        return message.order_id
    return made_up_id(message.side, message.price_ticks)


def made_up_id(side: Side, price_ticks: int) -> int:
    """The id of the order that stands for all that is not known of a level."""
    return MADE_UP_ORDER_ID + (int(side) << 32) + price_ticks


def made_up(side: Side, price_ticks: int, quantity_lots: int) -> np.ndarray:
    """A command to place the made-up order of a level, which never trades on its way in."""
    return place(side, price_ticks, quantity_lots, made_up_id(side, price_ticks), flags=OrderFlag.POST_ONLY)


def take(message: Message) -> np.ndarray:
    """A command for the order that must have come from the other side when a message tells of an execution."""
    return place(
        Side(1 - message.side),
        message.price_ticks,
        message.quantity_lots,
        TAKER_ORDER_ID,
        account_id=TAKER_ACCOUNT_ID,
        time_in_force=TimeInForce.IOC,
    )


def place(side: Side, price_ticks: int, quantity_lots: int, order_id: int, **fields: int) -> np.ndarray:
    """A command to place an order: good till cancelled, of the makers' account, unless `fields` say otherwise."""
    terms = {"side": side, "price_ticks": price_ticks, "quantity_lots": quantity_lots}
    return _command(ORDER_COMMAND, CommandKind.PLACE, order_id, **terms, **fields)


def cancel(order_id: int) -> np.ndarray:
    """A command to cancel an order."""
    return _command(CHANGE_COMMAND, CommandKind.CANCEL, order_id)


def shorten(order_id: int, price_ticks: int, remaining_lots: int) -> np.ndarray:
    """A command to leave so many lots of an order, in its place in the queue."""
    terms = {"price_ticks": price_ticks, "quantity_lots": remaining_lots, "flags": ChangeFlag.NAMES_REMAINING}
    return _command(CHANGE_COMMAND, CommandKind.REPLACE, order_id, **terms)


def _command(layout: np.dtype, kind: CommandKind, order_id: int, **fields: int) -> np.ndarray:
    command = np.zeros(1, layout)
    command["kind"] = kind
    command["instrument_id"] = INSTRUMENT_ID
    command["account_id"] = MAKER_ACCOUNT_ID
    command["order_id"] = order_id
    for name, value in fields.items():
        command[name] = value
    return command.view(ORDER_COMMAND)
