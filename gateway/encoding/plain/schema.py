"""The records with which plain orders are read and answered."""

from enum import IntEnum
from typing import ClassVar

import numpy as np

from kernels.arrays import RecordViews
from kernels.records import record
from matching.schema import ORDER_EVENT

FRAME_BYTES_MAX = 512
"""A longer frame is no plain order."""
SYMBOL_WORDS = 8
SYMBOL_BYTES_MAX = 8 * SYMBOL_WORDS

FOUND = record(
    ("said", "u8"),  # a bit for each field
    ("name", "u8"),  # of the request
    ("symbol_at", "i8"),  # where its text begins among those of all frames, without quotes
    ("symbol_length", "i8"),
    ("client_id_at", "i8"),
    ("client_id_length", "i8"),  # 0 for none
    ("side", "i8"),
    ("time_in_force", "i8"),
    ("price_ticks", "i8"),
    ("quantity_lots", "i8"),
)
"""What one frame says."""

ENTRY = record(
    ("name", "u8"),  # of the request
    ("frame", "u4"),  # which of those that were read together
    ("place", "u4"),  # of the order among the records of its block
    ("symbol_at", "u4"),
    ("symbol_length", "u4"),
    ("client_id_at", "u4"),
    ("client_id_length", "u4"),
)
"""What the answer to an order repeats of its request."""

SYMBOL = record(
    ("hash", "u8"),
    ("version", "u4"),  # an entry of another version is none
    ("instrument_id", "u4"),
    ("length", "i8"),
)
"""A symbol that names a tranche; its text stands in an array of its own, in SYMBOL_WORDS."""


class Stop(IntEnum):
    """Why no more was read."""

    END = 0
    OTHER = 1
    """The frame there is no plain order, or there is no room for it."""
    SYMBOL = 2
    """The symbol in it is not known yet."""
    FULL = 3
    """The block is."""


class Text(RecordViews):
    """Bytes, to be read."""

    layouts: ClassVar = {"bytes": np.dtype(np.uint8)}


class Events(RecordViews):
    """The events of a block."""

    layouts: ClassVar = {"orders": ORDER_EVENT}
