"""An endurance run compares books as they are, and its verdict names what grew, slowed down, or drifted apart."""

import os
from decimal import Decimal
from pathlib import Path

import orjson
import pytest

from exchange import commands
from exchange.plan import apply_plan, read_plan
from gateway.client import LocalBook
from load_tests.endurance import Look, look, store_verdict, verdict
from load_tests.endurance_load import Load
from load_tests.serving import PLAN, Served
from tests.gateway.conftest import Serve
from tests.gateway.doors import Doors

RATE = 200.0
LENGTH_S = 0.5
MEBI = 1 << 20


def looks(count: int = 9, **last: object) -> list[Look]:
    """Steady looks, of which those of the last third are otherwise."""
    steady = Look("json", 1.0, 100, 10.0, 400 * MEBI, 100 * MEBI, 1_000_000, 0, True)
    return [steady] * (count - count // 3) + [steady._replace(**last)] * (count // 3)


def test_what_stays_as_it_was_has_endured() -> None:
    assert verdict(looks()) == []
    assert verdict(looks(p99_ms=14.0, memory_bytes=430 * MEBI)) == []
    assert verdict([]) == []


@pytest.mark.parametrize(
    ("last", "says"),
    [
        ({"memory_bytes": 500 * MEBI}, "memory grew from 400 to 500 MiB"),
        ({"p99_ms": 30.0}, "the p99 went from 10.0 to 30.0 ms"),
        ({"books_equal": False}, "the books of those who follow were wrong"),
        ({"resyncs": 2}, "had to start again 2 times"),
    ],
)
def test_each_thing_that_does_not_stay_is_named(last: dict[str, object], says: str) -> None:
    wrong = verdict(looks(**last))
    assert wrong
    assert all(says in sentence for sentence in wrong)


def hour(bytes_a_record: int, kept_s: float) -> list[Look]:
    """Of a thousand records a second, looked at every minute, of which those of so many seconds are kept."""
    steady = looks()[0]
    return [
        steady._replace(
            second=second, sequence=1_000 * second, store_bytes=bytes_a_record * 1_000 * min(second, kept_s)
        )
        for second in range(60, 3_660, 60)
    ]


def test_a_store_that_keeps_what_it_should_has_endured_and_one_that_grows_for_ever_has_not() -> None:
    assert store_verdict(hour(250, 900)) == []
    assert store_verdict([]) == []
    (sentence,) = store_verdict(hour(250, 3_600))
    assert "the store has 757,500,000 bytes in the end, for 1,260,000 records that are kept at most" in sentence
    (sentence,) = store_verdict(hour(800, 900))
    assert "the store has 480,000,000 bytes for 600,000 records" in sentence


def test_a_file_may_stay_as_large_as_a_busier_time_left_it() -> None:
    busy = [each._replace(sequence=10 * each.sequence) for each in hour(250, 0)[:10]]
    calm = [each._replace(sequence=6_000_000 + each.sequence - 600_000) for each in hour(250, 0)[10:]]
    left = [each._replace(store_bytes=250 * min(6_000_000, each.sequence)) for each in (*busy, *calm)]
    assert store_verdict(left) == []


async def list_plan(doors: Doors) -> None:
    await apply_plan(doors.exchange, read_plan(PLAN))
    await doors.exchange.submit(commands.resume_market())


async def test_a_short_load_over_both_lanes_leaves_equal_books(serve: Serve, tmp_path: Path) -> None:
    budget = 10**9
    async with serve(market_maker_weight_burst=budget, market_maker_weight_per_s=budget) as doors:
        await list_plan(doors)
        key = doors.keys.create(0, ("admin",))
        key_file = tmp_path / "operator.json"
        key_file.write_bytes(orjson.dumps({"key_id": key.key_id, "secret": key.secret}))
        exchange = Served(doors.url, doors.directory, key_file, os.getpid())
        async with Load.open(exchange) as load:
            answered = await load.send_json(RATE, LENGTH_S)
            seen = await look(exchange, load, "json", LENGTH_S, answered)
            frames = await load.send_frames(LENGTH_S / 2)
            after = await look(exchange, load, "binary", LENGTH_S, frames)
    assert len(answered) >= RATE * LENGTH_S / 2
    assert len(frames) > 0
    for each in (seen, after):
        assert (each.books_equal, each.resyncs) == (True, 0)
        assert each.memory_bytes > 0
        assert each.store_bytes > 0
        assert each.p99_ms > 0


async def test_a_book_that_is_not_the_exchanges_is_found(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("load_tests.endurance_load.CAUGHT_UP_S", 2.0)
    async with serve() as doors:
        await list_plan(doors)
        key = doors.keys.create(0, ("admin",))
        key_file = tmp_path / "operator.json"
        key_file.write_bytes(orjson.dumps({"key_id": key.key_id, "secret": key.secret}))
        async with Load.open(Served(doors.url, doors.directory, key_file, os.getpid())) as load:
            assert await load.books_are_equal()
            wrong: LocalBook = load._books[0]
            wrong.bids[Decimal(1)] = 5
            assert not await load.books_are_equal()
