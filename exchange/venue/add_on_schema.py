"""The records of a margin call by risk staff: what is added to the initial requirement of an account."""

from enum import IntEnum

from kernels.records import record


class AddOnMode(IntEnum):
    """What the amount of a margin call is. Never renumber."""

    SET = 0
    """The add-on itself; 0 takes it away."""
    CALL = 1
    """What the account is to be short of its initial requirement now."""


ADD_ON_COMMAND = record(
    ("kind", "u1"),
    ("continuations", "u1"),
    ("mode", "u1"),  # an AddOnMode
    ("reserved", "u1"),
    ("reserved_2", "u4"),
    ("account_id", "u4"),
    ("reserved_3", "u4"),
    ("amount_nano", "i8"),
    *((f"reserved_{n}", "i8") for n in range(4, 9)),
)

ADD_ON_EVENT = record(
    ("kind", "u1"),
    ("standing", "u1"),  # a Standing, after all that the call brought
    ("reason", "u2"),
    ("reserved", "u4"),
    ("sequence", "u8"),
    ("equity_nano", "i8"),
    ("margin_nano", "i8"),  # the initial requirement, the add-on included
    ("account_id", "u4"),
    ("reserved_2", "u4"),
    ("reserved_3", "i4"),
    ("index", "u4"),
    ("add_on_nano", "i8"),
    ("called_nano", "i8"),  # what was called for; 0 where the add-on was set outright
)
