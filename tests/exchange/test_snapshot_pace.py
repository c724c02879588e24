"""When a snapshot is due, and from when on memory is got for it."""

from exchange.snapshot_pace import ORDERS_PER_INTERVAL, SnapshotPace


def test_a_snapshot_is_due_after_so_many_records():
    pace = SnapshotPace(100, None, 50, 0, 0)
    assert [pace.is_due(sequence, 10**18) for sequence in (51, 149, 150, 400)] == [False, False, True, True]
    pace.note(150, 7, 0)
    assert [pace.is_due(sequence, 10**18) for sequence in (249, 250)] == [False, True]


def test_or_after_so_long_if_that_comes_first():
    pace = SnapshotPace(100, 1_000, 0, 5_000, 0)
    assert [pace.is_due(1, time_ns) for time_ns in (5_000, 5_999, 6_000)] == [False, False, True]
    assert pace.is_due(100, 5_001)
    pace.note(100, 5_001, 0)
    assert [pace.is_due(101, time_ns) for time_ns in (6_000, 6_001)] == [False, True]


def test_memory_is_got_half_way_for_what_is_left_or_for_as_much_as_there_was():
    pace = SnapshotPace(100, None, 0, 0, 0)
    assert [pace.records_ahead(sequence, 10**18) for sequence in (0, 49, 50, 99)] == [None, None, 50, 1]
    pace = SnapshotPace(100, 1_000, 0, 0, 0)
    assert [pace.records_ahead(sequence, 499) for sequence in (10, 60)] == [None, 40]
    assert [pace.records_ahead(sequence, 500) for sequence in (10, 60)] == [10, 40]


def test_with_many_orders_in_the_last_one_the_next_is_as_much_longer_in_coming():
    pace = SnapshotPace(100, None, 0, 0, 2 * ORDERS_PER_INTERVAL)
    assert [pace.is_due(sequence, 0) for sequence in (299, 300)] == [False, True]
    assert [pace.records_ahead(sequence, 0) for sequence in (249, 250)] == [None, 50]
    pace.note(300, 0, 10)
    assert [pace.is_due(sequence, 0) for sequence in (399, 400)] == [False, True]
