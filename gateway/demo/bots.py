"""Providers and buyers of the demo, as ordinary clients: providers post asks by REST, buyers bid over WebSocket.

They trade what is settled in cash; who delivers is in `gateway/demo/delivery.py`.

Each keeps trading whatever the market says; a refusal is part of the game, a lost connection is made again.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

import aiohttp

from exchange.units import format_ticks
from gateway.client import Client, Instrument, RefusedError, Stream, StreamClosedError
from gateway.client.terms import Side
from gateway.demo.calibration import Calibration
from gateway.demo.plan import round_to_step
from gateway.demo.prices import Mood, fair_price_usd

if TYPE_CHECKING:
    from gateway.demo.market import Credential

Answer = TypeVar("Answer")

TICKS_PER_USD = 1_000_000
PROVIDER_LEVELS = 9
PROVIDER_PAUSE_S = 1.2
BUYER_PAUSE_S = 0.35
REFRESH_S = 5.0
ORDER_LIFE_S = 240
RECONNECT_S = 1.0
HALF_SPREAD = 0.012
LEVEL_SPREAD = 0.004
PROVIDER_SHARE = 0.02
"""The part of a region's capacity that a provider offers in one order."""


async def run_provider(url: str, credential: "Credential", calibration: Calibration, region: str, seed: int) -> None:
    """Offer a region's windows: some levels of asks in each, one window after the other renewed at today's price."""
    chance = random.Random(f"provider {seed}")
    mood = Mood(chance)
    asks: dict[str, list[int]] = {}
    quantity = max(int(calibration.regions[region].capacity_mbps * PROVIDER_SHARE), 1)
    async with Client(url, credential.key_id, credential.secret) as client:

        async def offer(instrument: Instrument) -> None:
            for order_id in asks.pop(instrument.symbol, ()):
                await unless_refused(client.cancel(order_id))
            fair_usd = fair_price_usd(calibration, float(instrument.reference_price), instrument.start, mood)
            asks[instrument.symbol] = []
            for level in range(PROVIDER_LEVELS):
                price = demo_price(fair_usd * (1 + HALF_SPREAD + LEVEL_SPREAD * level * chance.uniform(0.8, 1.6)))
                lots = max(int(quantity * chance.uniform(0.4, 1.6)), 1)
                answer = await unless_refused(client.place(instrument.symbol, "sell", lots, price, post_only="slide"))
                if answer is not None:
                    asks[instrument.symbol].append(answer.order_id)

        async def renew() -> None:
            instruments = settled_in_cash(await client.instruments(region=region, state="open"))
            for instrument in [each for each in instruments if each.symbol not in asks]:
                await offer(instrument)
            open_symbols = {each.symbol for each in instruments}
            for symbol in asks.keys() - open_symbols:
                del asks[symbol]
            until = asyncio.get_running_loop().time() + REFRESH_S
            while instruments and asyncio.get_running_loop().time() < until:
                mood.step()
                await offer(chance.choice(instruments))
                await asyncio.sleep(PROVIDER_PAUSE_S * chance.uniform(0.5, 1.5))

        for order in await client.orders():
            asks.setdefault(order.symbol, []).append(order.order_id)
        await for_ever(renew)


async def run_buyer(url: str, credential: "Credential", calibration: Calibration, seed: int) -> None:
    """Bid below the fair price for a while, take an ask now and then, and sell on what was bought."""
    chance = random.Random(f"buyer {seed}")
    moods = {code: Mood(chance) for code in calibration.regions}
    async with Client(url, credential.key_id, credential.secret) as client:

        async def session() -> None:
            async with client.stream() as stream:
                for instrument in settled_in_cash(await client.instruments(state="open")):
                    await unless_refused(_bid(stream, instrument, calibration, moods, chance))
                while True:
                    instruments = settled_in_cash(await client.instruments(state="open"))
                    until = asyncio.get_running_loop().time() + REFRESH_S
                    while instruments and asyncio.get_running_loop().time() < until:
                        await unless_refused(_act(stream, chance.choice(instruments), calibration, moods, chance))
                        await asyncio.sleep(BUYER_PAUSE_S * chance.uniform(0.3, 1.7))

        await for_ever(session)


async def _act(
    stream: Stream, instrument: Instrument, calibration: Calibration, moods: dict[str, Mood], chance: random.Random
) -> None:
    """One order of a buyer: two times in three a bid that rests, else one that takes from either side."""
    if chance.random() < 0.67:
        await _bid(stream, instrument, calibration, moods, chance)
        return
    side: Side = "buy" if chance.random() < 0.7 else "sell"
    slack = 1 + 3 * HALF_SPREAD if side == "buy" else 1 - 3 * HALF_SPREAD
    price = demo_price(_fair_usd(instrument, calibration, moods) * slack)
    await stream.place(instrument.symbol, side, _lots(chance), price, time_in_force="ioc")


async def _bid(
    stream: Stream, instrument: Instrument, calibration: Calibration, moods: dict[str, Mood], chance: random.Random
) -> None:
    """A bid below the fair price, good for a few minutes."""
    discount = HALF_SPREAD + abs(chance.gauss(0.0, LEVEL_SPREAD))
    price = demo_price(_fair_usd(instrument, calibration, moods) * (1 - discount))
    life = timedelta(seconds=ORDER_LIFE_S * chance.uniform(0.5, 1.5))
    expires = min(datetime.now(UTC) + life, instrument.gate_closure)
    await stream.place(instrument.symbol, "buy", _lots(chance), price, time_in_force="gtd", expires_time=expires)


def _fair_usd(instrument: Instrument, calibration: Calibration, moods: dict[str, Mood]) -> float:
    mood = moods[instrument.region]
    mood.step()
    return fair_price_usd(calibration, float(instrument.reference_price), instrument.start, mood)


def _lots(chance: random.Random) -> int:
    return 1 + int(chance.expovariate(1 / 20))


def settled_in_cash(instruments: list[Instrument]) -> list[Instrument]:
    """The windows that these bots trade: what is delivered is sold by those who can deliver it."""
    return [each for each in instruments if each.delivery is None]


async def unless_refused(asked: Awaitable[Answer]) -> Answer | None:
    """What is answered, or None for a refusal."""
    try:
        return await asked
    except RefusedError:
        return None


async def for_ever(part: Callable[[], Awaitable[None]]) -> None:
    """Do a part of the work again and again; after a lost connection, a little later."""
    while True:
        try:
            await part()
        except (aiohttp.ClientError, StreamClosedError, TimeoutError):
            await asyncio.sleep(RECONNECT_S)


def demo_price(price_usd: float) -> Decimal:
    """A price on the demo's tick."""
    return Decimal(format_ticks(round_to_step(price_usd * TICKS_PER_USD)))
