"""Resting orders back into an empty book, from the logical records that `export` wrote, each queue in its order."""

from matching.compile import kernel
from matching.execute import rest
from matching.schema import NIL


@kernel
def restore_orders(book, rows):
    """Let every RESTING row rest again. The instruments are listed and the id table has room."""
    for at in range(len(rows)):
        load_row(book, rows[at])
        rest(book)


@kernel
def load_row(book, row):
    """Put an order to work that is about to rest."""
    taker = book.taker[0]
    taker["slot"] = NIL
    taker["order_id"] = row["order_id"]
    taker["leaves_lots"] = row["leaves_lots"]
    taker["total_lots"] = row["quantity_lots"]
    taker["expires_ns"] = row["expires_ns"]
    taker["client_id_high"] = row["client_id_high"]
    taker["client_id_low"] = row["client_id_low"]
    taker["instrument_id"] = row["instrument_id"]
    taker["account_id"] = row["account_id"]
    taker["price_ticks"] = row["price_ticks"]
    taker["label"] = row["label"]
    taker["session_id"] = row["session_id"]
    taker["side"] = row["side"]
    taker["time_in_force"] = row["time_in_force"]
    taker["flags"] = row["flags"]
    taker["self_trade"] = row["self_trade"]


