"""The embedded exchange through many lives in worlds of its own, each decided by a seed.

After every recovery the state equals a replay, from the first row, of what was acknowledged. `BWX_SIM_SEEDS` says how
many worlds there are; a seed that fails fails again.
"""

import os
from collections import Counter
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from exchange import commands
from exchange.sequencer import stamp_order_ids
from exchange.service import Exchange
from exchange.venue.machine import Venue
from exchange.venue.schema import Event
from exchange.warm_up import warm_up
from matching.schema import EventKind, Side, TimeInForce
from tests.simulation.traffic import HOUR_S, LIMITS, NANO_PER_S, REFERENCE_TICKS, CommandId, Traffic
from tests.simulation.world import EPOCH_NS, INSTRUMENTS, SimulatedTime, World, lead, simulate

SEEDS = int(os.environ.get("BWX_SIM_SEEDS", "4"))
LIVES = 12
WORLDS_MAX = 30
COMMANDS = 5_000
SECONDS_A_COMMAND = 3
COMMANDS_AN_OPERATION = 40
OPERATORS = (Event.STATE_CHANGED, Event.MARKET_HALTED, Event.MARKET_RESUMED, Event.REFERENCE_SET)
DANGERS = {
    "power loss while opening",
    "power loss while trading",
    "power loss while closing",
    "stop",
    "answers lost",
    "durable, and nobody was told",
    "retry of what was lost",
    "retry of what was durable",
    "clock doubted",
    "market halted by command",
    "market resumed by command",
    "snapshot used",
    "snapshot left out",
    "fault while opening",
    "fault while trading",
    "refused for want of room",
    "flipped bit refused by name",
    "flipped bit recovered from",
    "read failed",
    "write failed",
    "write done by half",
    "sync failed",
    "full disk",
}


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """The first command of a world waits for no compiler."""
    warm_up()


@pytest.fixture
def simulated_time(monkeypatch: pytest.MonkeyPatch) -> SimulatedTime:
    """Clocks that the test moves, and an exchange whose work repeats itself."""
    return simulate(monkeypatch)


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_every_recovery_equals_a_replay_of_what_was_acknowledged(seed, tmp_path, simulated_time):
    world = await lead(World(seed, tmp_path, simulated_time), LIVES)
    assert len(world.acknowledged) > 10 * LIVES


async def test_the_worlds_meet_every_danger(tmp_path, monkeypatch):
    met: Counter[str] = Counter()
    for seed in range(1_000, 1_000 + WORLDS_MAX):
        world = await lead(World(seed, tmp_path / str(seed), simulate(monkeypatch)), LIVES)
        met += world.dangers()
        if met.keys() >= DANGERS:
            return
    pytest.fail(f"{DANGERS - met.keys()} did not come up in {WORLDS_MAX} worlds")


async def test_a_seed_repeats_itself(tmp_path, monkeypatch):
    first = await lead(World(7, tmp_path / "first", simulate(monkeypatch)), LIVES)
    second = await lead(World(7, tmp_path / "second", simulate(monkeypatch)), LIVES)
    assert first.audit.venue.digest() == second.audit.venue.digest()
    assert first.acknowledged == second.acknowledged
    assert first.dangers() == second.dangers()


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S])
async def test_a_wall_clock_that_jumps_while_trading_alerts_once_and_changes_nothing(tmp_path, simulated_time, jump_s):
    exchange = await founded(tmp_path)
    order = commands.place(
        1, 1, Side.BUY, REFERENCE_TICKS, 1, time_in_force=TimeInForce.GTD, expires_ns=EPOCH_NS + 600 * NANO_PER_S
    )
    order_id = (await exchange.submit(order)).sequence
    simulated_time.set_wrong(jump_s)
    with capture_logs() as logs:
        for second in range(1, 4):
            simulated_time.spend(NANO_PER_S)
            reply = await exchange.submit(commands.cancel(1, order_id=1_000_000))
            assert reply.time_ns == EPOCH_NS + second * NANO_PER_S
    assert [log["event"] for log in logs] == ["clock_drift"]
    assert exchange.view.order(order_id).status == "open"
    simulated_time.spend(600 * NANO_PER_S)
    await exchange.submit(commands.cancel(1, order_id=1_000_000))
    assert exchange.view.order(order_id).status == "cancelled"
    await exchange.close()


@pytest.mark.parametrize(("wrong_s", "lost_s"), [(HOUR_S, HOUR_S), (-HOUR_S, 0)])
async def test_a_wall_clock_that_jumps_between_two_lives_turns_no_time_back(tmp_path, simulated_time, wrong_s, lost_s):
    """An hour ahead cannot be told from an hour of downtime; an hour behind is doubted, and time goes on as it was."""
    exchange = await founded(tmp_path)
    expires_ns = EPOCH_NS + 2 * HOUR_S * NANO_PER_S
    gtd = {"time_in_force": TimeInForce.GTD, "expires_ns": expires_ns}
    latest = max(exchange.view.tranches.values(), key=lambda tranche: tranche.gate_ns).instrument_id
    order_id = (await exchange.submit(commands.place(1, latest, Side.BUY, REFERENCE_TICKS, 1, **gtd))).sequence
    last_ns = exchange.view.time_ns
    await exchange.close()
    simulated_time.set_wrong(wrong_s)
    again = await Exchange.open(tmp_path, limits=LIMITS)
    assert [note for note in again.notices if "down for 60 minutes" in note] == again.notices[: lost_s > 0]
    assert again.phase == ("halted" if wrong_s < 0 else "trading")
    reply = await again.submit(commands.cancel(1, order_id=1_000_000))
    assert reply.time_ns == last_ns + lost_s * NANO_PER_S
    simulated_time.set_wrong(0)
    for time_ns, status in ((expires_ns - 1, "open"), (expires_ns, "cancelled")):
        simulated_time.spend(time_ns - again.clock.now_ns())
        reply = await again.submit(commands.cancel(1, order_id=1_000_000))
        assert (reply.time_ns, again.view.order(order_id).status) == (time_ns, status)
    await again.close()


async def founded(directory: Path) -> Exchange:
    """An exchange with accounts, money, and windows, which the tick behind the definition of their series lists."""
    exchange = await Exchange.open(directory, limits=LIMITS)
    for reply in exchange.submit_many(Traffic(0, EPOCH_NS).founding()):
        await reply
    await exchange.submit(commands.cancel(1, order_id=1_000_000))
    return exchange


def test_the_traffic_brings_every_kind_of_event_that_matching_has_and_all_that_operators_do():
    traffic, venue = Traffic(3, EPOCH_NS, instruments=INSTRUMENTS, expiry_s_max=2 * HOUR_S), Venue(LIMITS)
    told: set[int] = set()
    sequence = 1
    founding = [commands.tick(EPOCH_NS), *traffic.founding()]
    for index in range(-1, COMMANDS):
        passing = commands.tick(EPOCH_NS + index * SECONDS_A_COMMAND * NANO_PER_S)
        groups = founding if index < 0 else [passing, traffic.command(CommandId(0, index))]
        if index >= 0 and index % COMMANDS_AN_OPERATION == 0:
            groups.append(traffic.operation(0, index))
        batch = commands.concatenate(*groups)
        stamp_order_ids(batch, sequence)
        told.update(venue.apply(batch, sequence)["kind"].tolist())
        sequence += len(batch)
    assert {*EventKind, *OPERATORS} <= told
