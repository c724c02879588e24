"""One order on its way in, and its answer on the way out, so that the kernels are compiled."""

import numpy as np

from exchange.service import Reply
from exchange.view import MarketView
from gateway.encoding.plain.compile import CACHE
from gateway.encoding.plain.desk import Frames, Reader, Writer, make_room
from matching.schema import ORDER_EVENT, EventKind

SYMBOL = "warm-up"
FRAME = f'{{"op":"place","id":1,"symbol":"{SYMBOL}","side":"buy","price":"1","quantity":"1","client_id":"a"}}'


def warm_up() -> None:
    """Read an order, and answer it."""
    view = MarketView()
    view.tranche_by_symbol[SYMBOL] = 1
    reader, frames = Reader(view), Frames([FRAME.encode()])
    assert reader.read(frames, 0, 1, 1, 0) == 1, "a plain order is not read"
    _, entries = reader.take()
    events = np.zeros(1, ORDER_EVENT)
    events["sequence"], events["kind"] = 1, EventKind.RESTED
    assert Writer(frames, entries, Reply(1, 0, events), make_room()).rested(0, 1, b"}")[0] == 1, "it is not answered"
    CACHE.mark_complete()
