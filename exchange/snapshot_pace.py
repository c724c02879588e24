"""When the next snapshot is due: after so many records, or after so long, whichever comes first."""

ORDERS_PER_INTERVAL = 250_000
"""With so many orders more in the books, snapshots are that much longer in coming as they are longer in writing."""


class SnapshotPace:
    """Counts from the last snapshot. Without `every_ns` only records count."""

    def __init__(
        self, every_records: int, every_ns: int | None, last_sequence: int, time_ns: int, resting_orders: int
    ) -> None:
        self._least_records = every_records
        self._every_ns = every_ns
        self.note(last_sequence, time_ns, resting_orders)

    def note(self, sequence: int, time_ns: int, resting_orders: int) -> None:
        """A snapshot was taken, at this sequence and venue time, with so many orders in it."""
        self._last_sequence = sequence
        self._last_ns = time_ns
        self._every_records = self._least_records * (1 + resting_orders // ORDERS_PER_INTERVAL)

    def is_due(self, sequence: int, time_ns: int) -> bool:
        """Whether one is to be taken after this sequence, at this venue time."""
        is_late = self._every_ns is not None and time_ns >= self._last_ns + self._every_ns
        return is_late or sequence >= self._last_sequence + self._every_records

    def records_ahead(self, sequence: int, time_ns: int) -> int | None:
        """Some time before: how many records may come before the next one, as far as can be told; None before."""
        done = sequence - self._last_sequence
        left = self._every_records - done
        if left <= self._least_records // 2:
            return left
        if self._every_ns is not None and 2 * (time_ns - self._last_ns) >= self._every_ns:
            return min(left, done)
        return None
