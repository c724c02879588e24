"""Plans of markets: read from a file, checked by name, and carried out once."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exchange import commands
from exchange.plan import PlanError, apply_plan, read_plan
from exchange.service import Exchange
from exchange.venue.lifecycle import LifeState
from exchange.venue.schema import Tier
from tests.simulation.traffic import LIMITS

PLAN = """
[[regions]]
code = "eu-fra"

[[series]]
region = "eu-fra"
tier = "ef"
window = "PT1H"
reference_price = "0.040500"
gate_lead_s = 900
horizon_s = 21600
opening_auction_s = 60
closing_auction_s = 120

[[series]]
region = "eu-fra"
tier = "be"
window = "PT1H"
reference_price = "0.020000"
gate_lead_s = 900
horizon_s = 21600
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "market.toml"
    path.write_text(text)
    return path


async def test_a_series_with_auctions_begins_with_one_and_ends_with_one(tmp_path: Path) -> None:
    exchange = await Exchange.open(tmp_path / "store", limits=LIMITS)
    assert await apply_plan(exchange, read_plan(written(tmp_path, PLAN))) == 3
    await exchange.submit(commands.resume_market())
    states = {(Tier(each.tier), LifeState(each.state)) for each in exchange.view.tranches.values()}
    states.discard((Tier.EF, LifeState.CLOSING_AUCTION))  # of a window whose gate happens to be near
    assert states == {(Tier.EF, LifeState.AUCTION), (Tier.BE, LifeState.OPEN)}
    image = exchange._sequencer._venue.image()
    found = {(int(row["opening_auction_s"]), int(row["closing_auction_s"])) for row in image["series"]}
    assert found == {(60, 120), (0, 0)}
    assert await apply_plan(exchange, read_plan(written(tmp_path, PLAN))) == 0
    await exchange.close()


@pytest.mark.parametrize(
    ("field", "value"), [("opening_auction_s", "-1"), ("closing_auction_s", "65536"), ("opening_auction_s", '"60 s"')]
)
def test_a_length_that_no_auction_has_is_refused_by_name(tmp_path: Path, field: str, value: str) -> None:
    text = re.sub(rf"^{field} = .*$", f"{field} = {value}", PLAN, flags=re.MULTILINE)
    with pytest.raises(PlanError, match=field):
        read_plan(written(tmp_path, text))


async def test_auctions_longer_than_the_time_for_trading_are_refused(tmp_path: Path) -> None:
    exchange = await Exchange.open(tmp_path / "store", limits=LIMITS)
    text = PLAN.replace("opening_auction_s = 60", "opening_auction_s = 21000")
    with pytest.raises(PlanError, match="invalid_series"):
        await apply_plan(exchange, read_plan(written(tmp_path, text)))
    await exchange.close()


def test_the_example_of_the_document_is_a_plan_with_auctions(tmp_path: Path) -> None:
    document = (Path(__file__).parents[2] / "docs" / "operating.md").read_text()
    (example,) = re.findall(r"```toml\n(.*?)```", document, re.DOTALL)
    (series,) = read_plan(written(tmp_path, example)).series
    assert series.opening_auction_s > 0
    assert series.closing_auction_s > 0


# Fees.

FEES = "maker_fee_ppm = -20\ntaker_fee_ppm = 50\n"
"""For the last series of the plan."""


@pytest.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[Exchange]:
    exchange = await Exchange.open(tmp_path / "exchange", limits=LIMITS, synchronous="OFF")
    yield exchange
    await exchange.close()


@pytest.mark.parametrize(("lines", "fees"), [("", (0, 0)), (FEES, (-20, 50))])
async def test_all_windows_of_a_series_have_its_fees_from_the_first_on(
    exchange: Exchange, tmp_path: Path, lines: str, fees: tuple[int, int]
) -> None:
    await apply_plan(exchange, read_plan(written(tmp_path, PLAN + lines)))
    await exchange.submit(commands.resume_market())  # time passes, and windows are listed
    tranches = [each for each in exchange.view.tranches.values() if each.tier == Tier.BE]
    assert len(tranches) > 3
    assert {(tranche.maker_fee_ppm, tranche.taker_fee_ppm) for tranche in tranches} == {fees}


async def test_fees_of_what_is_there_already_are_left_alone(exchange: Exchange, tmp_path: Path) -> None:
    await apply_plan(exchange, read_plan(written(tmp_path, PLAN)))
    assert await apply_plan(exchange, read_plan(written(tmp_path, PLAN + FEES))) == 0
    assert exchange.view.series[2].taker_fee_ppm == 0


@pytest.mark.parametrize("line", ["taker_fee_ppm = -1", "taker_fee_ppm = 20001", "maker_fee_ppm = 20001"])
def test_fees_that_no_series_can_have_are_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(PlanError, match=line.split()[0]):
        read_plan(written(tmp_path, PLAN + line))


async def test_a_rebate_beyond_what_takers_pay_is_refused(exchange: Exchange, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="fees_out_of_range"):
        await apply_plan(exchange, read_plan(written(tmp_path, PLAN + "maker_fee_ppm = -20")))


DELIVERY = "[series.delivery]\nslot_s = 60\npenalty_ppm = 100000\ndispute_s = 3600\n"


async def test_a_series_with_terms_of_delivery_lists_its_first_windows_with_them(tmp_path: Path) -> None:
    exchange = await Exchange.open(tmp_path / "store", limits=LIMITS)
    assert await apply_plan(exchange, read_plan(written(tmp_path, PLAN + DELIVERY))) == 3
    await exchange.submit(commands.resume_market())
    found = {(each.tier, each.slot_s, each.penalty_ppm, each.dispute_s) for each in exchange.view.tranches.values()}
    assert found == {(Tier.EF, 0, 0, 0), (Tier.BE, 60, 100_000, 3_600)}
    await exchange.close()


@pytest.mark.parametrize("line", ["slot_s = 9", "penalty_ppm = 500001", "grace_s = 86401", "slots = 3"])
def test_terms_of_delivery_that_cannot_be_are_named(tmp_path: Path, line: str) -> None:
    lines = DELIVERY.replace("slot_s = 60\n", "") if line.startswith("slot_s") else DELIVERY
    lines = lines.replace("penalty_ppm = 100000\n", "") if line.startswith("penalty") else lines
    with pytest.raises(PlanError, match=r"series.1.delivery"):
        read_plan(written(tmp_path, PLAN + lines + line))


async def test_slots_that_do_not_divide_the_window_are_refused_by_name(tmp_path: Path) -> None:
    exchange = await Exchange.open(tmp_path / "store", limits=LIMITS)
    with pytest.raises(PlanError, match="terms_out_of_range"):
        await apply_plan(exchange, read_plan(written(tmp_path, PLAN + "[series.delivery]\nslot_s = 61\n")))
    await exchange.close()
