"""What a trader notices of another account that sends ten times what its budget allows, and how fast cancels act then.

The attacker has used up its burst before the clock begins, so about a tenth of what it sends is taken, and the rest is
refused by name. Meanwhile it cancels orders of its own on a connection beside its flood: cancels are never refused.
"""

import asyncio
import statistics
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import orjson

from gateway.bench.driving import UNDER_WAY_MAX, Driven, check_answers, drive, drive_by_the_clock
from gateway.bench.exchange_server import Door
from gateway.bench.orders import Orders
from gateway.bench.processes import BenchError
from gateway.bench.rounds import Pair, Waits, compared
from gateway.bench.wire import SocketWire
from gateway.limits.weights import PLACE
from gateway.settings import GatewaySettings

REQUESTS_PER_S = 200
"""Of the trader: an order and its cancel in turn, a quarter of what its budget allows."""
TIMES_ITS_BUDGET = 10
BUDGET_PER_S: int = GatewaySettings.model_fields["account_weight_per_s"].default
BURST: int = GatewaySettings.model_fields["account_weight_burst"].default // PLACE.weight
"""Orders of an account that has sent none for a while."""
ATTACKS_PER_S = TIMES_ITS_BUDGET * BUDGET_PER_S // PLACE.weight
CANCELS_PER_S = 10
"""Of the attacker."""
LEAST_S = 0.1
AT_ONCE = 256
TAKEN, THROTTLED = "ok", "rate_limited"

Report = Callable[[str, int, int], None]


class Attack(NamedTuple):
    """What came of an attack in a round."""

    requests: int
    requests_per_s: float
    throttled: int
    """Refused by name."""
    trader_cancel_max_ms: float
    attacker_cancel_max_ms: float
    """The slowest cancels of both."""


async def measure_attack(trader: Door, attacker: Door, rounds: int, seconds: float, report: Report) -> dict[str, Any]:
    """The figures of rounds that take turns. Raises ConnectionError and BenchError."""
    turns = await Turns.log_in(trader, attacker, max(LEAST_S, seconds))
    pairs, attacks = [], []
    try:
        await turns.rest(rounds)
        for number in range(rounds):
            report("one of two attacks", number, rounds)
            alone = await turns.alone()
            beside, attack = await turns.attacked()
            pairs.append(Pair(alone, beside))
            attacks.append(attack)
    finally:
        turns.close()
    return {
        "requests_per_second": REQUESTS_PER_S,
        **compared("order", "alone", "attacked", pairs),
        "cancel_max_attacked_ms": round(max(each.trader_cancel_max_ms for each in attacks), 3),
        "cancel_max_attacker_ms": round(max(each.attacker_cancel_max_ms for each in attacks), 3),
        "attacks_per_second": round(statistics.median(each.requests_per_s for each in attacks)),
        "attacks": sum(each.requests for each in attacks),
        "attacks_rate_limited": sum(each.throttled for each in attacks),
    }


class Turns:
    """Rounds of both kinds: a trader on one connection, an attacker on two."""

    def __init__(self, orders: Orders, flood: Orders, wires: Sequence[SocketWire], lasts_s: float) -> None:
        self._orders = orders
        self._flood = flood
        self._trading, self._flooding, self._cancelling = wires
        self._lasts_s = lasts_s
        self._cancels: list[bytes] = []
        """Of the attacker's orders that rest, for all rounds that come."""

    @classmethod
    async def log_in(cls, trader: Door, attacker: Door, lasts_s: float) -> Self:
        """Connect, for rounds of so many seconds. Raises ConnectionError and BenchError."""
        orders, flood = Orders(trader), Orders(attacker)
        return cls(orders, flood, [await each.log_in() for each in (orders, flood, flood)], lasts_s)

    async def rest(self, rounds: int) -> None:
        """The attacker places what it will cancel. Raises ConnectionError and BenchError."""
        pairs = self._flood.placed_and_cancelled(rounds * self._of(CANCELS_PER_S))
        check_answers((await drive(self._cancelling, pairs[::2], AT_ONCE)).answers)
        self._cancels = pairs[1::2]

    async def alone(self) -> Waits:
        """A round without attack. Raises ConnectionError, and BenchError if an order is refused."""
        traded = await self._trade(self._requests())
        check_answers(traded.answers)
        return Waits.of(traded.latency_ns)

    async def attacked(self) -> tuple[Waits, Attack]:
        """A round beside an attack. Raises ConnectionError, and BenchError for what is refused and should not be."""
        await self._use_up_burst()
        requests, flood = self._requests(), self._flood.messages(self._of(ATTACKS_PER_S))
        how_many = self._of(CANCELS_PER_S)
        cancels, self._cancels = self._cancels[:how_many], self._cancels[how_many:]
        traded, flooded, cancelled = await asyncio.gather(
            self._trade(requests),
            drive_by_the_clock(self._flooding, flood, ATTACKS_PER_S, UNDER_WAY_MAX),
            drive_by_the_clock(self._cancelling, cancels, CANCELS_PER_S, UNDER_WAY_MAX),
        )
        check_answers(traded.answers)
        check_answers(cancelled.answers)
        throttled = _named(flooded.answers)[THROTTLED]
        slowest_ms = _max_ms(traded.latency_ns[1::2]), _max_ms(cancelled.latency_ns)
        return Waits.of(traded.latency_ns), Attack(len(flood), flooded.rate, throttled, *slowest_ms)

    def close(self) -> None:
        """End the connections."""
        for wire in (self._trading, self._flooding, self._cancelling):
            wire.close()

    async def _use_up_burst(self) -> None:
        """Send orders until one is refused. Raises ConnectionError and BenchError."""
        for _ in range(0, TIMES_ITS_BUDGET * BURST, AT_ONCE):
            answers = (await drive(self._flooding, self._flood.messages(AT_ONCE), AT_ONCE)).answers
            if _named(answers)[THROTTLED]:
                return
        raise BenchError("an account sent ten times its burst, and nothing was refused")

    def _requests(self) -> list[bytes]:
        return self._orders.placed_and_cancelled(self._of(REQUESTS_PER_S) // 2)

    def _trade(self, requests: list[bytes]) -> Coroutine[Any, Any, Driven]:
        return drive_by_the_clock(self._trading, requests, REQUESTS_PER_S, UNDER_WAY_MAX)

    def _of(self, per_s: int) -> int:
        """How many there are in a round."""
        return round(per_s * self._lasts_s)


def _named(answers: Iterable[bytes]) -> Counter[str]:
    """How many were taken, and how many refused because of a rate. Raises BenchError for any other refusal."""
    rows = map(orjson.loads, answers)
    named = Counter[str](TAKEN if row["ok"] else row["error"]["code"] for row in rows)
    if not named.keys() <= {TAKEN, THROTTLED}:
        raise BenchError(f"orders of an attack were answered by {', '.join(sorted(named))}")
    return named


def _max_ms(elapsed_ns: np.ndarray) -> float:
    return float(elapsed_ns.max()) / 1e6
