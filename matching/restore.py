"""Resting orders back into an empty book, from the logical records that `export` wrote, each queue in its order."""

from kernels.compile import inlined, kernel
from matching.icebergs import narrow_clip
from matching.identifiers import find_slot
from matching.resting import rest
from matching.rules import ICEBERG
from matching.schema import NIL, CommandKind


@kernel
def restore_orders(book, rows):
    """Let every RESTING row rest again. The instruments are listed and the id table has room."""
    for at in range(len(rows)):
        row = rows[at]
        load_row(book, row)
        shown_lots = rest(book)
        if row["flags"] & ICEBERG:
            narrow_clip(book, find_slot(book, row["order_id"]), shown_lots - row["visible_lots"])


@inlined
def load_row(book, row):
    """Put an order to work that is about to rest."""
    book.taker[0]["slot"] = NIL
    book.taker[0]["leaves_lots"] = row["leaves_lots"]
    book.taker[0]["display_lots"] = row["display_lots"]
    working = book.working[0]
    working["kind"] = CommandKind.PLACE
    working["continuations"] = 0
    working["order_id"] = row["order_id"]
    working["quantity_lots"] = row["quantity_lots"]
    working["expires_ns"] = row["expires_ns"]
    working["client_id_high"] = row["client_id_high"]
    working["client_id_low"] = row["client_id_low"]
    working["instrument_id"] = row["instrument_id"]
    working["account_id"] = row["account_id"]
    working["price_ticks"] = row["price_ticks"]
    working["label"] = row["label"]
    working["session_id"] = row["session_id"]
    working["side"] = row["side"]
    working["time_in_force"] = row["time_in_force"]
    working["flags"] = row["flags"]
    working["self_trade"] = row["self_trade"]
