"""`GET /v1/admin/stages`: where the time of orders goes, for operators, as JSON and as text for Prometheus."""

from collections.abc import Iterable, Iterator
from typing import Literal

from aiohttp import web

from exchange.stages import BUCKETS, WHAT, StageRow, end_ns
from gateway.encoding.requests import NoQuery
from gateway.encoding.rows import Row, stamp
from gateway.handling import answer, query_of
from gateway.identity.staff import risk_staff

NS_PER_S = 1_000_000_000
METRIC = "bwx_stage_seconds"
TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class StagesQuery(NoQuery):
    """How it is told."""

    format: Literal["json", "prometheus"] = "json"


def add_metrics_routes(router: web.UrlDispatcher) -> None:
    """Enter the handlers of this page."""
    router.add_get("/v1/admin/stages", get_stages)


async def get_stages(request: web.Request) -> web.Response:
    """The histograms since the exchange was opened."""
    gateway = await risk_staff(request)
    query = query_of(request, StagesQuery)
    rows = gateway.exchange.stages.rows()
    if query.format == "prometheus":
        return web.Response(body="\n".join([*prometheus_lines(rows), ""]).encode(), headers={"Content-Type": TEXT_TYPE})
    return answer({"stages": [stage_row(each) for each in rows]} | stamp(gateway.exchange.view))


def stage_row(row: StageRow) -> Row:
    """One stage; percentiles are ends of buckets, each twice as long as the one before."""
    return {
        "stage": row.stage.name.lower(),
        "what": WHAT[row.stage],
        "count": row.count,
        "sum_ns": row.sum_ns,
        "p50_ns": row.percentile_ns(0.5) if row.count else None,
        "p99_ns": row.percentile_ns(0.99) if row.count else None,
        "buckets": [{"below_ns": end_ns(at), "count": count} for at, count in enumerate(row.buckets) if count],
    }


def prometheus_lines(rows: Iterable[StageRow]) -> Iterator[str]:
    """The same as one histogram with a label, in seconds; buckets add up, as they do there."""
    yield f"# HELP {METRIC} Time that orders spend in each stage on their way."
    yield f"# TYPE {METRIC} histogram"
    for row in rows:
        label = f'stage="{row.stage.name.lower()}"'
        seen = 0
        for bucket in range(BUCKETS - 1):
            seen += row.buckets[bucket]
            yield f'{METRIC}_bucket{{{label},le="{end_ns(bucket) / NS_PER_S:g}"}} {seen}'
        yield f'{METRIC}_bucket{{{label},le="+Inf"}} {row.count}'
        yield f"{METRIC}_sum{{{label}}} {row.sum_ns / NS_PER_S:.9f}"
        yield f"{METRIC}_count{{{label}}} {row.count}"
