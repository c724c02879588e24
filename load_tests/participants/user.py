"""Participants as Locust users: their requests and pushes enter its statistics and its page, and histograms of our own.

A user is a face: the participant lives in the native thread, under the project's client. A user greenlet only looks
whether it is still there.
"""

from collections import defaultdict
from itertools import count
from typing import Any, ClassVar

import gevent
from locust import User, constant, events, task
from locust.env import Environment

from load_tests.histogram import Histogram
from load_tests.participants.native import NativeLoop, Running
from load_tests.participants.participant import Participant
from load_tests.participants.scene import Operator, Scene
from load_tests.participants.timed import Observation, Recorder

DRAIN_S = 0.05
LOOK_S = 0.25
ENDED_S = 5.0
MESSAGE = "bwx_latencies"


class FailedObservation(Exception):  # noqa: N818 - named for what it is
    """How Locust is told of a failure; `str` is the name of the refusal."""


class Latencies:
    """A histogram for each (kind, name), and what of them the master has not been told."""

    def __init__(self) -> None:
        self.of: defaultdict[tuple[str, str], Histogram] = defaultdict(Histogram)

    def add(self, seen: Observation) -> None:
        """Count one."""
        self.of[seen.kind, seen.name].add(seen.latency_ns)

    def of_kind(self, kind: str) -> Histogram:
        """All latencies of a kind together."""
        together = Histogram()
        for (each, _), histogram in self.of.items():
            if each == kind:
                together.merge(histogram.row())
        return together

    def take(self) -> list[tuple[str, str, dict[str, int]]]:
        """All that was counted, as a worker tells it; what is counted next starts from nothing."""
        rows = [(kind, name, histogram.row()) for (kind, name), histogram in self.of.items()]
        self.of.clear()
        return rows

    def merge(self, rows: list[Any]) -> None:
        """What a worker has told."""
        for kind, name, row in rows:
            self.of[kind, name].merge(row)


class Stage:
    """What all users of one process share."""

    def __init__(self) -> None:
        self.native = NativeLoop()
        self.recorder = Recorder()
        self.latencies = Latencies()
        self._scene: Scene | None = None
        self._numbers = count()

    def prepare(self, url: str, operator: Operator) -> None:
        """Where users come to from now on."""
        self._scene = Scene(url, operator, self.recorder)

    def enter(self, kind: type[Participant]) -> Running[None]:
        """Let a participant live."""
        scene, number = self._scene, next(self._numbers)
        assert scene is not None, "a user comes before the test has begun"
        return self.native.start(lambda: kind(scene, number).live())

    def drain(self, environment: Environment) -> None:
        """Hand what was seen to Locust."""
        for seen in self.recorder.take():
            self.latencies.add(seen)
            environment.events.request.fire(
                request_type=seen.kind,
                name=seen.name,
                response_time=seen.latency_ns / 1e6,
                response_length=0,
                exception=None if seen.failure is None else FailedObservation(seen.failure),
                context={},
            )

    def drain_for_ever(self, environment: Environment) -> None:
        """The greenlet that does so."""
        while True:
            self.drain(environment)
            gevent.sleep(DRAIN_S)


STAGE = Stage()


class MarketUser(User):
    """A Locust user with a participant of the exchange behind it; a kind names which."""

    abstract = True
    participant: ClassVar[type[Participant]]
    wait_time = constant(LOOK_S)

    def on_start(self) -> None:
        """Come to the market."""
        self._running = STAGE.enter(self.participant)

    def on_stop(self) -> None:
        """Leave it."""
        STAGE.native.cancel(self._running)
        STAGE.native.wait([self._running], ENDED_S)

    @task
    def live(self) -> None:
        """Be there. A participant that died is a bug of it, and is told as one."""
        if self._running.is_done and self._running.error is not None:
            error = self._running.error
            STAGE.recorder.note("socket", f"{self.participant.who}: died", 0, repr(error))
            self._running = STAGE.enter(self.participant)


def tell_master(client_id: str, data: dict[str, Any]) -> None:
    """A worker's histograms go with its statistics."""
    data[MESSAGE] = STAGE.latencies.take()


def hear_worker(client_id: str, data: dict[str, Any]) -> None:
    """The master adds them up."""
    STAGE.latencies.merge(data.get(MESSAGE, []))


events.report_to_master.add_listener(tell_master)
events.worker_report.add_listener(hear_worker)
