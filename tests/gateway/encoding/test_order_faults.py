"""A refusal of an order's terms names the field that does not go with the others."""

from pathlib import Path
from typing import Any

import pytest

from exchange import commands
from exchange.plan import MarketPlan, apply_plan
from exchange.service import Exchange
from exchange.venue.schema import Reject
from gateway.encoding.order_faults import name_fault
from gateway.encoding.requests import OrderTerms, parse
from gateway.errors import ApiError
from tests.gateway.conftest import LIMITS


@pytest.fixture
async def market(tmp_path: Path) -> Any:
    """Windows that are traded in steps of 5 lots."""
    exchange = await Exchange.open(tmp_path, limits=LIMITS)
    series = {"region": "eu-fra", "tier": "ef", "window": "PT1H", "reference_price": "0.04", "gate_lead_s": 300}
    plan = {"regions": [{"code": "eu-fra"}], "series": [series | {"horizon_s": 10_800, "quantity_step": 5}]}
    await apply_plan(exchange, MarketPlan.model_validate(plan))
    await exchange.submit(commands.resume_market())
    yield exchange.view
    await exchange.close()


@pytest.mark.parametrize(
    ("terms", "reject", "param"),
    [
        ({"post_only": "slide", "time_in_force": "fok"}, Reject.INVALID_ORDER_TERMS, "post_only"),
        ({"type": "market", "time_in_force": "gtc"}, Reject.INVALID_ORDER_TERMS, "time_in_force"),
        ({"display_quantity": "5", "time_in_force": "ioc"}, Reject.INVALID_ORDER_TERMS, "display_quantity"),
        ({"display_quantity": "15"}, Reject.INVALID_ORDER_TERMS, "display_quantity"),
        ({"minimum_quantity": "5", "post_only": "reject"}, Reject.INVALID_ORDER_TERMS, "minimum_quantity"),
        ({"minimum_quantity": "5", "time_in_force": "fok"}, Reject.INVALID_ORDER_TERMS, "minimum_quantity"),
        ({"minimum_quantity": "15"}, Reject.INVALID_ORDER_TERMS, "minimum_quantity"),
        ({"display_quantity": "3"}, Reject.QUANTITY_OFF_LOT, "display_quantity"),
        ({"quantity": "7", "display_quantity": "5"}, Reject.QUANTITY_OFF_LOT, "quantity"),
        ({}, Reject.INVALID_ORDER_TERMS, None),
        ({"display_quantity": "15"}, Reject.INSUFFICIENT_MARGIN, None),
    ],
    ids=str,
)
async def test_the_field_at_fault_is_named(
    market: Any, terms: dict[str, str], reject: Reject, param: str | None
) -> None:
    symbol = next(iter(market.tranche_by_symbol))
    order = parse(OrderTerms, {"symbol": symbol, "side": "buy", "price": "0.04", "quantity": "10"} | terms)
    refused = ApiError(reject)
    name_fault(market, order, refused)
    assert refused.param == param
