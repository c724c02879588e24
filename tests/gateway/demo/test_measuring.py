"""What the demo's meters read: real runs make most slots full, and one carrier a bit worse than the other."""

from datetime import UTC, datetime, timedelta
from statistics import mean, median

import pytest

from gateway.demo.calibration import DEFAULT_REGIONS, load_calibration, load_throughput_shares
from gateway.demo.delivery import CARRIERS
from gateway.demo.measuring import Line, Slot
from gateway.demo.plan import DELIVERED_REGIONS, DELIVERED_TERMS

WEEK_START = datetime(2026, 11, 23, tzinfo=UTC)
LOTS = 60
SLOTS_PER_HOUR = 25
CALIBRATION = load_calibration()
CHEAP, GOOD = CARRIERS


@pytest.fixture(scope="module")
def line() -> Line:
    return Line(CALIBRATION, {carrier.name: carrier.headroom for carrier in CARRIERS})


def slots(region: str) -> list[Slot]:
    """Those of a whole week."""
    hours = [WEEK_START + timedelta(hours=hour) for hour in range(168)]
    return [Slot(n, n % 6, region, LOTS, start) for n, start in enumerate(hours * SLOTS_PER_HOUR)]


def delivered_shares(line: Line, region: str, provider: str) -> list[float]:
    return [min(line.rate_mbps(slot, provider) / slot.lots, 1.0) for slot in slots(region)]


@pytest.mark.parametrize("code", DEFAULT_REGIONS)
def test_runs_are_multiples_of_the_typical_one(code: str):
    shares = load_throughput_shares(code)
    assert list(shares) == sorted(shares)
    assert 1.0 in shares
    assert shares[0] > 0


@pytest.mark.parametrize("region", DELIVERED_REGIONS)
def test_most_slots_are_full_some_are_short_and_the_cheaper_carrier_is_worse(line: Line, region: str):
    cheap, good = (delivered_shares(line, region, carrier.name) for carrier in (CHEAP, GOOD))
    for shares in (cheap, good):
        assert median(shares) == 1.0
        assert min(shares) > 0.5
    assert 0.03 < mean(share < 1 for share in good) < mean(share < 1 for share in cheap) < 0.45
    assert 0.9 < mean(cheap) < mean(good) < 1.0
    assert CHEAP.margin < GOOD.margin


def test_meters_agree_on_a_slot_but_for_their_noise(line: Line):
    for slot in slots("eu-fra")[:200]:
        read = [line.read(slot, GOOD.name, meter).measured_lots for meter in (1, 2, 3)]
        assert max(read) - min(read) <= 0.03 * max(read) + 1


def test_a_meter_says_the_same_of_a_slot_whenever_it_is_asked(line: Line):
    slot = slots("us-iad")[0]
    assert line.read(slot, CHEAP.name, 1) == line.read(slot, CHEAP.name, 1)
    assert line.read(slot, CHEAP.name, 1) != line.read(slot, CHEAP.name, 2)


@pytest.mark.parametrize("region", DELIVERED_REGIONS)
def test_latency_and_loss_stay_within_what_was_agreed(line: Line, region: str):
    read = [line.read(slot, GOOD.name, 1) for slot in slots(region)]
    assert max(each.latency_us for each in read) < DELIVERED_TERMS.latency_max_us
    assert median(each.loss_ppm for each in read) < DELIVERED_TERMS.loss_max_ppm
    assert {(each.reporter_id, each.slot < 6) for each in read} == {(1, True)}
