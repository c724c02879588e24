"""Reading batches, whatever bytes their records hold."""

import numpy as np

from exchange import commands
from exchange.published import Published
from exchange.venue.schema import CONTINUATION
from exchange.view.batches import BatchReader
from kernels.records import RECORD_BYTES, offset_of
from matching.schema import ORDER_EVENT


def test_text_that_is_not_ascii_is_read_with_a_mark_in_its_place() -> None:
    """The doors never send such text, but a record may hold any bytes, and a reader must not stop at them."""
    group = commands.open_account(1, "a?c").copy()
    group.view(np.uint8)[RECORD_BYTES + offset_of(CONTINUATION, "text") + 1] = 0xFF
    batch = Published(1, 1, group, np.zeros(0, ORDER_EVENT))
    assert BatchReader(batch).text(1) == "a\N{REPLACEMENT CHARACTER}c"
    assert commands.text_of(group) == "a\N{REPLACEMENT CHARACTER}c"
