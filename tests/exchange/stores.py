"""Small markets in real stores, written without an exchange, so that each row and each snapshot is known."""

from pathlib import Path

import numpy as np

from exchange import commands
from exchange.journal import Journal
from exchange.published import Published
from exchange.recovery import snapshot_of
from exchange.sequencer import stamp_order_ids
from exchange.snapshots import Snapshot, SnapshotStore
from exchange.venue.machine import Venue
from exchange.venue.schema import CLOCK_COMMAND
from exchange.view import MarketView
from tests.exchange.trimmed import trim_all
from tests.exchange.venue.market import ALICE, BOB, BUY, LIMITS, NANO_PER_S, SELL, START_NS, opening

RULES = LIMITS.rules_version()


def batches() -> list[list[np.ndarray]]:
    """A short life: an opening, orders with client ids, trades, a cancel, and a gate that settles them."""
    return [
        [*opening()],
        [commands.tick(START_NS + NANO_PER_S), commands.place(ALICE, 1, SELL, 1_000, 5, client_id="mine")],
        [commands.tick(START_NS + 2 * NANO_PER_S), commands.place(BOB, 1, BUY, 1_000, 3)],
        [
            commands.tick(START_NS + 3 * NANO_PER_S),
            commands.place(BOB, 2, BUY, 900, 2),
            commands.cancel(ALICE, target_client_id="mine"),
        ],
        [commands.tick(START_NS + 130 * NANO_PER_S), commands.deposit(BOB, 7, client_id="wire")],
    ]


class Written:
    """A market that was led through `batches` and journaled, with a snapshot behind some of its rows."""

    def __init__(self, directory: Path, snapshots_after: tuple[int, ...] = ()) -> None:
        self.directory = directory
        self.venue, self.view = Venue(LIMITS), MarketView()
        self.last_sequences: list[int] = []
        with Journal.open(directory, rules_version=RULES) as journal, SnapshotStore.open(directory) as snapshots:
            for row, groups in enumerate(batches()):
                self.append(journal, commands.concatenate(*groups))
                if row in snapshots_after:
                    snapshots.save(self.snapshot(journal))

    def append(self, journal: Journal, records: np.ndarray) -> None:
        first_sequence = journal.last_sequence + 1
        time_ns = int(records.view(CLOCK_COMMAND)["time_ns"][0])
        stamp_order_ids(records, first_sequence)
        journal.append(first_sequence, time_ns, records.tobytes())
        events = self.venue.apply(records, first_sequence)
        self.view.apply(Published(first_sequence, time_ns, records, events, self.venue.figures_after(events)))
        self.last_sequences.append(journal.last_sequence)

    def trim(self, row: int) -> None:
        """Remove the rows up to this one, and it as well."""
        with Journal.open(self.directory, rules_version=RULES) as journal:
            trim_all(journal, self.last_sequences[row])
            assert journal.first_sequence == self.last_sequences[row] + 1

    def first_sequence(self, row: int) -> int:
        return 1 if row == 0 else self.last_sequences[row - 1] + 1

    def snapshot(self, journal: Journal) -> Snapshot:
        image, sequence = self.venue.image(), journal.last_sequence
        return snapshot_of(image, self.view.dump(), journal.last_hash, sequence, self.venue.time_ns, RULES)
