"""Binary frames that are nearly right: blocks of valid commands of which any field of any record is something else."""

import random
from collections.abc import Callable

import numpy as np

from exchange import commands
from exchange.commands import Leg, Quote
from exchange.venue.schema import Command
from gateway.encoding.binary_frames import FRAME, RECORDS_MAX, FrameKind, write_frame
from kernels.records import RECORD_BYTES
from matching.schema import (
    CHANGE_COMMAND,
    EXTRA,
    LEG,
    MASS_CANCEL_COMMAND,
    ORDER_COMMAND,
    QUOTE,
    ChangeFlag,
    OrderFlag,
    SelfTrade,
    Side,
    TimeInForce,
)

KEPT = 64
"""So many frames are made from each set of commands."""
COMMANDS = 60
PRICE_TICKS = 40_000
STEP_TICKS = 10
LAYOUTS = {
    Command.CANCEL: CHANGE_COMMAND,
    Command.REPLACE: CHANGE_COMMAND,
    Command.MASS_CANCEL: MASS_CANCEL_COMMAND,
    Command.EXTRA: EXTRA,
    Command.QUOTE: QUOTE,
    Command.LEG: LEG,
}
KINDS = (*range(20), 31, 32, 55, 127, 128, 255)


class Frames:
    """Makes frames, from valid ones to random bytes."""

    def __init__(self, instrument_ids: Callable[[], list[int]], dice: random.Random) -> None:
        self.dice = dice
        self.order_ids: list[int] = [1]
        """Orders that may be there."""
        self._instrument_ids = instrument_ids
        self._commands: list[np.ndarray] = []
        self._drawn = 0

    def payload(self) -> bytes:
        """A frame, or what is none."""
        if self.dice.random() < 0.03:
            return self.dice.randbytes(self.dice.randrange(5) * RECORD_BYTES + self.dice.choice((0, 0, 1, 63)))
        count = RECORDS_MAX if self.dice.random() < 0.002 else self.dice.randrange(1, 9)
        block = commands.concatenate(*self.dice.choices(self._kept(), k=count))[: RECORDS_MAX + 1].copy()
        for _ in range(self.dice.choice((0, 1, 1, 2, 3))):
            self._change(block)
        frame = bytearray(write_frame(FrameKind.ORDERS, self.dice.getrandbits(64), block))
        if self.dice.random() < 0.1:
            self._change_header(frame)
        if self.dice.random() < 0.04:
            del frame[self.dice.randrange(len(frame)) :]
        if self.dice.random() < 0.02:
            frame += self.dice.randbytes(self.dice.choice((1, RECORD_BYTES)))
        return bytes(frame)

    def command(self) -> np.ndarray:
        """A valid command."""
        instrument_ids, dice = self._instrument_ids(), self.dice
        choice = dice.randrange(12)
        if choice < 6:
            return self._place(dice.choice(instrument_ids))
        if choice == 6:
            return commands.cancel(0, order_id=dice.choice(self.order_ids))
        if choice == 7:
            flags = dice.choice((0, ChangeFlag.REQUEUE, ChangeFlag.NAMES_REMAINING))
            return commands.replace(0, self._price(), self._lots(), order_id=dice.choice(self.order_ids), flags=flags)
        if choice == 8:
            return commands.mass_cancel(None, label=dice.choice((None, 1)), side=dice.choice((None, 0, 1)))
        chosen = dice.sample(instrument_ids, dice.randrange(1, min(6, len(instrument_ids)) + 1))
        if choice == 9:
            legs = [Leg(each, dice.choice(tuple(Side)), self._price(), self._lots()) for each in chosen]
            return commands.basket(0, legs, self_trade=dice.choice(tuple(SelfTrade)))
        quotes = [Quote(each, self._price() - 200, self._lots(), self._price() + 200, self._lots()) for each in chosen]
        return commands.mass_quote(0, quotes, post_only=dice.random() < 0.3)

    def _kept(self) -> list[np.ndarray]:
        """Commands, made anew now and then: to make one takes longer than to run it."""
        if self._drawn % KEPT == 0:
            self._commands = [self.command() for _ in range(COMMANDS)]
        self._drawn += 1
        return self._commands

    def _place(self, instrument_id: int) -> np.ndarray:
        dice = self.dice
        order = commands.place(
            0,
            instrument_id,
            dice.choice(tuple(Side)),
            self._price(),
            self._lots(),
            time_in_force=dice.choice((TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK)),
            flags=dice.choice((0, 0, 0, *OrderFlag)) & ~(OrderFlag.ICEBERG | OrderFlag.MINIMUM),
            self_trade=dice.choice(tuple(SelfTrade)),
            display_lots=dice.choice((0, 0, 0, 2)),
            minimum_lots=dice.choice((0, 0, 0, 2)),
            label=dice.randrange(3),
        ).copy()
        if dice.random() < 0.3:
            order["client_id_low"][0] = dice.randrange(1, 200)
        return order

    def _price(self) -> int:
        return PRICE_TICKS + STEP_TICKS * self.dice.randrange(-40, 40)

    def _lots(self) -> int:
        return self.dice.choice((1, 2, 5, 50, 9_000))

    def _change(self, block: np.ndarray) -> None:
        """Another value in one field of one record, or another order of the records."""
        at, choice = self.dice.randrange(len(block)), self.dice.randrange(10)
        row = block[at : at + 1]
        if choice == 0:
            row["kind"] = self.dice.choice(KINDS)
        elif choice == 1:
            row["continuations"] = self.dice.choice((0, 1, 2, 3, 16, 64, 68, 69, 255))
        elif choice == 2:
            block[at] = block[self.dice.randrange(len(block))]
        elif choice == 3:
            row.view(np.uint8)[2:] = np.frombuffer(self.dice.randbytes(RECORD_BYTES - 2), np.uint8)
        else:
            layout = LAYOUTS.get(int(row["kind"][0]), ORDER_COMMAND)
            name = self.dice.choice(layout.names[2:])
            size = layout[name].itemsize
            row.view(layout)[name] = np.frombuffer(self._field(size), layout[name])

    def _field(self, size: int) -> bytes:
        """Values at the ends of what a field of so many bytes holds, small ones, and any."""
        end = 1 << 8 * size
        ends = (0, 1, 2, 3, 5, 8, 9, 63, 64, 65, end - 1, end - 2, end >> 1, (end >> 1) - 1, (end >> 1) + 1, end >> 2)
        choice = self.dice.randrange(4)
        value = self.dice.choice(ends)
        if choice == 3:
            value = self.dice.getrandbits(8 * size) >> self.dice.randrange(8 * size)
        elif choice == 0 and size == 8:
            value = self.dice.choice((1 << 40, (1 << 40) + 1, 1 << 52, (1 << 52) + 1, 1 << 62, *self.order_ids))
        return (value % end).to_bytes(size, "little")

    def _change_header(self, frame: bytearray) -> None:
        name = self.dice.choice(FRAME.names)
        place, size = FRAME.fields[name][1], FRAME[name].itemsize
        frame[place : place + size] = self._field(size)
