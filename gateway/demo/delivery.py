"""Who delivers in the demo: carriers with stake and capacity, consumers who buy to use, and meters that report.

They come through the ordinary doors: carriers register capacity and offer whole schedules, consumers hold what they buy
past the gate, meters ask what is due and sign what they read.
"""

import asyncio
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from exchange.symbols import parse_duration
from exchange.venue.clearing.capacity_schema import SLOT_S
from gateway.clearing.delivery_requests import REPORTS_AT_ONCE_MAX
from gateway.client import Client, DueAllocation, Instrument
from gateway.client.providers import Capacity, OfferTerms
from gateway.demo.bots import HALF_SPREAD, demo_price, for_ever, unless_refused
from gateway.demo.calibration import Calibration
from gateway.demo.measuring import Line, Slot
from gateway.demo.plan import DELIVERED_REGIONS, DELIVERED_TIER, DELIVERED_WINDOW
from gateway.demo.prices import Mood, fair_price_usd

if TYPE_CHECKING:
    from gateway.demo.market import Credential


class Carrier(NamedTuple):
    """A provider of the demo: what it asks above the fair price, and how much more it keeps ready than it owes."""

    name: str
    margin: float
    headroom: float


CARRIERS = (Carrier("harbour-net", HALF_SPREAD, 1.32), Carrier("north-fibre", 2 * HALF_SPREAD, 1.56))
"""The cheaper one falls short now and then, the other one seldom."""
CAPACITY_SHARE = 0.05
"""The part of what was measured in a region that a carrier registers there."""
WINDOWS_PER_SLOT = SLOT_S // parse_duration(DELIVERED_WINDOW)
"""Capacity is held by the quarter of an hour, so what it holds is shared by the windows in it."""
CAPACITY_LIFE = timedelta(days=365)
CAPACITY_RENEWED = timedelta(days=21)
"""Capacity that ends sooner is followed by new one at the next start."""
STAKE_USD_PER_MBPS = 0.10
CARRIER_PAUSE_S = 4.0
CONSUMER_PAUSE_S = 3.0
BUY_CHANCE = 0.3
LOTS_LEAST, LOTS_MOST = 10, 40
METER_PAUSE_S = 2.0
SLOT_OVER_S = 0.5
"""A slot is measured when it is over beyond doubt."""


class Meter(NamedTuple):
    """A reporter: how it comes in, the number of its account, and the Ed25519 key that it signs with."""

    credential: "Credential"
    account_id: int
    private_key: bytes


# Carriers.


async def run_carrier(url: str, credential: "Credential", calibration: Calibration, carrier: Carrier) -> None:
    """Register what can be delivered, then offer every window of the schedule up to that."""
    moods = {code: Mood(random.Random(f"{carrier.name} {code}")) for code in DELIVERED_REGIONS}
    async with Client(url, credential.key_id, credential.secret) as client:

        async def offer() -> None:
            await unless_refused(_register(client, calibration, carrier))
            while True:
                offers = await _schedule(client, calibration, carrier, moods)
                if offers:
                    await unless_refused(client.post_offers(offers, mode="all_or_nothing"))
                await asyncio.sleep(CARRIER_PAUSE_S)

        await for_ever(offer)


async def _register(client: Client, calibration: Calibration, carrier: Carrier) -> None:
    """Stake and capacity, as far as they are not there."""
    told = await client.capacity()
    now = datetime.now(UTC)
    missing = [code for code in DELIVERED_REGIONS if not _is_covered(told.capacities, code, now)]
    if not missing:
        return
    stake_usd = sum(_capacity_mbps(calibration, code) for code in DELIVERED_REGIONS) * STAKE_USD_PER_MBPS
    if told.stake < stake_usd:
        await client.post_stake(str(round(stake_usd) + 1))
    start = now - timedelta(seconds=now.timestamp() % SLOT_S)
    for code in missing:
        terms = (DELIVERED_TIER.name.lower(), _capacity_mbps(calibration, code), start, start + CAPACITY_LIFE)
        await client.register_capacity(code, *terms, endpoint=f"{code}.{carrier.name}.example:443")


def _is_covered(capacities: list[Capacity], code: str, now: datetime) -> bool:
    return any(each.region == code and each.end > now + CAPACITY_RENEWED for each in capacities)


def _capacity_mbps(calibration: Calibration, code: str) -> int:
    return int(calibration.regions[code].capacity_mbps * CAPACITY_SHARE)


async def _schedule(
    client: Client, calibration: Calibration, carrier: Carrier, moods: dict[str, Mood]
) -> list[OfferTerms]:
    """For every open window, what of its part of the capacity is not sold yet."""
    sold = {position.symbol: -position.quantity for position in (await client.account()).positions}
    offers: list[OfferTerms] = []
    for instrument in await _open_windows(client):
        part = _capacity_mbps(calibration, instrument.region) // WINDOWS_PER_SLOT
        left = part - sold.get(instrument.symbol, 0)
        price_usd = _fair_usd(instrument, calibration, moods[instrument.region]) * (1 + carrier.margin)
        if left > 0:
            offers.append({"symbol": instrument.symbol, "price": demo_price(price_usd), "quantity": left})
    return offers


# Consumers.


async def run_consumer(url: str, credential: "Credential", calibration: Calibration, seed: int) -> None:
    """Bid for each window once, and some time before its gate buy what is needed at what is asked."""
    chance = random.Random(f"consumer {seed}")
    moods = {code: Mood(chance) for code in DELIVERED_REGIONS}
    async with Client(url, credential.key_id, credential.secret) as client:
        bid_for: set[str] = set()

        async def buy() -> None:
            windows = await _open_windows(client)
            bid_for.intersection_update(each.symbol for each in windows)
            held = {position.symbol for position in (await client.account()).positions if position.quantity > 0}
            for instrument in windows:
                fair_usd = _fair_usd(instrument, calibration, moods[instrument.region])
                if instrument.symbol not in bid_for:
                    bid_for.add(instrument.symbol)
                    await _bid(client, instrument, fair_usd, chance)
                elif instrument.symbol not in held and chance.random() < BUY_CHANCE:
                    price, lots = demo_price(fair_usd * (1 + 4 * HALF_SPREAD)), _lots(chance)
                    order = client.place(instrument.symbol, "buy", lots, price, time_in_force="ioc")
                    await unless_refused(order)
            await asyncio.sleep(CONSUMER_PAUSE_S * chance.uniform(0.5, 1.5))

        await for_ever(buy)


async def _bid(client: Client, instrument: Instrument, fair_usd: float, chance: random.Random) -> None:
    """One that rests below the fair price until the gate."""
    price = demo_price(fair_usd * (1 - HALF_SPREAD * chance.uniform(1.0, 2.0)))
    until = instrument.gate_closure
    order = client.place(instrument.symbol, "buy", _lots(chance), price, time_in_force="gtd", expires_time=until)
    await unless_refused(order)


def _lots(chance: random.Random) -> int:
    return chance.randint(LOTS_LEAST, LOTS_MOST)


# Meters.


async def run_meter(url: str, meter: Meter, line: Line) -> None:
    """Read every slot that is over, and report it once."""
    async with Client(url, meter.credential.key_id, meter.credential.secret) as client:
        told: set[tuple[int, int]] = set()

        async def report() -> None:
            due = await client.due_allocations()
            told.intersection_update(_slots_of(due))
            over = [each for allocation in due for each in _slots_over(allocation, datetime.now(UTC))]
            fresh = [each for each in over if (each[0].allocation_id, each[0].number) not in told]
            read = [line.read(*each, meter.account_id) for each in fresh[:REPORTS_AT_ONCE_MAX]]
            if read and await unless_refused(client.report(meter.private_key, read)) is not None:
                told.update((each.allocation_id, each.slot) for each in read)
            await asyncio.sleep(METER_PAUSE_S)

        await for_ever(report)


def _slots_of(due: list[DueAllocation]) -> Iterator[tuple[int, int]]:
    """All that a meter may have to remember, so that it remembers no more."""
    return ((each.allocation, number) for each in due for number in range(each.slots))


def _slots_over(due: DueAllocation, now: datetime) -> Iterator[tuple[Slot, str]]:
    """The slots of an allocation that are over and not settled, with whose line it is."""
    over_s = (now - due.start).total_seconds() - SLOT_OVER_S
    for number in range(due.settled_slots, min(due.slots, max(int(over_s // due.slot_s), 0))):
        start = due.start + timedelta(seconds=number * due.slot_s)
        yield Slot(due.allocation, number, due.region, due.quantity, start), due.provider


# What they share.


async def _open_windows(client: Client) -> list[Instrument]:
    """The open windows that are delivered."""
    found = await client.instruments(state="open", tier=DELIVERED_TIER.name.lower())
    return [each for each in found if each.delivery is not None]


def _fair_usd(instrument: Instrument, calibration: Calibration, mood: Mood) -> float:
    mood.step()
    return fair_price_usd(calibration, float(instrument.reference_price), instrument.start, mood)
