"""Flow files: operations as 32-byte records, and the command records that they become.

A flow is read in chunks, twice: once to check it and to learn whose order each id names, once to run it. So memory
follows the number of orders, not of operations.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kernels.memory import aligned_zeros
from kernels.records import record
from matching.schema import CHANGE_COMMAND, ORDER_COMMAND, ChangeFlag, CommandKind, Side, TimeInForce

OPERATION = record(
    ("kind", "u1"),  # 1 new limit order, 2 cancel, 3 replace
    ("side", "u1"),  # 0 buy, 1 sell
    ("time_in_force", "u1"),  # 0 good till cancelled, 1 immediate or cancel
    ("reserved", "u1"),
    ("instrument_id", "u4"),
    ("order_id", "u8"),
    ("account_id", "u4"),  # of a new order; changes leave it 0
    ("price_ticks", "i4"),
    ("quantity_lots", "i8"),  # of a replace: what shall remain
)
OPERATION_BYTES = 32
assert OPERATION.itemsize == OPERATION_BYTES

KINDS = np.array([0, CommandKind.PLACE, CommandKind.CANCEL, CommandKind.REPLACE], np.uint8)
TIMES_IN_FORCE = np.array([TimeInForce.GTC, TimeInForce.IOC], np.uint8)
ACCOUNTS = 1 << 20
INSTRUMENTS_MAX = 1 << 20
CHECK_CHUNK = 1 << 18


class FlowError(ValueError):
    """A file that is no flow, or not one of so many instruments; `str` names the first operation that is wrong."""


class Owners(NamedTuple):
    """The account of every order id that a flow brings."""

    order_ids: np.ndarray  # rising
    account_ids: np.ndarray

    def of(self, order_ids: np.ndarray) -> np.ndarray:
        """The account of each id; 0 for ids that no new order has, whose changes are refused whoever sends them."""
        if not len(self.order_ids):
            return np.zeros(len(order_ids), np.uint32)
        at = np.minimum(np.searchsorted(self.order_ids, order_ids), len(self.order_ids) - 1)
        return np.where(self.order_ids[at] == order_ids, self.account_ids[at], np.uint32(0))


class Flow:
    """A checked flow file."""

    def __init__(self, path: Path, instruments: int) -> None:
        """Read and check all of the file. Raises FlowError, and OSError when it cannot be read."""
        if not 1 <= instruments <= INSTRUMENTS_MAX:
            raise FlowError(f"the number of instruments must be 1 to {INSTRUMENTS_MAX:,}, not {instruments:,}")
        self.path = path
        self.instruments = instruments
        self.operations = self._count()
        self.owners = self._check()

    def commands(self, chunk: int) -> Iterator[np.ndarray]:
        """The flow as arrays of so many ORDER_COMMAND records, the last one shorter; changes are among them."""
        for operations in self._chunks(chunk):
            yield to_commands(operations, self.owners)

    def _count(self) -> int:
        size = self.path.stat().st_size
        count, rest = divmod(size, OPERATION_BYTES)
        if rest:
            raise FlowError(
                f"{self.path} has {size:,} bytes, which is not a whole number of {OPERATION_BYTES}-byte operations"
            )
        if not count:
            raise FlowError(f"{self.path} is empty: a flow holds at least one operation")
        return count

    def _check(self) -> Owners:
        order_ids, account_ids = [], []
        first = 0
        for operations in self._chunks(CHECK_CHUNK):
            self._check_chunk(operations, first)
            new = operations[operations["kind"] == 1]
            order_ids.append(new["order_id"])
            account_ids.append(new["account_id"] % np.uint32(ACCOUNTS))
            first += len(operations)
        # An id that comes again keeps the account of its first order. Without self-trade prevention accounts decide
        # nothing, except that a change must come from the account of the order that rests.
        unique, first_at = np.unique(np.concatenate(order_ids), return_index=True)
        return Owners(unique, np.concatenate(account_ids)[first_at])

    def _check_chunk(self, operations: np.ndarray, first: int) -> None:
        new = operations["kind"] == 1
        kinds, instrument_ids = operations["kind"], operations["instrument_id"]
        self._refuse(first, (kinds < 1) | (kinds > 3), lambda at: f"op code {kinds[at]} is not 1, 2 or 3")
        self._refuse(
            first,
            instrument_ids >= self.instruments,
            lambda at: f"instrument {instrument_ids[at]} is not below {self.instruments}",
        )
        sides, times = operations["side"], operations["time_in_force"]
        self._refuse(first, new & (sides > Side.SELL), lambda at: f"side {sides[at]} is not 0 or 1")
        self._refuse(first, new & (times > 1), lambda at: f"time in force {times[at]} is not 0 or 1")
        self._refuse(first, new & (operations["order_id"] == 0), lambda at: "a new order has the id 0")

    def _refuse(self, first: int, wrong: np.ndarray, why: Callable[[int], str]) -> None:
        if wrong.any():
            at = int(wrong.argmax())
            raise FlowError(f"{self.path}: operation {first + at:,} (counted from 0): {why(at)}")

    def _chunks(self, count: int) -> Iterator[np.ndarray]:
        with self.path.open("rb") as file:
            while len(operations := np.fromfile(file, OPERATION, count)):
                yield operations


def to_commands(operations: np.ndarray, owners: Owners) -> np.ndarray:
    """Operations as commands. A replace names what shall remain, and always goes to the back of the queue."""
    commands = aligned_zeros(len(operations), ORDER_COMMAND)
    changes = commands.view(CHANGE_COMMAND)
    commands["kind"] = KINDS[operations["kind"]]
    commands["instrument_id"] = operations["instrument_id"]
    commands["order_id"] = operations["order_id"]
    commands["account_id"] = owners.of(operations["order_id"])
    priced = operations["kind"] != 2
    commands["price_ticks"][priced] = operations["price_ticks"][priced]
    commands["quantity_lots"][priced] = operations["quantity_lots"][priced]
    new = operations["kind"] == 1
    commands["side"][new] = operations["side"][new]
    commands["time_in_force"][new] = TIMES_IN_FORCE[operations["time_in_force"][new]]
    changes["flags"][operations["kind"] == 3] = ChangeFlag.REQUEUE | ChangeFlag.NAMES_REMAINING
    return commands
