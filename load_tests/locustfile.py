"""The market under load, for Locust: `locust -f load_tests/locustfile.py --operator-key key.json`.

docs/load.md has a command for each way to run it. Who takes part is in load_tests/participants/.
"""

import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import gevent
import orjson
from locust import LoadTestShape, events
from locust.env import Environment
from locust.runners import WorkerRunner

from gateway.client import Client
from load_tests import courses
from load_tests.limits import KINDS, SLOW, Limits, Totals, broken_limits, told
from load_tests.participants.abusers import Abuser
from load_tests.participants.dashboards import SlowDashboard
from load_tests.participants.makers import BinaryMaker, JsonMaker
from load_tests.participants.providers import Provider
from load_tests.participants.scene import Operator
from load_tests.participants.storms import Reconnecter
from load_tests.participants.takers import Taker
from load_tests.participants.user import STAGE, MarketUser
from load_tests.target import OPTION, refusal_of

DEFAULT_HOST = "http://127.0.0.1:8080"
COURSES = ("steady", "ramp", "gate", "day")
COURSE_S = 300.0
"""How long a course takes that is given no time."""
FAILED = 1
GATES_WAIT_S = 10.0
GATES_AGE_S = 30.0


class Makers(MarketUser):
    """Market makers with mass quotes as JSON."""

    participant, weight = JsonMaker, 3


class BinaryMakers(MarketUser):
    """Market makers on the binary lane."""

    participant, weight = BinaryMaker, 3


class Takers(MarketUser):
    """Takers."""

    participant, weight = Taker, 6


class Providers(MarketUser):
    """Providers with schedules."""

    participant, weight = Provider, 2


class Dashboards(MarketUser):
    """Slow readers."""

    participant, weight = SlowDashboard, 3


class Storms(MarketUser):
    """Reconnect storms."""

    participant, weight = Reconnecter, 1


class Abusers(MarketUser):
    """Malformed requests, and too many."""

    participant, weight = Abuser, 2


@events.init_command_line_parser.add_listener
def add_options(parser: ArgumentParser) -> None:
    """What this load needs to know beside Locust's own options."""
    group = parser.add_argument_group("market")
    group.add_argument("--operator-key", metavar="FILE", help="JSON with key_id and secret of an administrator's key")
    group.add_argument(OPTION, metavar="HOST", help="send load to this host, which is not this machine")
    group.add_argument("--course", choices=COURSES, default="steady", help="how many users there are as time goes on")
    group.add_argument("--error-ratio-max", type=float, default=0.001, help="fail if a larger share of requests failed")
    group.add_argument("--p99-ms-max", type=float, default=500, help="fail if the p99 of requests was longer")
    group.add_argument("--push-p99-ms-max", type=float, default=500, help="fail if the p99 of pushes was longer")
    parser.set_defaults(host=DEFAULT_HOST, web_host="127.0.0.1", master_bind_host="127.0.0.1")


@events.init.add_listener
def begin(environment: Environment, **_: Any) -> None:
    """Refuse a foreign host before anything is sent, and hand on what is seen."""
    refusal = refusal_of(environment.host or DEFAULT_HOST, _options(environment).beyond_loopback)
    if refusal is not None:
        print(f"load: {refusal}", file=sys.stderr)
        sys.exit(2)
    gevent.spawn(STAGE.drain_for_ever, environment)


@events.test_start.add_listener
def open_scene(environment: Environment, **_: Any) -> None:
    """A host may have been typed into the web page since the start: it is refused here."""
    host = environment.host or DEFAULT_HOST
    refusal = refusal_of(host, _options(environment).beyond_loopback)
    try:
        operator = read_operator(_options(environment).operator_key)
    except (OSError, ValueError, KeyError, TypeError) as error:
        refusal = refusal or f"--operator-key: {error}: `bwx keys create load --role admin` makes such a key"
    if refusal is not None:
        print(f"load: {refusal}", file=sys.stderr)
        environment.process_exit_code = 2
        assert environment.runner is not None
        environment.runner.quit()
    else:
        STAGE.prepare(host, operator)


@events.quitting.add_listener
def judge(environment: Environment, **_: Any) -> None:
    """Say what came of it, and fail the process if a limit was broken; a worker leaves that to its master."""
    STAGE.drain(environment)
    STAGE.native.stop()
    if isinstance(environment.runner, WorkerRunner) or environment.process_exit_code:
        return
    options = _options(environment)
    limits = Limits(options.error_ratio_max, options.p99_ms_max, options.push_p99_ms_max)
    stats = environment.stats
    by_kind = {kind: STAGE.latencies.of_kind(kind) for kind in (*KINDS, SLOW)}
    names = [entry.name for entry in stats.entries.values() if entry.num_requests]
    totals = Totals(stats.total.num_requests, stats.total.num_failures, by_kind, names)
    print("\nlatencies in ms, by our own histograms", *told(by_kind), sep="\n  ", file=sys.stderr)
    broken = broken_limits(limits, totals, _who_must_come(environment))
    for sentence in broken:
        print(f"load: {sentence}", file=sys.stderr)
    environment.process_exit_code = FAILED if broken else 0


def _who_must_come(environment: Environment) -> list[str]:
    """Whom so many users bring, by their weights; with few users some may stay away."""
    kinds = [kind for kind in environment.user_classes if issubclass(kind, MarketUser)]
    if (_options(environment).num_users or 0) < sum(kind.weight for kind in kinds):
        return []
    return [kind.participant.who for kind in kinds]


class Course(LoadTestShape):
    """The course that `--course` names, with Locust's own options for how many come, how fast, and for how long."""

    use_common_options = True

    def __init__(self) -> None:
        super().__init__()
        self._gates_s: list[float] = []
        self._gates_until_s = 0.0
        self._day = courses.day_factors()

    def tick(self) -> tuple[int, float] | None:
        """How many users now, and how fast they come; None in the end."""
        assert self.runner is not None
        options, elapsed_s = _options(self.runner.environment), self.get_run_time()
        length_s, most = options.run_time or (None if options.course == "steady" else COURSE_S), options.num_users or 1
        if length_s is not None and elapsed_s > length_s:
            return None
        return self._users(options.course, elapsed_s, length_s or COURSE_S, most), options.spawn_rate or 1.0

    def _users(self, course: str, elapsed_s: float, length_s: float, most: int) -> int:
        if course == "steady":
            return most
        if course == "ramp":
            return courses.ramp(elapsed_s, length_s, most)
        if course == "gate":
            return courses.gate_burst(time.time(), self._gates(), most)
        return courses.trading_day(elapsed_s, length_s, most, self._day)

    def _gates(self) -> list[float]:
        """The gates ahead, asked for now and then."""
        if time.monotonic() >= self._gates_until_s:
            assert self.runner is not None
            host = self.runner.environment.host or DEFAULT_HOST
            self._gates_s = STAGE.native.ask(lambda: _gates_of(host), GATES_WAIT_S)
            self._gates_until_s = time.monotonic() + GATES_AGE_S
        return self._gates_s


async def _gates_of(host: str) -> list[float]:
    async with Client(host) as client:
        return [each.gate_closure.timestamp() for each in await client.instruments(state="open")]


def read_operator(path: str | None) -> Operator:
    """The key of an administrator. Raises OSError, ValueError and KeyError."""
    if path is None:
        raise ValueError("it is missing")
    told_key = orjson.loads(Path(path).read_bytes())
    return Operator(told_key["key_id"], told_key["secret"])


def _options(environment: Environment) -> Any:
    assert environment.parsed_options is not None
    return environment.parsed_options
