"""What is told of budgets: what requests cost, and what is left."""

from aiohttp import web

from gateway.encoding.requests import ReadQuery
from gateway.encoding.rows import Row
from gateway.gateway import GATEWAY, Gateway
from gateway.handling import answer, read_query
from gateway.limits.activity import activity_row
from gateway.limits.buckets import Rate
from gateway.limits.budgets import remaining_row
from gateway.limits.weights import OPERATIONS


def add_rate_routes(router: web.UrlDispatcher) -> None:
    """Enter the handlers of this page."""
    router.add_get("/v1/limits/weights", get_weights)


async def get_weights(request: web.Request) -> web.Response:
    """What each kind of request costs, who pays, and how fast budgets refill."""
    await read_query(request, ReadQuery)
    settings = request.app[GATEWAY].settings
    rates = {
        "account": Rate(settings.account_weight_per_s, settings.account_weight_burst),
        "market_maker": Rate(settings.market_maker_weight_per_s, settings.market_maker_weight_burst),
        "address": Rate(settings.address_weight_per_s, settings.address_weight_burst),
        "attempts": Rate(settings.attempts_per_address_per_s, settings.attempts_per_address_burst),
    }
    rows = [
        {
            "operation": each.name,
            "weight": each.weight,
            "payer": each.payer.value,
            "always_taken": each.is_always_taken,
            "requests": list(each.requests),
        }
        for each in OPERATIONS
    ]
    return answer({"weights": rows, "budgets": {name: rate._asdict() for name, rate in rates.items()}})


def account_usage(gateway: Gateway, account_id: int) -> Row:
    """What an account has left, and what it sent for what it traded."""
    return {
        "budget": remaining_row(gateway.rates.remaining_of(account_id)),
        "activity": activity_row(gateway.activity.of_account(account_id)),
    }
