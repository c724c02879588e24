"""A sequencer on a real journal, for tests to put commands in at one end and to see what comes out at the other."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from exchange import commands
from exchange.clock import Anchor, VenueClock
from exchange.full_disk import DiskGuard, StorageFull
from exchange.journal import Journal
from exchange.reserve import Reserve
from exchange.sequencer import Delivery, Look, Request, Sequencer
from exchange.stages import Stages
from exchange.venue.image import Image
from exchange.venue.machine import Venue
from tests.exchange.stores import RULES
from tests.exchange.venue.market import LIMITS, START_NS

PATIENCE_S = 20


class Line:
    """A sequencer on a real journal, and all that came out of it."""

    def __init__(
        self,
        directory: Path,
        *,
        vfs: str | None = None,
        takes: bool = True,
        reads_captures: bool = True,
        reserve_bytes: int = 0,
        downtime_ns: int = 0,
        **options: Any,
    ) -> None:
        self.journal = Journal.open(directory, rules_version=RULES, vfs=vfs)
        self.venue = Venue(LIMITS)
        self.deliveries: list[Delivery] = []
        self.failures: list[tuple[BaseException, list[Any]]] = []
        self.refusals: list[tuple[StorageFull, list[Any]]] = []
        self.takes = takes
        self.reads_captures = reads_captures
        self.images: list[Image] = []
        self.news = threading.Condition()
        self.stages = Stages()
        self.sequencer = Sequencer(
            self.venue,
            self.journal,
            VenueClock(Anchor(START_NS, None, downtime_ns)),
            self.deliver,
            self.fail,
            self.refuse,
            DiskGuard(Reserve(directory, reserve_bytes, vfs), look_every_s=0),
            self.show,
            self.stages,
            **options,
        )

    def deliver(self, delivery: Delivery) -> None:
        image = delivery.capture.image() if delivery.capture is not None and self.reads_captures else None
        with self.news:
            self.deliveries.append(delivery)
            self.images += [] if image is None else [image]
            self.news.notify_all()
        if self.takes:
            self.sequencer.delivered()

    def fail(self, error: BaseException, tickets: list[Any]) -> None:
        with self.news:
            self.failures.append((error, tickets))
            self.news.notify_all()

    def refuse(self, error: StorageFull, tickets: list[Any]) -> None:
        with self.news:
            self.refusals.append((error, tickets))
            self.news.notify_all()

    def show(self, look: Look, found: Any) -> None:
        look.take(found)
        self.sequencer.shown()

    def submit(self, *groups: np.ndarray) -> None:
        """Each command's ticket is its number among all so far."""
        count = sum(len(delivery.tickets) for delivery in self.deliveries)
        self.sequencer.submit([Request(group, count + at) for at, group in enumerate(groups)])
        self.sequencer.wake()

    def write(self, *groups: np.ndarray) -> None:
        """A row from before the start."""
        records = commands.concatenate(*groups)
        first_sequence = self.journal.last_sequence + 1
        self.journal.append(first_sequence, START_NS, records.tobytes())
        self.venue.apply(records, first_sequence)

    def wait(self, condition: Callable[[], bool]) -> None:
        with self.news:
            assert self.news.wait_for(condition, PATIENCE_S), "the sequencer is stuck"

    def tickets(self) -> list[Any]:
        return [ticket for delivery in self.deliveries for ticket in delivery.tickets]

    def close(self) -> None:
        if self.sequencer._thread.ident is not None:
            self.sequencer.stop()
        self.journal.close()


def batch_of(delivery: Delivery) -> list[int]:
    return delivery.published.commands["kind"].tolist()
