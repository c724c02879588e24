"""What makes leverage dearer, at the doors: how regions are used and strained, what cash costs, and who may see it."""

from collections.abc import Iterable

from aiohttp import web

from exchange import staff_commands
from exchange.venue.schema import Reject
from exchange.view import MarketView, RegionStrain
from gateway.encoding.codec import told
from gateway.encoding.requests import FinancingRequest, NoQuery, ReadQuery, StrainRequest, UtilisationRequest
from gateway.encoding.rows import Row, financing_row, region_row, stamp
from gateway.errors import ApiError, DoorError
from gateway.gateway import GATEWAY
from gateway.handling import answer, body_of, query_of, read_query
from gateway.identity.staff import administrator
from gateway.submission import run, run_many


def add_leverage_routes(router: web.UrlDispatcher) -> None:
    """Enter the handlers of this page."""
    router.add_get("/v1/regions", get_regions)
    router.add_post("/v1/admin/utilisation", set_utilisation)
    router.add_post("/v1/admin/strain", set_strain)
    router.add_post("/v1/admin/financing", set_financing)


async def get_regions(request: web.Request) -> web.Response:
    """Every region with how it is used and strained, in the order in which they were defined; and what cash costs."""
    await read_query(request, ReadQuery)
    view = request.app[GATEWAY].exchange.view
    rows = [region_row(code, view.strains.get(each, RegionStrain())) for each, code in sorted(view.regions.items())]
    return answer({"regions": rows, "financing": financing_row(view.financing)} | stamp(view))


async def set_utilisation(request: web.Request) -> web.Response:
    """How much of what regions can deliver is used, as telemetry tells it, many of them at once."""
    gateway = await administrator(request)
    query_of(request, NoQuery)
    wanted = (await body_of(request, UtilisationRequest)).regions
    region_ids = _region_ids(gateway.exchange.view, [each.region for each in wanted])
    used_ppm = [each.utilisation_ppm for each in wanted]
    replies = await run_many(gateway.exchange, list(map(staff_commands.set_utilisation, region_ids, used_ppm)))
    rows = [told(reply) for reply in replies]
    row: Row = {"regions": [each.region for each in wanted]}
    return answer(row | rows[-1])


async def set_strain(request: web.Request) -> web.Response:
    """From which utilisation on a region's margin grows, and where that ends."""
    gateway = await administrator(request)
    query_of(request, NoQuery)
    wanted = await body_of(request, StrainRequest)
    (region_id,) = _region_ids(gateway.exchange.view, [wanted.region])
    happened = told(await run(gateway.exchange, staff_commands.set_strain(region_id, wanted.low_ppm, wanted.high_ppm)))
    row: Row = {"region": wanted.region, "low_ppm": wanted.low_ppm, "high_ppm": wanted.high_ppm}
    return answer(row | happened)


async def set_financing(request: web.Request) -> web.Response:
    """What negative cash costs, from the next full hour on."""
    gateway = await administrator(request)
    query_of(request, NoQuery)
    wanted = (await body_of(request, FinancingRequest)).model_dump()
    happened = told(await run(gateway.exchange, staff_commands.set_financing(**wanted)))
    row: Row = {"financing": financing_row(gateway.exchange.view.financing)}
    return answer(row | happened)


def _region_ids(view: MarketView, codes: Iterable[str]) -> list[int]:
    """The numbers of regions by their codes. Raises ApiError for one that is not defined, or is named twice."""
    by_code = {code: region_id for region_id, code in view.regions.items()}
    region_ids: list[int] = []
    for code in codes:
        if code not in by_code:
            raise ApiError(Reject.UNKNOWN_REGION, f"no region {code} is defined")
        if by_code[code] in region_ids:
            raise ApiError(DoorError.INVALID_VALUE, f"regions: {code} is named twice", "regions")
        region_ids.append(by_code[code])
    return region_ids
