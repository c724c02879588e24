"""Readings of the venue, and batches that are carried out by whoever queued them."""

import threading
from pathlib import Path

import pytest

from exchange import commands
from exchange.sequencer import QUICK_COMMITS
from exchange.venue.machine import Venue
from exchange.venue.schema import Event
from tests.exchange.test_service import PATIENCE_S, open_exchange


async def test_a_reading_is_taken_before_whatever_is_carried_out_at_once_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.sequencer.QUICK_NS", 1 << 62)
    exchange = await open_exchange(tmp_path)
    for _ in range(2 * QUICK_COMMITS):
        await exchange.submit(commands.halt_market())
    is_read = threading.Event()

    def read(venue: Venue) -> int:
        is_read.set()
        return venue.sequence

    looking = exchange.look(read, lambda sequence: (sequence, exchange.view.sequence))
    assert is_read.wait(PATIENCE_S)
    with exchange._sequencer._turning:
        pass  # the thread is at rest, and the loop has not seen what was read
    (halted,) = exchange.submit_many([commands.halt_market()])
    exchange.wake()
    seen, viewed = await looking
    assert seen == viewed
    assert (await halted).events["kind"].tolist() == [Event.MARKET_HALTED]
    await exchange.close()
