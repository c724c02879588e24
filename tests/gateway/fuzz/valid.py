"""Valid requests of every operation on a socket, and of every route: what the fuzzer begins with."""

import random
from typing import Any, NamedTuple

from pydantic import BaseModel

from gateway.clearing.delivery_requests import CorrectionRequest, InterruptionRequest, ReporterRequest, ReportsRequest
from gateway.clearing.provider_requests import CapacityRequest, OffersRequest, StakeRequest
from gateway.clearing.requests import DeliveryTermsRequest
from gateway.encoding.requests import (
    AccountLimitsRequest,
    AccountRequest,
    FeesRequest,
    FinancingRequest,
    HaltRequest,
    InstrumentLimitsRequest,
    KillSwitchRequest,
    MoneyRequest,
    OwnResetRequest,
    PlaceRequest,
    ProtectionRequest,
    RegionLimitRequest,
    ReplaceTerms,
    ResetRequest,
    RiskParametersRequest,
    StrainRequest,
    UtilisationRequest,
)
from gateway.identity.key_requests import KeyRequest, OwnKeyRequest
from gateway.identity.session_routes import SignInRequest
from gateway.orders.requests import BasketRequest, BatchRequest, CancelAfterRequest, QuoteRequest
from gateway.risk.desk_requests import ShockRequest
from gateway.risk.requests import MarginCallRequest, WhatIfRequest

Fields = dict[str, Any]
PUBLIC_KEY = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
"""The first test vector of RFC 8032."""
SIGNATURE = "0" * 128
FIRST_DAY = "2026-11-22"


class Names(NamedTuple):
    """What requests may name."""

    symbols: tuple[str, ...]
    region: str
    account: str
    starts: tuple[str, ...]
    """When windows of the symbols begin, as text."""


class Route(NamedTuple):
    """A route with a valid request to it."""

    method: str
    path: str
    """As it is entered; parts in braces are named by `parts`."""
    query: Fields = {}
    body: Fields | None = None
    model: type[BaseModel] | None = None
    """Of the body."""


KEPT = 24
"""So many requests are drawn from each set that is made."""


class Valid:
    """Makes valid requests, no two quite alike."""

    def __init__(self, names: Names, dice: random.Random) -> None:
        self.names = names
        self.dice = dice
        self.order_ids: list[int] = [1]
        """Orders that may be there."""
        self._operations: list[tuple[str, Fields]] = []
        self._routes: list[Route] = []
        self._drawn = 0

    # A socket.

    def on_a_socket(self) -> Fields:
        """A request of any operation."""
        op, fields = self.dice.choice(self._kept()[0])
        return {"id": self.dice.randrange(1 << 31), "op": op} | fields

    def operations(self) -> list[tuple[str, Fields]]:
        """A request of each operation, and of each channel."""
        symbol = self._symbol()
        channels: list[Fields] = [
            {"channel": "book", "symbol": symbol, "depth": 10, "interval": "100ms"},
            {"channel": "book", "scope": {"region": self.names.region, "tier": "ef", "duration": "PT1H", "windows": 2}},
            {"channel": "book.l3", "symbol": symbol},
            {"channel": "book.l3", "symbol": symbol, "encoding": self.dice.choice(("json", "binary"))},
            {"channel": "candles", "symbol": symbol, "interval": "1m"},
            {"channel": "orders", "since_sequence": self.dice.choice((0, 1, 1 << 60))},
            *({"channel": name} for name in ("trades", "ticker", "instruments", "strain", "fills", "positions")),
            *({"channel": name} for name in ("margin", "deliveries", "account", "events")),
        ]
        return [
            ("login", {"key": "a" * 16, "timestamp": "1", "nonce": "b", "signature": "0" * 64}),
            ("logout", {}),
            ("ping", {}),
            ("set", {"cancel_on_disconnect": self.dice.choice(("connection", "account", None)), "session": 7}),
            *[(op, self.dice.choice(channels)) for op in ("subscribe", "unsubscribe", "resync")],
            *[("place", self.order() | {"alternatives": self.dice.random() < 0.2}) for _ in range(3)],
            ("cancel", self._target()),
            ("replace", self._target() | self._new_terms()),
            ("place_many", self._batch()),
            ("cancel_many", {"orders": [self._target() for _ in range(self.dice.randrange(1, 4))]}),
            ("cancel_all", self._scope()),
            ("quote", self._quotes()),
            ("basket", self._basket()),
            ("cancel_after", self._sign_of_life()),
        ]

    def order(self) -> Fields:
        """A new order."""
        fields: Fields = {"symbol": self._symbol(), "side": self._side(), "price": self._price(), "quantity": "3"}
        if self.dice.random() < 0.5:
            fields |= {"time_in_force": "gtc", "post_only": self.dice.choice((False, "slide", "reject"))}
        if self.dice.random() < 0.3:
            fields |= {"client_id": f"c{self.dice.randrange(50)}", "label": 5, "session": 9, "self_trade": "none"}
        if self.dice.random() < 0.2:
            fields |= {"display_quantity": "1", "reduce_only": False}
        if self.dice.random() < 0.1:
            fields |= {"time_in_force": "gtd", "expires_time": self._start()}
        return fields

    # REST.

    def over_rest(self) -> Route:
        """A request to any route."""
        return self.dice.choice(self._kept()[1])

    def routes(self) -> list[Route]:
        """A request to each route."""
        return [*self._reads(), *self._commands(), *self._administration()]

    def _reads(self) -> list[Route]:
        symbol, page = self._symbol(), {"limit": "5", "cursor": "0"}
        public = [
            Route("GET", "/v1/instruments", page | {"state": "open", "region": self.names.region, "tier": "ef"}),
            Route("GET", "/v1/book", {"symbol": symbol, "depth": "5"}),
            Route("GET", "/v1/trades", {"symbol": symbol, "limit": "5", "before": "7-1"}),
            Route("GET", "/v1/candles", {"symbol": symbol, "interval": "1m", "limit": "5"}),
            Route("GET", "/v1/curve", {"region": self.names.region, "tier": "ef", "duration": "PT1H", "limit": "5"}),
            Route("GET", "/v1/deliveries/summary", {"limit": "5"}),
            *(Route("GET", f"/v1/{name}", {"min_seq": "1"}) for name in ("status", "insurance-fund", "providers")),
            *(Route("GET", f"/v1/{name}") for name in ("time", "regions", "limits/weights", "reservation-keys")),
            *(Route("GET", f"/v1/{name}/{{symbol}}") for name in ("instruments", "ticker")),
        ]
        own = [
            Route("GET", "/v1/orders", page | {"symbol": symbol, "label": "5", "session": "9"}),
            Route("GET", "/v1/quotes", page | {"symbol": symbol}),
            Route("GET", "/v1/fills", {"symbol": symbol, "order_id": "7", "limit": "5", "cursor": "7-1"}),
            Route("GET", "/v1/providers/capacity", {"region": self.names.region, "start": self._start(), "slots": "5"}),
            Route("GET", "/v1/allocations", page | {"symbol": symbol}),
            Route("GET", "/v1/allocations/{allocation_id}/reservation"),
            Route("GET", "/v1/deliveries", page | {"symbol": symbol, "disputed": "true"}),
            Route("GET", "/v1/deliveries/due", page),
            Route("GET", "/v1/margin", {"contributors": "5", "min_seq": "1"}),
            Route("GET", "/v1/statements/{day}", {"format": "csv", "limit": "5", "cursor": "1-1-1"}),
            *(
                Route("GET", f"/v1/orders/{name}")
                for name in ("{order_id}", "by-client-id/{client_id}", "cancel-after")
            ),
            *(Route("GET", f"/v1/{name}") for name in ("account", "limits", "keys", "session")),
        ]
        staff = [
            Route("GET", "/v1/admin/risk", {"standing": "sound", "region": self.names.region, "limit": "5"}),
            Route("GET", "/v1/admin/audit", {"limit": "5", "cursor": "7"}),
            Route("GET", "/v1/risk/events", {"limit": "5"}),
            Route("GET", "/v1/risk/orders", {"account": self.names.account}),
            *(Route("GET", f"/v1/risk/{name}") for name in ("overview", "accounts.csv")),
            Route("GET", "/v1/admin/stages", {"format": "prometheus"}),
            Route("GET", "/v1/admin/keys", {"account": self.names.account}),
            *(Route("GET", f"/v1/admin/{name}", page) for name in ("allocations", "deliveries")),
            *(Route("GET", f"/v1/admin/{name}") for name in ("reporters", "corrections")),
            *(Route("GET", f"/v1/admin/{name}/{{name}}") for name in ("accounts", "limits", "risk")),
        ]
        described = [Route("GET", f"/v1/{name}.json") for name in ("openapi", "asyncapi")]
        return public + described + own + staff

    def _commands(self) -> list[Route]:
        region, start = self.names.region, self._start()
        capacity = {"region": region, "tier": "ef", "quantity": "5", "start": start, "end": "2100-01-01T00:00:00Z"}
        daily = {"from_s": 0, "length_s": 3_600, "weekdays": ["mon", "sun"]}
        window = self.dice.choice(
            ({"symbol": self._symbol()}, {"region": region, "tier": "ef", "start": start, "duration": "PT1H"})
        )
        window |= {"price": "0.041000", "quantity": "1"}
        offers = {"mode": self.dice.choice(("all_or_nothing", "best_effort")), "post_only": True}
        report = {"allocation": 1, "slot": 0, "quantity": 1, "latency_us": 5, "loss_ppm": 0, "signature": SIGNATURE}
        stake = {"amount": "5"}
        bodies: list[tuple[str, str, type[BaseModel] | None, Fields | None]] = [
            ("POST", "orders", PlaceRequest, self.order()),
            ("POST", "orders/batch", BatchRequest, self._batch()),
            ("POST", "orders/cancel-batch", BatchRequest, {"orders": [self._target()]}),
            ("PUT", "quotes", QuoteRequest, self._quotes()),
            ("POST", "baskets", BasketRequest, self._basket()),
            ("POST", "orders/cancel-after", CancelAfterRequest, self._sign_of_life()),
            *(("PATCH", f"orders/{name}", ReplaceTerms, self._new_terms()) for name in _ORDER_PARTS),
            ("POST", "margin/what-if", WhatIfRequest, self._what_if()),
            ("POST", "protection/reset", OwnResetRequest, {"region": region}),
            ("POST", "providers/stake", StakeRequest, stake | {"client_id": self._name("s")}),
            ("POST", "providers/stake/withdrawals", StakeRequest, stake | {"client_id": self._name("w")}),
            ("POST", "providers/capacity", CapacityRequest, capacity | {"daily": daily, "endpoint": "udp://a"}),
            (
                "POST",
                "providers/offers",
                OffersRequest,
                offers | {"offers": [window], "client_id": self._name("o")},
            ),
            ("POST", "deliveries/reports", ReportsRequest, {"reports": [report]}),
            *(("POST", f"deliveries/{{allocation_id}}/{name}", None, None) for name in ("provision", "dispute")),
            ("POST", "session", SignInRequest, {"remember": True}),
            ("POST", "keys", OwnKeyRequest, {"roles": ["trader"], "networks": ["127.0.0.0/8"], "scopes": ["read"]}),
        ]
        return [
            *(Route(method, f"/v1/{path}", {}, body, model) for method, path, model, body in bodies),
            *(Route("DELETE", f"/v1/orders/{name}", {"retry_id": self._name("d")}) for name in _ORDER_PARTS),
            Route("DELETE", "/v1/orders", {name: str(value) for name, value in self._scope().items()}),
            Route("DELETE", "/v1/providers/capacity/{capacity_id}", {"retry_id": self._name("d")}),
            Route("DELETE", "/v1/keys/{key_id}", {"with_made": "true"}),
            Route("DELETE", "/v1/session"),
        ]

    def _administration(self) -> list[Route]:
        symbol, region, account = self._symbol(), self.names.region, self.names.account
        limits = {"position": "900", "order_quantity": "900", "order_notional": "900000"}
        growing = {"open_orders_base": 500, "open_orders_max": 900, "open_orders_step": "5"}
        place = {"account": account, "region": region}
        money = {"account": account, "amount": "5"}
        parameters = {"symbol": symbol, "mark": "0.04", "shocks": ["0.001"] * 15, "spread": "0.0001"}
        terms = {"region": region, "tier": "ef", "slot_s": 900, "shortfall_fee_ppm": 100, "grace_s": 60}
        financing = {"base_ppm": 1, "slope_1_ppm": 1, "slope_2_ppm": 1, "optimum_ppm": 800_000}
        guarded = {"interval_ms": 1_000, "frozen_ms": 1, "quantity": "900", "net_quantity": "900", "notional": "9"}
        bodies: list[tuple[str, type[BaseModel] | None, Fields | None]] = [
            ("accounts", AccountRequest, {"name": f"n{self.dice.randrange(900)}", "group": 5}),
            *((name, MoneyRequest, money | {"client_id": self._name(name)}) for name in _MONEY),
            ("risk-parameters", RiskParametersRequest, parameters | {"concentration": "0", "concentration_lots": "0"}),
            ("fees", FeesRequest, {"series": 1, "maker_ppm": -5, "taker_ppm": 9}),
            *((name, HaltRequest, {"symbol": symbol}) for name in ("halt", "resume", "resume")),
            ("keys", KeyRequest, {"account": account, "roles": ["trader"], "public_key": PUBLIC_KEY}),
            ("delivery-terms", DeliveryTermsRequest, terms),
            ("utilisation", UtilisationRequest, {"regions": [{"region": region, "utilisation_ppm": 5}]}),
            ("strain", StrainRequest, {"region": region, "low_ppm": 700_000, "high_ppm": 900_000}),
            ("financing", FinancingRequest, financing),
            ("kill-switch", KillSwitchRequest, {"account": account}),
            (
                "limits/accounts",
                AccountLimitsRequest,
                {"account": account} | limits | growing,
            ),
            ("limits/regions", RegionLimitRequest, place | {"position": "900"}),
            ("limits/instruments", InstrumentLimitsRequest, {"symbol": symbol} | limits),
            ("margin-calls", MarginCallRequest, {"account": account, "amount": "5"}),
            ("protection", ProtectionRequest, place | guarded),
            ("protection/reset", ResetRequest, place),
            ("risk/{name}/what-if", WhatIfRequest, self._what_if()),
            ("reporters", ReporterRequest, {"account": account, "public_key": PUBLIC_KEY}),
            ("corrections", CorrectionRequest, {"allocation": 1, "slot": 0, "change": -1, "reason": "x"}),
            ("interruptions", InterruptionRequest, {"region": region, "quantity": "5"}),
        ]
        return [
            *(Route("POST", f"/v1/admin/{path}", {}, body, model) for path, model, body in bodies),
            Route(
                "POST", "/v1/risk/shock", {}, {"moves": [{"region": region, "move_ppm": -9}], "limit": 5}, ShockRequest
            ),
            Route("DELETE", "/v1/admin/kill-switch/{name}"),
            Route("DELETE", "/v1/admin/risk-parameters/{symbol}"),
            Route("DELETE", "/v1/admin/keys/{key_id}", {"with_made": "false"}),
        ]

    def parts(self) -> dict[str, str]:
        """What stands in the braces of a path."""
        return {
            "symbol": self._symbol(),
            "name": self.names.account,
            "order_id": str(self.dice.choice(self.order_ids)),
            "client_id": f"c{self.dice.randrange(50)}",
            "allocation_id": "1",
            "capacity_id": "1",
            "key_id": "a" * 16,
            "day": FIRST_DAY,
        }

    # Parts of both.

    def _kept(self) -> tuple[list[tuple[str, Fields]], list[Route]]:
        """Requests, made anew now and then: to make all of them takes longer than to answer one."""
        if self._drawn % KEPT == 0:
            self._operations, self._routes = self.operations(), self.routes()
        self._drawn += 1
        return self._operations, self._routes

    def _symbol(self) -> str:
        return self.dice.choice(self.names.symbols)

    def _start(self) -> str:
        return self.dice.choice(self.names.starts)

    def _side(self) -> str:
        return self.dice.choice(("buy", "sell"))

    def _price(self) -> str:
        return f"0.0{self.dice.randrange(3_990, 4_010)}0"

    def _name(self, prefix: str) -> str:
        """A client id, which comes again at times."""
        return f"{prefix}{self.dice.randrange(500)}"

    def _target(self) -> Fields:
        if self.dice.random() < 0.3:
            return {"client_id": f"c{self.dice.randrange(50)}"}
        return {"order_id": self.dice.choice(self.order_ids)}

    def _new_terms(self) -> Fields:
        return {"price": self._price(), "quantity": "2", "quantity_is": self.dice.choice(("total", "remaining"))}

    def _batch(self) -> Fields:
        return {"orders": [self.order() for _ in range(self.dice.randrange(1, 5))]}

    def _scope(self) -> Fields:
        every = {"symbol": self._symbol(), "region": self.names.region, "tier": "ef", "side": "buy"}
        every |= {"label": 5, "session": 9, "retry_id": self._name("r")}
        return {name: every[name] for name in self.dice.sample(list(every), self.dice.randrange(len(every)))}

    def _quotes(self) -> Fields:
        sides = {"bid_price": "0.039000", "bid_quantity": "2", "ask_price": "0.041000", "ask_quantity": "2"}
        symbols = self.dice.sample(self.names.symbols, self.dice.randrange(1, len(self.names.symbols) + 1))
        return {"quotes": [{"symbol": each} | sides for each in symbols], "session": 3, "label": 2}

    def _basket(self) -> Fields:
        terms = {"side": self._side(), "price": self._price(), "quantity": "1"}
        return {"legs": [{"symbol": each} | terms for each in self.names.symbols], "client_id": self._name("b")}

    def _sign_of_life(self) -> Fields:
        return {"cancel_after_ms": self.dice.choice((0, 5_000, 86_400_000)), "session": self.dice.choice((None, 0, 9))}

    def _what_if(self) -> Fields:
        entry = {"symbol": self._symbol(), "side": self._side(), "price": self._price(), "quantity": "5"}
        return {"mode": self.dice.choice(("add", "replace")), "positions": [entry], "orders": [entry]}


_MONEY = ("deposits", "withdrawals", "insurance-fund")
_ORDER_PARTS = ("{order_id}", "by-client-id/{client_id}")
