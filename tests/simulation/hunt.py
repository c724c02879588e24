"""A hunt for faults: fresh seeds for as long as there is time, in worlds, and in books and venues beside their twins.

    python -m tests.simulation.hunt --minutes 60              # from a seed of chance, which it tells
    python -m tests.simulation.hunt --minutes 60 --seed 7     # the same seeds in the same order
    python -m tests.simulation.hunt --again world:1234        # one find once more

What fails is told with the command that makes it fail again, and the hunt goes on. In the end it says what there was,
and its exit status is 1 if anything failed.
"""

import asyncio
import random
import secrets
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, NamedTuple

import hypothesis
import numpy as np
import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from exchange.cli.terminal import progress_steps
from exchange.venue.machine import Venue
from exchange.warm_up import warm_up
from tests.exchange.venue import streams as venue_streams
from tests.exchange.venue.clearing import days as clearing_days
from tests.exchange.venue.market import LIMITS
from tests.exchange.venue.stream_troubles import troubled_sessions
from tests.exchange.venue.test_apply import BATCH_SIZES, BUFFERS, run
from tests.matching.commands import make_book
from tests.matching.streams import Step, in_batches, session_book, sessions
from tests.matching.test_kernels import TINY_BUFFER, assert_same_step, crowded_command
from tests.simulation.storage import MODES, UnsyncedLoss
from tests.simulation.test_every_operation import COMMANDS, FAULTS, check_after, live
from tests.simulation.world import TrimmedWorld, World, lead, simulate

LIVES = 12
DAYS = 12
"""Sessions of a book or a venue to a seed."""
CROWD, BATCHES, BATCH = 1_000, 10, 100
"""Orders that a crowded book has room for, and how many commands it gets."""
FAULTY_LIVES = 12
"""With one fault each, to a seed."""
CRASHES = (("crash", False),) * 3
WHOLES = (
    "worlds",
    "lives",
    "faulty lives",
    "days of a book",
    "crowded books",
    "days of a venue",
    "days of trouble",
    "days of delivery",
    "commands",
)
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
SEED_BITS = 32
TELL_EVERY_S = 30

app = typer.Typer(add_completion=False)
Met = Counter[str]
Hunter = Callable[[int], Met]


class Find(NamedTuple):
    """A seed that fails, and how."""

    kind: str
    seed: int
    report: str

    @property
    def again(self) -> str:
        return f"python -m tests.simulation.hunt --again {self.kind}:{self.seed}"


# What is hunted in.


def hunt_in_world(seed: int, kind: type[World] = World) -> Met:
    """All lives of a world, with every fault that there is."""
    with TemporaryDirectory() as parent, pytest.MonkeyPatch.context() as monkeypatch, capture_logs():
        world = kind(seed, Path(parent) / "store", simulate(monkeypatch))
        try:
            asyncio.run(lead(world, LIVES))
        finally:
            world.close()
        return Counter({"worlds": 1, "lives": LIVES, "commands": len(world.acknowledged)}) + world.dangers()


def hunt_in_trimmed_world(seed: int) -> Met:
    """The same where old rows go all the while."""
    return hunt_in_world(seed, TrimmedWorld)


def hunt_in_operations(seed: int) -> Met:
    """Lives of one operation that fails, is done by half, or is the last before the power fails."""
    rng = random.Random(seed)
    met: Met = Counter()
    with TemporaryDirectory() as parent, pytest.MonkeyPatch.context() as monkeypatch, capture_logs():
        simulate(monkeypatch)
        storage = UnsyncedLoss(parent, rng.choice(MODES), seed)
        asyncio.run(live(Path(parent) / "whole", storage, seed))
        lengths = storage.counts | {"crash": storage.changes}
        for number in range(FAULTY_LIVES):
            operation, done_by_half = rng.choice([*FAULTS, *CRASHES])
            storage.power_loss()
            nth = rng.randint(1, lengths[operation])
            if operation == "crash":
                storage.crash_at(nth)
            else:
                storage.fail_at(operation, nth, done_by_half=done_by_half)
            asyncio.run(live_and_check(Path(parent) / str(number), storage, seed, loses_power=rng.random() < 0.5))
            met.update({"faulty lives": 1, "commands": COMMANDS, f"one {operation}": 1})
        storage.unregister()
    return met


async def live_and_check(directory: Path, storage: UnsyncedLoss, seed: int, *, loses_power: bool) -> None:
    """One life, and what is left of it."""
    life = await live(directory, storage, seed)
    if loses_power or storage.crashed:
        storage.power_loss()
    storage.mend()
    await check_after(directory, storage, life, seed)


def hunt_in_book(seed: int) -> Met:
    """Days of the compiled book and of its twin, through buffers of any size."""
    met: Met = Counter()

    @given(sessions(), st.sampled_from([TINY_BUFFER, TINY_BUFFER + 1, 3 * TINY_BUFFER, 4_096]), st.booleans())
    def walk(session: list[Step], event_capacity: int, is_batched: bool) -> None:
        compiled, twin = session_book("compiled", event_capacity), session_book("twin")
        for step in in_batches(session) if is_batched else session:
            assert_same_step(compiled, twin, step)
        met.update({"days of a book": 1, "commands": sum(step.method == "execute" for step in session)})

    from_seed(walk, seed)
    return met


def hunt_in_crowd(seed: int) -> Met:
    """A book of hundreds of prices and orders beside its twin."""
    rng = random.Random(seed)
    event_capacity = rng.choice((TINY_BUFFER, 64, 4_096))
    compiled, twin = make_book("compiled", CROWD, event_capacity), make_book("twin", CROWD)
    crowd = rng.choice(("dense", "wild"))
    for _ in range(BATCHES):
        batch = tuple(crowded_command(rng, crowd) for _ in range(BATCH))
        assert_same_step(compiled, twin, Step("execute", batch))
    return Counter({"crowded books": 1, "commands": BATCHES * BATCH})


def hunt_in_venue(seed: int) -> Met:
    """Days of the venue and of its twin, and once more in other batches and buffers."""
    return hunt_in_days("days of a venue", venue_streams.sessions(), seed)


def hunt_in_trouble(seed: int) -> Met:
    """The same of accounts that fall short."""
    return hunt_in_days("days of trouble", troubled_sessions(), seed)


def hunt_in_delivery(seed: int) -> Met:
    """Days of gate closure and delivery: gates beside their twin, and every command through a venue cut small."""
    met: Met = Counter()

    @given(clearing_days.DAYS)
    def walk(day: clearing_days.Day) -> None:
        met.update({"days of delivery": 1, "commands": clearing_days.lead(day)})

    from_seed(walk, seed)
    return met


def hunt_in_days(name: str, days: st.SearchStrategy[venue_streams.Session], seed: int) -> Met:
    """Days of a kind, beside the twin and in pieces."""
    met: Met = Counter()

    @given(days, BATCH_SIZES, BUFFERS)
    def walk(session: venue_streams.Session, batch_sizes: list[int], event_capacity: int) -> None:
        history = np.concatenate(venue_streams.rehearse(session, checks=True).sent)
        at_once, in_pieces = Venue(LIMITS), Venue(LIMITS, event_capacity=event_capacity)
        expected = run(at_once, history, [len(history)])
        assert run(in_pieces, history, batch_sizes).tobytes() == expected.tobytes()
        assert in_pieces.digest() == at_once.digest()
        met.update({name: 1, "commands": len(session.steps)})

    from_seed(walk, seed)
    return met


def from_seed(walk: Callable[[], None], seed: int) -> None:
    """Lead a test of Hypothesis through what follows from a seed, and shrink what fails."""
    terms = settings(max_examples=DAYS, database=None, derandomize=False, deadline=None, suppress_health_check=SLOW)
    hypothesis.seed(seed)(terms(walk))()


HUNTERS: Mapping[str, Hunter] = {
    "world": hunt_in_world,
    "trimmed": hunt_in_trimmed_world,
    "operation": hunt_in_operations,
    "book": hunt_in_book,
    "crowd": hunt_in_crowd,
    "venue": hunt_in_venue,
    "trouble": hunt_in_trouble,
    "delivery": hunt_in_delivery,
}


# The hunt.


def hunt(
    quarry: Iterator[tuple[str, int]],
    tell: Callable[[Met, list[Find]], None],
    hunters: Mapping[str, Hunter] = HUNTERS,
) -> tuple[Met, list[Find]]:
    """Try every (kind, seed) there is; what was met, and what failed. `tell` hears of both after each."""
    met: Met = Counter()
    finds: list[Find] = []
    for kind, seed in quarry:
        try:
            met += hunters[kind](seed)
        except KeyboardInterrupt:
            break
        except BaseException as error:
            finds.append(Find(kind, seed, "".join(traceback.format_exception(error))))
            print(f"FAILED {kind} {seed}\n{finds[-1].report}  again: {finds[-1].again}", flush=True)
        tell(met, finds)
    return met, finds


def seeds_from(first: int, kinds: Sequence[str], minutes: float) -> Iterator[tuple[str, int]]:
    """One kind after the other, each with a seed of its own, until the time is over."""
    end_s = time.monotonic() + 60 * minutes
    chosen = random.Random(first)
    for kind in cycle(kinds):
        if time.monotonic() >= end_s:
            return
        yield kind, chosen.getrandbits(SEED_BITS)


@contextmanager
def told(minutes: float) -> Iterator[Callable[[Met, list[Find]], None]]:
    """A bar where there is a terminal; else a line from time to time."""
    began_s = told_s = time.monotonic()
    with progress_steps() as draw:

        def tell(met: Met, finds: list[Find]) -> None:
            nonlocal told_s
            now_s = time.monotonic()
            line = f"{met['worlds']} worlds, {met['commands']:,} commands, {len(finds)} failures"
            draw(line, int(now_s - began_s), int(60 * minutes))
            if not sys.stderr.isatty() and now_s - told_s >= TELL_EVERY_S:
                told_s = now_s
                print(f"{now_s - began_s:6.0f} s  {line}", flush=True)

        yield tell


def summary(met: Met, finds: list[Find]) -> str:
    """What there was, the whole first, then what went wrong on the way, then what must not have."""
    wholes = [name for name in WHOLES if met[name]]
    lines = [f"{met[name]:>12,}  {name}" for name in (*wholes, *sorted(met.keys() - set(wholes)))]
    lines += [f"{len(finds):>12,}  failures", *(f"{'':12}  {find.again}" for find in finds)]
    return "\n".join(lines)


@app.command()
def main(
    minutes: Annotated[float, typer.Option(help="How long to go on.")] = 10.0,
    seed: Annotated[int | None, typer.Option(help="What all other seeds follow from; by chance if not given.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help=f"Only this: {', '.join(HUNTERS)}.")] = None,
    again: Annotated[str | None, typer.Option(help="One find once more, as KIND:SEED.")] = None,
) -> None:
    """Hunt for faults, and tell what was found."""
    warm_up()
    if again is not None:
        found_kind, _, found_seed = again.partition(":")
        quarry = iter([(found_kind, int(found_seed))])
    else:
        first = secrets.randbits(SEED_BITS) if seed is None else seed
        print(f"seed {first}", flush=True)
        quarry = seeds_from(first, kind or [*HUNTERS], minutes)
    with told(minutes) as tell:
        met, finds = hunt(quarry, tell)
    print(summary(met, finds))
    raise typer.Exit(1 if finds else 0)


if __name__ == "__main__":
    app()
