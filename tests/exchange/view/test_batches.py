"""Reading batches, whatever bytes their records hold."""

import numpy as np

from exchange import commands
from exchange.published import Published
from exchange.venue.schema import ACCOUNT_COMMAND, CONTINUATION, Command
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


def test_a_record_is_read_in_the_layout_that_its_kind_asks_for() -> None:
    deposit = commands.deposit(7, -5, client_id="a")
    reader = BatchReader(Published(11, 1, commands.concatenate(commands.tick(9), deposit), np.zeros(0, ORDER_EVENT)))
    fields = reader.command(12, ACCOUNT_COMMAND)
    assert fields == dict(zip(ACCOUNT_COMMAND.names, deposit.view(ACCOUNT_COMMAND)[0].item(), strict=True))
    assert (reader.kind(11), reader.kind(12), fields["amount_nano"]) == (Command.TICK, Command.DEPOSIT, -5)


def test_events_are_the_rows_of_their_array() -> None:
    events = np.frombuffer(np.random.default_rng(1).bytes(5 * RECORD_BYTES), ORDER_EVENT)
    assert list(BatchReader(Published(1, 1, commands.tick(1), events)).events()) == events.tolist()
