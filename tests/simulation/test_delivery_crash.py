"""The whole exchange loses power at any change of its store from the first gate to the last settlement.

A small day is led once through the venue alone, which gives the script. The exchange then plays it: time, and whatever
came in at that time. Whoever was not answered asks again after the restart. In the end everybody has what it has when
nothing goes wrong, to the nano-USD.
"""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from exchange import commands
from exchange.journal import Journal
from exchange.recovery import replay
from exchange.sequencer import ExchangeStopped, stamp_order_ids
from exchange.service import Exchange
from exchange.store_errors import JournalFailed, StoreError
from exchange.venue.balances import find_imbalance
from exchange.venue.machine import Venue
from exchange.venue.schema import CLOCK_COMMAND, Command
from exchange.venue.state import VenueLimits
from tests.exchange.venue.market import NANO_PER_S, START_NS
from tests.simulation.delivery_day import HOUR_S, Conduct, Day, Plan
from tests.simulation.storage import MODES, UnsyncedLoss
from tests.simulation.world import EPOCH_NS, SimulatedTime, simulate

LIMITS = VenueLimits(instruments=32, orders=256, nodes=512, accounts=64, positions=256, client_ids=64)
CAST = (Conduct.HONEST, Conduct.LIED_ABOUT, Conduct.SHORT, Conduct.DESERTING, Conduct.SILENT)
PLAN = Plan(regions=1, tiers=1, windows=2, cast=CAST, buyers=6, purchases=2, seed=3)
GATES_S = (2 * HOUR_S - 900 + 1, 3 * HOUR_S - 900 + 1)
"""The time passes with the first command after a gate."""
CRASHES = 8
SNAPSHOT_EVERY_RECORDS = 60


class Step(NamedTuple):
    """What comes in so many seconds after the opening."""

    seconds: int
    groups: list[np.ndarray]


class Left(NamedTuple):
    """What matters when the day is over."""

    accounts: list[tuple[int, ...]]
    providers: list[tuple[int, ...]]
    totals: dict[str, int]


def script() -> tuple[list[Step], Left]:
    """The day as the venue alone leads it: a step for each time, and how it ends."""
    venue, sequence, steps = Venue(LIMITS), 1, []

    def send(groups: list[np.ndarray]) -> np.ndarray:
        nonlocal sequence
        if groups[0]["kind"][0] == Command.TICK:
            seconds = (int(groups[0].view(CLOCK_COMMAND)["time_ns"][0]) - START_NS) // NANO_PER_S
            steps.append(Step(seconds, []))
        steps[-1].groups.extend(group for group in groups if group["kind"][0] != Command.TICK)
        batch = commands.concatenate(*groups)
        stamp_order_ids(batch, sequence)
        events = venue.apply(batch, sequence)
        sequence += len(batch)
        return events

    Day(PLAN, send).lead()
    steps.append(Step(steps[-1].seconds + 2 * HOUR_S, []))
    return steps, left_in(venue)


def left_in(venue: Venue) -> Left:
    """Money and names, and nothing of sequences."""
    image = venue.image()
    assert find_imbalance(image) == ""
    assert len(image["allocations"]) == len(image["positions"]) == len(image["reports"]) == 0
    names = ("escrow_nano", "bonds_nano", "fund_nano", "fees_nano", "burned_nano")
    totals = {name: int(image["summary"][0][name]) for name in names}
    return Left(image["accounts"][["account_id", "cash_nano"]].tolist(), image["providers"].tolist(), totals)


class Player:
    """Plays the script on one store, life after life."""

    def __init__(self, directory: Path, storage: UnsyncedLoss, simulated: SimulatedTime, steps: list[Step]) -> None:
        self.directory, self.storage, self.simulated, self.steps = directory, storage, simulated, steps
        self.done = 0
        self.changes: list[int] = []
        """Of the store, as each step begins."""

    async def live(self) -> Left | None:
        """Go on from the first step that was not answered; None if the store gave up."""
        try:
            exchange = await self._open()
            while self.done < len(self.steps):
                await self._play(exchange, self.steps[self.done])
                self.done += 1
            await exchange.close()
            return left_in(exchange._sequencer._venue)
        except StoreError:
            return None
        except ExchangeStopped:
            assert isinstance(exchange.failure, JournalFailed), "it stopped for another reason"
            with suppress(JournalFailed):
                await exchange.close()
            return None

    async def _open(self) -> Exchange:
        terms = {"vfs": self.storage.name, "snapshot_every_records": SNAPSHOT_EVERY_RECORDS}
        exchange = await Exchange.open(self.directory, limits=LIMITS, **terms)
        if exchange._saving is not None:
            await exchange._saving
        return exchange

    async def _play(self, exchange: Exchange, step: Step) -> None:
        due_ns = EPOCH_NS + step.seconds * NANO_PER_S
        self.simulated.spend(max(due_ns - self.simulated.time_ns(), 0))
        self.changes.append(self.storage.changes)
        groups = [*step.groups, commands.resume_market()]  # which changes nothing, but brings the time
        replies = await asyncio.gather(*exchange.submit_many(groups), return_exceptions=True)
        for reply in replies:
            if isinstance(reply, BaseException):
                raise reply
        if exchange._saving is not None:
            await exchange._saving

    def replayed_digest(self) -> bytes:
        """Of what is durable, from its first row."""
        venue = Venue(LIMITS)
        with Journal.open(self.directory, rules_version=LIMITS.rules_version(), create=False) as journal:
            for _ in replay(venue, journal, 1):
                pass
        return venue.digest()


@pytest.mark.parametrize("mode", MODES)
async def test_power_may_fail_at_any_change_from_gate_to_settlement_and_everybody_gets_what_is_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    steps, expected = script()
    storage = UnsyncedLoss(f"delivery-{mode}", mode=mode, seed=17)
    with monkeypatch.context() as patch:
        whole = Player(tmp_path / "whole", storage, simulate(patch), steps)
        assert await whole.live() == expected
    moments = crashes(steps, [*whole.changes, storage.changes])
    interrupted = set()
    for nth in moments:
        storage.power_loss()
        with monkeypatch.context() as patch:
            player = Player(tmp_path / str(nth), storage, simulate(patch), steps)
            storage.crash_at(nth)
            assert await player.live() is None
            interrupted.add(player.done)
            storage.power_loss()
            before = player.replayed_digest()
            recovered = await player._open()
            assert recovered._sequencer._venue.digest() == before
            await recovered.close()
            assert await player.live() == expected
    assert len(interrupted) > CRASHES // 2, "the crashes came at many different steps"
    assert {at for at, step in enumerate(steps) if step.seconds in GATES_S} <= interrupted


def crashes(steps: list[Step], changes: list[int]) -> list[int]:
    """Every change that a gate closure makes durable, and some of all others up to the end."""
    gates = [at for at, step in enumerate(steps) if step.seconds in GATES_S]
    inside = [nth for at in gates for nth in range(changes[at] + 1, changes[at + 1] + 1)]
    first, last = inside[0], changes[len(steps)]
    return sorted({*inside, *range(first, last, (last - first) // CRASHES)})
