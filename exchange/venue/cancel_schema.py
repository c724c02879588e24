"""The records of orders that go unless their owner gives a sign of life: what is sent, told, and kept."""

from kernels.records import record

TIMER_CAPACITY = 1 << 16
TIMERS_OF_ACCOUNT_MAX = 16
CANCEL_AFTER_MS_MAX = 86_400_000

CANCEL_AFTER_COMMAND = record(
    ("kind", "u1"),
    ("continuations", "u1"),
    ("by_session", "u1"),  # 1 for the orders of a session, 0 for all of the account
    ("reserved", "u1"),
    ("session_id", "u4"),
    ("account_id", "u4"),
    ("reserved_2", "u4"),
    ("after_ms", "i8"),  # 0 takes the timer away
    *((f"reserved_{n}", "i8") for n in range(3, 8)),
)

CANCEL_AFTER_EVENT = record(
    ("kind", "u1"),
    ("by_session", "u1"),
    ("reason", "u2"),
    ("session_id", "u4"),
    ("sequence", "u8"),
    ("due_ns", "i8"),  # when the orders go, or should have gone; 0 when a timer was taken away
    ("after_ms", "i8"),  # CANCEL_AFTER_SET alone
    ("account_id", "u4"),
    ("reserved", "u4"),
    ("reserved_2", "i4"),
    ("index", "u4"),
    ("order_count", "i8"),  # CANCELLED_AFTER alone, like the next
    ("quantity_lots", "i8"),
)

CANCEL_TIMER = record(
    ("account_id", "u4"),  # 0 for one that is free
    ("session", "u4"),  # the session's id and 1; 0 for all orders of the account
    ("due_ns", "i8"),
    ("next", "u4"),  # of the account, by session, or of those that are free
    ("reserved", "u4"),
)

CANCEL_HEAD = record(
    ("entry_ns", "i8"),  # when the account's entry of the agenda is due, never later than any of its timers; 0 for none
    ("first", "u4"),
    ("reserved", "u4"),
)

CANCEL_ROW = record(("account_id", "u4"), ("session", "u4"), ("due_ns", "i8"))
"""A timer as images have it, by account and session."""
