"""Timers of cancels as JSON rows."""

from gateway.encoding.fields import time_text
from gateway.encoding.rows import Row


def timer_row(session: int | None, due_ns: int) -> Row:
    """When orders go: those of a session, or all of the account."""
    return {
        "session": session,
        "cancels_at": time_text(due_ns) if due_ns else None,
        "cancels_at_ns": due_ns or None,
    }


def cancelled_after_row(event: dict[str, int]) -> Row:
    """What a timer that ran out did, as the account's channel tells it."""
    row = timer_row(event["session_id"] if event["by_session"] else None, event["due_ns"])
    counted: Row = {"cancelled": event["order_count"], "quantity": str(event["quantity_lots"])}
    return {"kind": "cancelled_after"} | row | counted
