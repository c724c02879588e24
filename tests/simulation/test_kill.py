"""An exchange killed at random moments under load, again and again on one store, losing what was not synced each time.

Every acknowledged command must be there after the restart with the outcome that was told, and no command may take
effect twice. `BWX_SIM_KILLS` says how many kills under load there are; the moments follow from the seeds, as far as two
processes that race can repeat themselves.
"""

import json
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from math import ceil
from pathlib import Path

import pytest

from exchange.journal import HEAD_FILE
from exchange.store_errors import JournalShorterThanHead
from exchange.verification import verify
from tests.simulation.audit import Audit
from tests.simulation.kill_child import IN_FLIGHT_MAX, Life
from tests.simulation.traffic import LIMITS, Answer, CommandId

KILLS = int(os.environ.get("BWX_SIM_KILLS", "50"))
KILLS_PER_STORE = 25
KILLS_PER_CHECK = 5
KILLS_UNTIL_A_MEND_MAX = 100
LOAD_S_MAX = 0.3
EARLY_STEP_S = 0.01
ACKNOWLEDGED_RETRIES = 20
START_S_MAX = 600
"""Long enough to compile the kernels on a slow machine."""
LIFE_S_MAX = 60
REPOSITORY = Path(__file__).parents[2]
# A library that keeps threads of its own would make the forks of the child unsafe.
ENVIRONMENT = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


class Killer:
    """Starts lives in a process that forks them, and kills each one at its moment."""

    def __init__(self, errors: Path) -> None:
        self._errors = errors
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.simulation.kill_child"],
            cwd=REPOSITORY,
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors.open("w"),
        )
        self._unread = b""
        assert self._report(START_S_MAX) == ["ready"], self._errors.read_text()

    def end(self, life: Life, after: str, delay_s: float) -> list[list[str]]:
        """Live one life, and kill it some time after it reports `after`; all that it reported."""
        self._process.stdin.write(f"{json.dumps(asdict(life))}\n".encode())
        self._process.stdin.flush()
        reports: list[list[str]] = []
        moment: float | None = None
        while not reports or reports[-1][0] != "ended":
            wait_s = LIFE_S_MAX if moment is None else max(moment - time.monotonic(), 0)
            report = self._report(wait_s)
            if report is not None:
                reports.append(report)
                if report[0] == after:
                    moment = time.monotonic() + delay_s
            else:
                assert moment is not None, f"nothing happened for {wait_s} s\n{self._errors.read_text()}"
                os.kill(int(reports[0][1]), signal.SIGKILL)
                moment = None
        assert reports[-1] == ["ended", str(-signal.SIGKILL)], f"it died by itself\n{self._errors.read_text()}"
        return reports

    def close(self) -> None:
        """End the process that forks; a child that a failed test left behind ends by its next report."""
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(LIFE_S_MAX)

    def _report(self, wait_s: float) -> list[str] | None:
        """The next whole line, or None if there is none in time."""
        until = time.monotonic() + wait_s
        while b"\n" not in self._unread:
            readable, _, _ = select.select([self._process.stdout], [], [], max(until - time.monotonic(), 0))
            if not readable:
                return None
            chunk = os.read(self._process.stdout.fileno(), 1 << 16)
            assert chunk, f"the process that forks is gone\n{self._errors.read_text()}"
            self._unread += chunk
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode().split()


class Store:
    """One directory through many lives, and what was acknowledged in them."""

    def __init__(self, directory: Path, seed: int, killer: Killer) -> None:
        self.directory = directory
        self.seed = seed
        self.mode = ("drop", "tear")[seed % 2]
        self.random = random.Random(seed)
        self.acknowledged: dict[CommandId, Answer] = {}
        self.unanswered: list[CommandId] = []
        self.late_answers = 0
        self.mended = 0
        self.snapshots_compared = 0
        self._killer = killer
        self._epoch_ns = time.time_ns()
        self._lives = 0
        self._audit = Audit()

    def live(self, after: str, delay_s: float, synchronous: str = "FULL") -> bool:
        """Live once more until killed; whether it came to trading."""
        retries = [*self.unanswered, *self._some_acknowledged()]
        life = Life(self._lives, str(self.directory), self.seed, self._epoch_ns, self.mode, synchronous, retries)
        self._lives += 1
        before = len(self.acknowledged)
        reports = self._killer.end(life, after, delay_s)
        for report in reports:
            if report[0] == "recovered":
                self._audit.expect_view(int(report[1]), report[2])
                self.mended += int(report[3])
            elif report[0] == "answer":
                number, index, is_repeat, *answer = map(int, report[1:])
                self._learn(CommandId(number, index), Answer(*answer), bool(is_repeat), life)
        has_traded = ["trading"] in reports
        self._find_unanswered(life, has_traded)
        news = len(self.acknowledged) - before
        print(f"seed {self.seed}, life {life.number}: {news} acknowledged, killed {delay_s:.4f} s after {after!r}")
        return has_traded

    def check(self) -> None:
        """Replay the journal: nothing acknowledged is missing or different, nothing happened twice, the chain holds."""
        self._audit.read(self.directory)
        self._audit.check(self.acknowledged)
        verdict = verify(self.directory, LIMITS)
        assert verdict.faults == []
        assert verdict.records == self._audit.view.sequence
        assert verdict.state_digest == self._audit.venue.digest().hex()
        self.snapshots_compared += verdict.snapshots_compared

    def missing(self) -> list[CommandId]:
        """What was acknowledged and is gone, once the head no longer tells of it."""
        (self.directory / HEAD_FILE).unlink()
        self._audit.read(self.directory, accept_missing_head=True)
        return self._audit.missing(self.acknowledged)

    def _some_acknowledged(self) -> list[CommandId]:
        lately = list(self.acknowledged)[-1_000:]
        return self.random.sample(lately, min(len(lately), ACKNOWLEDGED_RETRIES))

    def _learn(self, which: CommandId, answer: Answer, is_repeat: bool, life: Life) -> None:
        """An answer that was given before is given again; a new command is answered for the first time."""
        if which in self.acknowledged:
            assert is_repeat, f"{which} took effect once more"
            assert answer == self.acknowledged[which], which
            return
        assert not is_repeat or which.life != life.number, f"{which} is new, and yet was answered as a retry"
        self.late_answers += is_repeat
        self.acknowledged[which] = answer

    def _find_unanswered(self, life: Life, has_traded: bool) -> None:
        """Commands that the child may have sent: of those in flight, nobody knows which."""
        asked = [CommandId(*retry) for retry in life.retries]
        if has_traded:
            newest = max((which.index for which in self.acknowledged if which.life == life.number), default=-1)
            asked += [CommandId(life.number, index) for index in range(newest + 1 + IN_FLIGHT_MAX)]
        self.unanswered = [which for which in dict.fromkeys(asked) if which not in self.acknowledged]


@pytest.fixture(scope="module")
def killer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killer]:
    """One process for all lives."""
    killer = Killer(tmp_path_factory.mktemp("killer") / "errors")
    yield killer
    killer.close()


@pytest.mark.parametrize("seed", range(ceil(KILLS / KILLS_PER_STORE)))
def test_no_kill_loses_or_repeats_what_was_acknowledged(seed, tmp_path, killer):
    store = Store(tmp_path, seed, killer)
    killed_early = 0
    for check in range(1, 1 + KILLS_PER_STORE // KILLS_PER_CHECK):
        killed_early += not store.live("started", store.random.uniform(0, EARLY_STEP_S * check))
        for _ in range(KILLS_PER_CHECK):
            assert store.live("trading", store.random.uniform(0, LOAD_S_MAX))
        store.check()
    for _ in range(KILLS_UNTIL_A_MEND_MAX):  # On a busy machine few kills fall between a commit and its head.
        if store.mended:
            break
        assert store.live("trading", store.random.uniform(0, LOAD_S_MAX))
        store.check()
    print(f"{len(store.acknowledged)} acknowledged, {store.late_answers} durable, answered only after the restart")
    print(f"{killed_early} killed before trading, {store.mended} mends, {store.snapshots_compared} snapshots proved")
    assert killed_early > 0
    assert store.late_answers > 0
    assert store.mended > 0
    assert store.snapshots_compared > 0
    assert len(store.acknowledged) > 10 * KILLS_PER_STORE


@pytest.mark.parametrize("seed", [0, 2, 4])
def test_without_syncs_a_kill_loses_acknowledged_commands_and_the_head_notices(seed, tmp_path, killer):
    """The control: the same checks on storage that was never synced. All that they find missing was acknowledged."""
    store = Store(tmp_path, seed, killer)
    store.live("trading", store.random.uniform(0.1, LOAD_S_MAX))
    kept = set(store.acknowledged)
    store.live("trading", store.random.uniform(0.1, LOAD_S_MAX), synchronous="OFF")
    lost = {which for which in store.acknowledged if which.life == 1}
    with pytest.raises(JournalShorterThanHead):
        store.check()
    missing = set(store.missing())
    assert missing >= lost
    assert not missing & kept
    assert len(lost) > 10
