"""A market plan carried out: what is there already is left alone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exchange import commands
from exchange.plan import PlanError, apply_plan, read_plan
from exchange.service import Exchange
from exchange.venue.state import VenueLimits

LIMITS = VenueLimits(instruments=64, orders=256, nodes=200, accounts=16, positions=600, client_ids=64)
PLAN = """
[[regions]]
code = "eu-fra"

[[series]]
region = "eu-fra"
tier = "af"
window = "PT1H"
reference_price = "0.040500"
gate_lead_s = 900
horizon_s = 21600
"""
FEES = "maker_fee_ppm = -20\ntaker_fee_ppm = 50\n"


@pytest.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[Exchange]:
    exchange = await Exchange.open(tmp_path / "exchange", limits=LIMITS, synchronous="OFF")
    yield exchange
    await exchange.close()


def written(folder: Path, text: str) -> Path:
    path = folder / "market.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(("lines", "fees"), [("", (0, 0)), (FEES, (-20, 50))])
async def test_all_windows_of_a_plan_have_its_fees_from_the_first_on(
    exchange: Exchange, tmp_path: Path, lines: str, fees: tuple[int, int]
) -> None:
    assert await apply_plan(exchange, read_plan(written(tmp_path, PLAN + lines))) == 2
    await exchange.submit(commands.resume_market())  # time passes, and windows are listed
    tranches = exchange.view.tranches.values()
    assert len(tranches) > 3
    assert {(tranche.maker_fee_ppm, tranche.taker_fee_ppm) for tranche in tranches} == {fees}


async def test_what_is_there_already_is_left_alone(exchange: Exchange, tmp_path: Path) -> None:
    await apply_plan(exchange, read_plan(written(tmp_path, PLAN)))
    assert await apply_plan(exchange, read_plan(written(tmp_path, PLAN + FEES))) == 0
    assert exchange.view.series[1].taker_fee_ppm == 0


@pytest.mark.parametrize("line", ["taker_fee_ppm = -1", "taker_fee_ppm = 20001", "maker_fee_ppm = 20001"])
def test_fees_that_no_series_can_have_are_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(PlanError, match=line.split()[0]):
        read_plan(written(tmp_path, PLAN + line))


async def test_a_rebate_beyond_what_takers_pay_is_refused(exchange: Exchange, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="fees_out_of_range"):
        await apply_plan(exchange, read_plan(written(tmp_path, PLAN + "maker_fee_ppm = -20")))
