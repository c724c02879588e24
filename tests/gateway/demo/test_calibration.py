import gzip
import math
import os
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from statistics import fmean

import pytest

from gateway.demo import calibration as calibration_module
from gateway.demo.calibration import (
    DEFAULT_REGIONS,
    TIER_MULTIPLIERS,
    Metro,
    Region,
    Route,
    load_calibration,
)
from gateway.demo.excerpt import DEMAND_SOURCE, EGRESS_SOURCE, RTT_SOURCE, THROUGHPUT_SOURCE, write_excerpt

CALIBRATION = load_calibration()
ROUTES = {route.region_code: route for route in CALIBRATION.routes}
PACKAGED_DATA = Path(calibration_module.__file__).with_name("data")
EXCERPTS = ("throughput.csv", "rtt.csv", "egress.csv", "demand.csv")
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
LIGHT_IN_FIBRE_KM_PER_MS = 200
EARTH_RADIUS_KM = 6371


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("throughput.csv", "gcp:europe-west3-a,gcp:us-east4-a,5534249000.0"),
        ("throughput.csv", "aws:sa-east-1,gcp:us-east4-a,4023216717.775246"),
        ("throughput.csv", "aws:ap-southeast-1,gcp:asia-southeast1-a,4779893587.885951"),
        ("rtt.csv", "aws:eu-central-1,gcp:us-east4-a,87.363"),
        ("rtt.csv", "gcp:asia-southeast1-a,aws:ap-southeast-1,2.752"),
        ("egress.csv", "aws:eu-central-1,aws:us-east-1,0.02"),
        ("egress.csv", "azure:brazilsouth,gcp:us-east4-a,0.181"),
        ("demand.csv", "147,30,383592904.5,0.121075"),
    ],
)
def test_the_excerpts_hold_the_figures_of_the_source(file: str, line: str) -> None:
    assert line in (PACKAGED_DATA / file).read_text(encoding="utf-8").splitlines()


# Each was picked by hand as the low median of the pairs that count in the source.
@pytest.mark.parametrize(
    ("code", "throughput_mbps", "rtt_ms", "egress_usd_per_gb"),
    [
        ("eu-fra", 7092.003, 2.458, "0.09"),
        ("ap-sin", 4779.893587885951, 2.531, "0.12"),
        ("eu-fra_us-iad", 4235.803122155077, 87.363, "0.05"),
        ("sa-sao_us-iad", 4023.216717775246, 117.101, "0.138"),
    ],
)
def test_a_route_has_the_middle_figure_of_the_source(
    code: str, throughput_mbps: float, rtt_ms: float, egress_usd_per_gb: str
) -> None:
    route = ROUTES[code]
    assert route.throughput_mbps == throughput_mbps
    assert route.rtt_ms == rtt_ms
    assert route.egress_usd_per_gb == Decimal(egress_usd_per_gb)


def test_every_pair_of_metros_has_throughput_round_trip_time_and_price() -> None:
    codes = [metro.code for metro in CALIBRATION.metros]
    assert len(codes) == len(set(codes)) == 7
    assert {(route.source, route.destination) for route in CALIBRATION.routes} == {
        (source, destination) for source in codes for destination in codes
    }
    for route in CALIBRATION.routes:
        assert 1_000 < route.throughput_mbps < 20_000, route
        assert Decimal("0.01") <= route.egress_usd_per_gb <= Decimal("0.19"), route


def test_no_round_trip_is_faster_than_light_in_fibre() -> None:
    metros = {metro.code: metro for metro in CALIBRATION.metros}
    for route in CALIBRATION.routes:
        distance_km = great_circle_km(metros[route.source], metros[route.destination])
        assert route.rtt_ms > 2 * distance_km / LIGHT_IN_FIBRE_KM_PER_MS, route


def great_circle_km(one: Metro, other: Metro) -> float:
    latitudes = math.radians(one.latitude_deg), math.radians(other.latitude_deg)
    longitude = math.radians(one.longitude_deg - other.longitude_deg)
    cosine = math.sin(latitudes[0]) * math.sin(latitudes[1])
    cosine += math.cos(latitudes[0]) * math.cos(latitudes[1]) * math.cos(longitude)
    return EARTH_RADIUS_KM * math.acos(min(1.0, cosine))


# By hand: USD/GB x 0.45 GB per Mbps-hour x 1,000,000 ticks per USD, times 1.6, 1 and 0.4.
@pytest.mark.parametrize(
    ("code", "price_usd", "ef_ticks", "af_ticks", "be_ticks"),
    [
        ("eu-fra", "0.0405", 64_800, 40_500, 16_200),
        ("us-sjc", "0.039375", 63_000, 39_375, 15_750),
        ("eu-fra_ap-sin", "0.009", 14_400, 9_000, 3_600),
        ("sa-sao_us-iad", "0.0621", 99_360, 62_100, 24_840),
    ],
)
def test_prices_in_ticks_are_those_worked_out_by_hand(
    code: str, price_usd: str, ef_ticks: int, af_ticks: int, be_ticks: int
) -> None:
    region = CALIBRATION.regions[code]
    assert region.reference_price_usd_per_mbps_hour == Decimal(price_usd)
    assert [region.price_ticks(tier) for tier in ("ef", "af", "be")] == [ef_ticks, af_ticks, be_ticks]


def test_a_price_between_two_ticks_goes_to_the_nearest() -> None:
    region = Region("xx-one", 1, 1.0, Decimal("0.000004"))
    assert region.price_ticks("ef") == 6  # 6.4 ticks
    assert region.price_ticks("be") == 2  # 1.6 ticks


def test_a_higher_tier_never_costs_less() -> None:
    for region in CALIBRATION.regions.values():
        assert region.price_ticks("ef") > region.price_ticks("af") > region.price_ticks("be") > 0


def test_an_unknown_tier_has_no_price() -> None:
    with pytest.raises(KeyError, match="gold"):
        CALIBRATION.regions["eu-fra"].price_ticks("gold")
    assert set(TIER_MULTIPLIERS) == {"ef", "af", "be"}


def test_capacity_is_the_measured_throughput_in_whole_lots() -> None:
    assert CALIBRATION.regions["eu-fra_us-iad"].capacity_mbps == 4_235
    assert set(CALIBRATION.regions) == set(ROUTES)
    for code, region in CALIBRATION.regions.items():
        assert region.code == code
        assert region.capacity_mbps == math.floor(ROUTES[code].throughput_mbps)
        assert region.rtt_ms == ROUTES[code].rtt_ms


def test_the_default_regions_are_four_metros_and_four_routes_between_them() -> None:
    metros = [code for code in DEFAULT_REGIONS if "_" not in code]
    routes = [code for code in DEFAULT_REGIONS if "_" in code]
    assert len(metros) == len(routes) == 4
    assert set(DEFAULT_REGIONS) <= set(CALIBRATION.regions)
    assert {end for code in routes for end in code.split("_")} <= set(metros)


def test_a_route_from_a_metro_to_itself_is_the_metro() -> None:
    assert Route("eu-fra", "eu-fra", 1.0, 1.0, Decimal(1)).region_code == "eu-fra"
    assert Route("eu-fra", "us-iad", 1.0, 1.0, Decimal(1)).region_code == "eu-fra_us-iad"


@pytest.mark.parametrize("code", ["a", "eu-fra", "a1-b2-c3", "eu-fra_us-iad", "a" * 23])
def test_a_region_code_that_fits_a_symbol_is_taken(code: str) -> None:
    assert Region(code, 1, 1.0, Decimal(1)).code == code


@pytest.mark.parametrize(
    "code",
    [
        "",
        "EU-FRA",
        "eu--fra",
        "-eu",
        "eu-",
        "eu_",
        "_eu",
        "a_b_c",
        "eu.fra",
        "eu fra",
        "são",
        "eu\n",
        "a" * 24,
    ],
)
def test_a_region_code_that_fits_no_symbol_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="not a region code"):
        Region(code, 1, 1.0, Decimal(1))


def test_the_demand_curve_has_a_mean_of_one() -> None:
    assert len(CALIBRATION.demand_curve) == 168
    assert fmean(CALIBRATION.demand_curve) == pytest.approx(1, abs=1e-6)


def test_demand_peaks_on_wednesday_morning_and_is_least_before_dawn_on_sunday() -> None:
    factors = {hour: CALIBRATION.demand_factor(middle_of(hour)) for hour in range(168)}
    assert max(factors, key=factors.__getitem__) == 2 * 24 + 8
    assert min(factors, key=factors.__getitem__) == 6 * 24 + 4
    assert factors[2 * 24 + 8] == pytest.approx(3.042253)
    assert factors[6 * 24 + 4] == pytest.approx(0.107784)


def test_working_days_are_busier_than_the_weekend() -> None:
    working_days = CALIBRATION.demand_curve[: 5 * 24]
    weekend = CALIBRATION.demand_curve[5 * 24 :]
    assert fmean(working_days) > 2 * fmean(weekend)


def test_demand_runs_straight_from_the_middle_of_one_hour_to_the_next() -> None:
    earlier, later = CALIBRATION.demand_curve[8], CALIBRATION.demand_curve[9]
    quarter_later = CALIBRATION.demand_factor(middle_of(8) + timedelta(minutes=15))
    assert quarter_later == pytest.approx(0.75 * earlier + 0.25 * later)


def test_demand_has_no_jump_where_one_week_becomes_the_next() -> None:
    sunday, monday = CALIBRATION.demand_curve[-1], CALIBRATION.demand_curve[0]
    assert CALIBRATION.demand_factor(MONDAY) == pytest.approx((sunday + monday) / 2)
    assert CALIBRATION.demand_factor(MONDAY + timedelta(days=7)) == CALIBRATION.demand_factor(MONDAY)
    just_before = CALIBRATION.demand_factor(MONDAY - timedelta(microseconds=1))
    assert just_before == pytest.approx(CALIBRATION.demand_factor(MONDAY))


def test_demand_is_that_of_the_instant_in_any_zone() -> None:
    instant = middle_of(56)
    elsewhere = instant.astimezone(timezone(timedelta(hours=-5)))
    assert CALIBRATION.demand_factor(elsewhere) == CALIBRATION.demand_factor(instant)


def test_demand_at_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a zone"):
        CALIBRATION.demand_factor(MONDAY.replace(tzinfo=None))


def middle_of(hour_of_week: int) -> datetime:
    return MONDAY + timedelta(hours=hour_of_week, minutes=30)


def test_the_packaged_excerpts_come_from_the_sources_byte_for_byte(tmp_path: Path) -> None:
    source_dir = Path(os.environ.get("BWX_DATA", "unset"))
    if not all((source_dir / part).is_dir() for part in ("net", "price")):
        pytest.skip("BWX_DATA names no folder that holds net/ and price/")
    write_excerpt(source_dir, tmp_path)
    for name in EXCERPTS:
        assert (tmp_path / name).read_bytes() == (PACKAGED_DATA / name).read_bytes(), name


def test_an_excerpt_keeps_premium_rows_between_known_clouds_and_their_values_unaltered(
    tmp_path: Path,
) -> None:
    write_made_up_sources(tmp_path, weeks=1)
    write_excerpt(tmp_path, tmp_path)
    assert (tmp_path / "throughput.csv").read_bytes() == (
        b"src_region,dst_region,throughput_received\naws:eu-west-2,aws:us-east-1,0500.50\n"
    )
    assert (tmp_path / "rtt.csv").read_bytes() == (
        b"src_region,dst_region,avg_rtt\naws:us-east-1,aws:eu-west-2,76.10\n"
    )
    assert (tmp_path / "egress.csv").read_bytes() == b"src,dest,cost\naws:us-east-1,aws:eu-west-2,0.0200\n"


def test_an_excerpt_of_demand_is_the_median_of_each_hour_over_the_mean_median(tmp_path: Path) -> None:
    write_made_up_sources(tmp_path, weeks=3)
    write_excerpt(tmp_path, tmp_path)
    lines = (tmp_path / "demand.csv").read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["hour_of_week,samples,median_n_bytes,factor", "0,3,101.0,0.547425"]
    assert lines[168] == "167,3,268.0,1.452575"


def test_an_excerpt_refuses_a_demand_series_with_an_hour_of_the_week_unseen(tmp_path: Path) -> None:
    write_made_up_sources(tmp_path, weeks=1, hours=167)
    with pytest.raises(ValueError, match="every hour of the week"):
        write_excerpt(tmp_path, tmp_path)


def write_made_up_sources(folder: Path, *, weeks: int, hours: int = 168) -> None:
    """Bytes are 100 plus the hour of the week plus the week, so that the medians are known."""
    write_source(
        folder / THROUGHPUT_SOURCE,
        "src_region,src_tier,dst_region,dst_tier,throughput_sent,throughput_received",
        "aws:eu-west-2,PREMIUM,aws:us-east-1,PREMIUM,9,0500.50",
        "aws:eu-west-2,PREMIUM,gcp:us-east4-a,STANDARD,9,600",
        "aws:eu-west-2,PREMIUM,aws:nowhere-1,PREMIUM,9,700",
    )
    write_source(
        folder / RTT_SOURCE,
        "src_region,src_tier,dst_region,dst_tier,min_rtt,avg_rtt",
        "gcp:us-east4-a,STANDARD,aws:eu-west-2,PREMIUM,1,75",
        "aws:us-east-1,PREMIUM,aws:eu-west-2,PREMIUM,1,76.10",
    )
    write_source(
        folder / EGRESS_SOURCE,
        "src,dest,cost",
        "aws:nowhere-1,aws:eu-west-2,0.01",
        "aws:us-east-1,aws:eu-west-2,0.0200",
    )
    times = [(week, hour) for week in range(weeks) for hour in range(hours)]
    write_source(
        folder / DEMAND_SOURCE,
        "time,n_bytes",
        *(f"{MONDAY + timedelta(weeks=week, hours=hour)},{100 + hour + week}" for week, hour in times),
    )


def write_source(path: Path, *lines: str) -> None:
    path.parent.mkdir(exist_ok=True)
    content = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
