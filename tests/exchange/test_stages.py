"""Stages are counted in buckets that double, and an exchange counts each of its own once a batch."""

from pathlib import Path

import pytest

from exchange import commands
from exchange.service import Exchange
from exchange.stages import BUCKETS, Stage, StageRow, Stages, end_ns
from exchange.venue.state import VenueLimits

OF_A_BATCH = (Stage.JOURNAL, Stage.APPLY, Stage.HAND_OVER, Stage.FOLLOW, Stage.REPLY, Stage.TELL)
LIMITS = VenueLimits(instruments=64, orders=1_024, nodes=1_024, accounts=64, positions=256, client_ids=256)


def row_of(stages: Stages, wanted: Stage) -> StageRow:
    (row,) = (row for row in stages.rows() if row.stage is wanted)
    return row


@pytest.mark.parametrize("elapsed_ns", [0, 1, 999, 1_000, 1_999, 2_000, 123_456, 10**9, 10**12])
def test_a_time_falls_into_the_first_bucket_that_ends_behind_it(elapsed_ns: int) -> None:
    stages = Stages()
    stages.note((Stage.APPLY, elapsed_ns))
    row = row_of(stages, Stage.APPLY)
    bucket = row.buckets.index(1)
    assert (row.count, row.sum_ns) == (1, elapsed_ns)
    assert bucket == BUCKETS - 1 or elapsed_ns < end_ns(bucket)
    assert bucket == 0 or elapsed_ns >= end_ns(bucket - 1)


def test_a_percentile_is_the_end_of_its_bucket() -> None:
    stages = Stages()
    for elapsed_ns in [500] * 98 + [3_000, 100_000]:
        stages.note((Stage.QUEUE, elapsed_ns))
    row = row_of(stages, Stage.QUEUE)
    assert (row.percentile_ns(0.5), row.percentile_ns(0.99), row.percentile_ns(1.0)) == (1_000, 4_000, 128_000)


async def test_each_stage_of_the_exchange_is_counted_once_a_batch(tmp_path: Path) -> None:
    exchange = await Exchange.open(tmp_path, limits=LIMITS, synchronous="OFF")
    batches: list[int] = []
    before = {row.stage: row.count for row in exchange.stages.rows()}
    exchange.subscribe(lambda published: batches.append(len(published.commands)))
    for code in ("eu-fra", "us-iad", "ap-sin"):
        await exchange.submit(commands.define_region(len(exchange.view.regions) + 1, code))
    await exchange.close()
    counted = {row.stage: row.count - before[row.stage] for row in exchange.stages.rows()}
    assert len(batches) >= 3
    assert {counted[stage] for stage in (Stage.FOLLOW, Stage.REPLY, Stage.TELL)} == {len(batches)}
    assert all(counted[stage] >= len(batches) for stage in OF_A_BATCH)
    assert 3 <= counted[Stage.QUEUE] <= counted[Stage.JOURNAL]
    assert all(row.sum_ns > 0 for row in exchange.stages.rows() if row.stage in OF_A_BATCH)
