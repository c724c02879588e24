"""Operators see where the time goes; nobody else does."""

import re

from exchange.stages import SAMPLED, Stage
from tests.gateway.doors import signed_headers

PATH = "/v1/admin/stages"


async def place_many(doors, orders: int) -> None:
    async with await doors.client("alice") as client, client.stream() as stream:
        for _ in range(orders):
            await stream.place(doors.symbol, "buy", 1, "0.039")


async def test_an_administrator_sees_each_stage_as_it_was_counted(doors):
    await place_many(doors, 2 * SAMPLED)
    told = await doors.admin.ask("GET", PATH)
    rows = {row["stage"]: row for row in told["stages"]}
    assert list(rows) == [stage.name.lower() for stage in Stage]
    for row in rows.values():
        assert row["count"] == sum(bucket["count"] for bucket in row["buckets"]) > 0
        assert row["sum_ns"] > 0
        assert 0 < row["p50_ns"] <= row["p99_ns"]
    assert rows["decode"]["count"] >= 2
    assert rows["journal"]["count"] >= 2 * SAMPLED


async def test_prometheus_reads_the_same_as_text(doors):
    await place_many(doors, SAMPLED)
    key = doors.keys.create(0, ("risk",))
    text = await text_of(doors, key)
    for stage in Stage:
        label = f'stage="{stage.name.lower()}"'
        counts = [int(count) for count in re.findall(rf'_bucket{{{label},le="[^"]+"}} (\d+)', text)]
        assert counts == sorted(counts)
        assert f"bwx_stage_seconds_count{{{label}}} {counts[-1]}" in text
        assert f'_bucket{{{label},le="+Inf"}} {counts[-1]}' in text
        assert re.search(rf"_sum{{{label}}} \d+\.\d+", text)
    assert text.startswith("# HELP bwx_stage_seconds ")
    assert text.endswith("\n")


async def test_traders_see_none_of_it(doors):
    key = await doors.account("alice")
    status, told = await doors.ask("GET", PATH, key)
    assert (status, told["error"]["code"]) == (403, "role_missing")
    status, told = await doors.ask("GET", PATH)
    assert status == 401


async def text_of(doors, key) -> str:
    path = f"{PATH}?format=prometheus"
    async with doors.http.get(doors.url + path, headers=signed_headers(key, "GET", path, b"")) as response:
        assert response.status == 200
        assert response.content_type == "text/plain"
        return await response.text()
