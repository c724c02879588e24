"""The figures of the demo market, read from the measurements in `data/`.

A metro is served by the cloud regions of several providers, so every pair of metros was measured and priced
more than once. One figure stands for all of them: the low median, which is always a value that the source
holds, and which one odd run cannot move.

What is sold decides which pairs count:

- A route runs between two metros. Any two machines at its ends tell its throughput and round-trip time; its
  price is what providers list for traffic between their own regions, since one network carries a route.
- A metro is a handover between providers in one place, the route from the metro to itself. Only pairs of
  different providers count, for all three figures.

Throughput is what one pair of machines reached, and the demo market offers no more than that.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from importlib import resources
from itertools import product
from statistics import median_low
from types import MappingProxyType
from typing import NamedTuple

TICKS_PER_USD = 1_000_000
GB_PER_MBPS_HOUR = Decimal("0.45")  # 10^6 bit/s for 3,600 s, in units of 8 x 10^9 bit
BPS_PER_MBPS = 1_000_000
HOURS_PER_WEEK = 168
REGION_CODE_LENGTH_MAX = 23

# List prices know no tiers, so these ratios are our own choice: a guarantee costs more than the assured rate
# that list prices are taken to mean, and traffic that may be interrupted costs less.
TIER_MULTIPLIERS: Mapping[str, Decimal] = MappingProxyType(
    {"ef": Decimal("1.6"), "af": Decimal("1"), "be": Decimal("0.4")}
)

# Four metros on four continents and four routes between them, with prices that lie far apart.
DEFAULT_REGIONS = (
    "eu-fra",
    "us-iad",
    "ap-sin",
    "sa-sao",
    "eu-fra_us-iad",
    "us-iad_eu-fra",
    "eu-fra_ap-sin",
    "sa-sao_us-iad",
)

_METRO_CODE = "[a-z0-9]+(?:-[a-z0-9]+)*"
_REGION_CODE = re.compile(f"{_METRO_CODE}(?:_{_METRO_CODE})?")


@dataclass(frozen=True, slots=True)
class Metro:
    """A place where several cloud providers have machines."""

    code: str
    name: str
    latitude_deg: float
    longitude_deg: float
    cloud_regions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """What was measured and listed from one metro to another, or from a metro to itself."""

    source: str
    destination: str
    throughput_mbps: float
    rtt_ms: float
    egress_usd_per_gb: Decimal

    @property
    def region_code(self) -> str:
        """`eu-fra` from a metro to itself, `eu-fra_us-iad` from one metro to another."""
        return self.source if self.source == self.destination else f"{self.source}_{self.destination}"


@dataclass(frozen=True, slots=True)
class Region:
    """A region as the demo market lists it; the reference price is that of tier `af`."""

    code: str
    capacity_mbps: int
    rtt_ms: float
    reference_price_usd_per_mbps_hour: Decimal

    def __post_init__(self) -> None:
        """Raise ValueError for a code that no symbol could carry."""
        if len(self.code) > REGION_CODE_LENGTH_MAX or not _REGION_CODE.fullmatch(self.code):
            raise ValueError(f"{self.code!r} is not a region code")

    def price_ticks(self, tier: str) -> int:
        """The reference price of a tier, to the nearest 0.000001 USD per Mbps-hour.

        KeyError for a tier other than `ef`, `af` and `be`.
        """
        ticks = self.reference_price_usd_per_mbps_hour * TIER_MULTIPLIERS[tier] * TICKS_PER_USD
        return int(ticks.to_integral_value(ROUND_HALF_EVEN))


@dataclass(frozen=True, slots=True)
class Calibration:
    """Every figure of the demo market, and nothing that changes.

    `routes` holds each ordered pair of metros, a metro paired with itself included; `regions` holds the
    tradable region that follows from each, by code. `demand_curve` holds one factor for each hour of the week
    from Monday 00:00 UTC; their mean is 1.
    """

    metros: tuple[Metro, ...]
    routes: tuple[Route, ...]
    regions: Mapping[str, Region]
    demand_curve: tuple[float, ...]

    def demand_factor(self, time: datetime) -> float:
        """Demand at an instant as a multiple of the week's mean; ValueError for a time without a zone.

        An hour's factor holds in the middle of the hour; from one middle to the next runs a straight line.
        """
        if time.utcoffset() is None:
            raise ValueError("demand is known in UTC, so the time needs a zone")
        hours = _hours_into_week(time.astimezone(UTC)) - 0.5
        earlier = int(hours // 1)
        share = hours - earlier
        before = self.demand_curve[earlier % HOURS_PER_WEEK]
        after = self.demand_curve[(earlier + 1) % HOURS_PER_WEEK]
        return before + share * (after - before)


def load_calibration() -> Calibration:
    """Read the packaged measurements; ValueError names a pair of metros for which a figure is missing."""
    metros = load_metros()
    measurements = _load_measurements()
    routes = tuple(_route(measurements, *pair) for pair in product(metros, repeat=2))
    regions = {route.region_code: _region(route) for route in routes}
    return Calibration(metros, routes, MappingProxyType(regions), _load_demand_curve())


def load_throughput_shares(region_code: str) -> tuple[float, ...]:
    """What each run between the machines of a region reached, as a multiple of the typical one, in rising order."""
    source_code, _, destination_code = region_code.partition("_")
    metros = {metro.code: metro for metro in load_metros()}
    source, destination = metros[source_code], metros[destination_code or source_code]
    pairs = _between_providers if source == destination else _any_pair
    values = _between(_load_measurements().throughput_bps, source, destination, pairs)
    return tuple(sorted(float(value / median_low(values)) for value in values))


def load_metros() -> tuple[Metro, ...]:
    """The metros of the demo market and the cloud regions that stand in each."""
    return tuple(
        Metro(
            code=row["metro"],
            name=row["name"],
            latitude_deg=float(row["latitude_deg"]),
            longitude_deg=float(row["longitude_deg"]),
            cloud_regions=tuple(row["cloud_regions"].split()),
        )
        for row in _rows("metros.csv")
    )


class _Sample(NamedTuple):
    """One measured or listed value from one cloud region to another."""

    source: str
    destination: str
    value: Decimal


class _Measurements(NamedTuple):
    throughput_bps: list[_Sample]
    rtt_ms: list[_Sample]
    egress_usd_per_gb: list[_Sample]


def _load_measurements() -> _Measurements:
    return _Measurements(
        throughput_bps=_load_samples("throughput.csv", "src_region", "dst_region", "throughput_received"),
        rtt_ms=_load_samples("rtt.csv", "src_region", "dst_region", "avg_rtt"),
        egress_usd_per_gb=_load_samples("egress.csv", "src", "dest", "cost"),
    )


def _route(measurements: _Measurements, source: Metro, destination: Metro) -> Route:
    handover = source == destination
    quality_pairs = _between_providers if handover else _any_pair
    price_pairs = _between_providers if handover else _within_provider
    throughput_bps = _typical(measurements.throughput_bps, source, destination, quality_pairs)
    rtt_ms = _typical(measurements.rtt_ms, source, destination, quality_pairs)
    return Route(
        source=source.code,
        destination=destination.code,
        throughput_mbps=float(throughput_bps / BPS_PER_MBPS),
        rtt_ms=float(rtt_ms),
        egress_usd_per_gb=_typical(measurements.egress_usd_per_gb, source, destination, price_pairs),
    )


def _region(route: Route) -> Region:
    return Region(
        code=route.region_code,
        # A lot is a whole Mbps, and nothing is sold that was not measured.
        capacity_mbps=int(route.throughput_mbps),
        rtt_ms=route.rtt_ms,
        reference_price_usd_per_mbps_hour=route.egress_usd_per_gb * GB_PER_MBPS_HOUR,
    )


def _typical(samples: list[_Sample], source: Metro, destination: Metro, counts: Callable[[_Sample], bool]) -> Decimal:
    values = _between(samples, source, destination, counts)
    if not values:
        raise ValueError(f"no figure from {source.code} to {destination.code}")
    return median_low(values)


def _between(
    samples: list[_Sample], source: Metro, destination: Metro, counts: Callable[[_Sample], bool]
) -> list[Decimal]:
    return [
        sample.value
        for sample in samples
        if sample.source in source.cloud_regions and sample.destination in destination.cloud_regions and counts(sample)
    ]


def _any_pair(sample: _Sample) -> bool:
    return True


def _within_provider(sample: _Sample) -> bool:
    return _provider(sample.source) == _provider(sample.destination)


def _between_providers(sample: _Sample) -> bool:
    return not _within_provider(sample)


def _provider(cloud_region: str) -> str:
    return cloud_region.partition(":")[0]


def _load_samples(name: str, source: str, destination: str, value: str) -> list[_Sample]:
    return [_Sample(row[source], row[destination], Decimal(row[value])) for row in _rows(name)]


def _load_demand_curve() -> tuple[float, ...]:
    curve = tuple(float(row["factor"]) for row in _rows("demand.csv"))
    if len(curve) != HOURS_PER_WEEK:
        raise ValueError(f"the demand curve has {len(curve)} hours, not {HOURS_PER_WEEK}")
    return curve


def _hours_into_week(time_utc: datetime) -> float:
    midnight = time_utc.replace(hour=0, minute=0, second=0, microsecond=0)
    return time_utc.weekday() * 24 + (time_utc - midnight) / timedelta(hours=1)


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = resources.files("gateway.demo").joinpath("data", name).read_text(encoding="utf-8")
    return csv.DictReader(text.splitlines())
