"""What a journal says happened, by replaying it from its first row: for comparison with what was acknowledged."""

from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path

import numpy as np

from exchange.commands import client_key
from exchange.journal import Journal
from exchange.published import Published
from exchange.recovery import replay
from exchange.venue.machine import Venue
from exchange.venue.schema import Command, Event
from exchange.view import MarketView
from tests.simulation.traffic import LIMITS, Answer, CommandId

KINDS_WITH_CLIENT_ID = (
    *(Command.PLACE, Command.CANCEL, Command.REPLACE, Command.DEPOSIT, Command.WITHDRAW),
    *(Command.MASS_CANCEL, Command.MASS_QUOTE, Command.BASKET),
)


class Audit:
    """A second venue, fed with what is durable; it goes on from where it stopped."""

    def __init__(self) -> None:
        self.venue = Venue(LIMITS)
        self.view = MarketView()
        self._answers: dict[tuple[int, int, int], Answer] = {}
        self._expected_views: dict[int, str] = {}

    def read(self, directory: Path, *, accept_missing_head: bool = False) -> None:
        """Take in all rows that the journal has got since the last time. Raises the store's errors."""
        with Journal.open(
            directory, rules_version=LIMITS.rules_version(), create=False, accept_missing_head=accept_missing_head
        ) as journal:
            for published in replay(self.venue, journal, self.view.sequence + 1):
                self.take(published)

    def take(self, published: Published) -> None:
        """Take in one row: what it repeats is as it was, and what it does under a client id it does the first time."""
        assert published.first_sequence == self.view.sequence + 1
        assert published.time_ns >= self.view.time_ns, "venue time went back"
        self.view.apply(published)
        self._compare_view()
        has_client_id = published.commands["client_id_high"] | published.commands["client_id_low"] != 0
        named = np.flatnonzero(has_client_id & np.isin(published.commands["kind"], KINDS_WITH_CLIENT_ID))
        sequences = (published.first_sequence + named).astype(np.uint64)
        ends = np.searchsorted(published.events["sequence"], sequences, "right").tolist()
        names = published.commands[named][["account_id", "client_id_high", "client_id_low"]].tolist()
        for name, end in zip(names, ends, strict=True):
            answer, is_repeat = Answer.of(published.events[end - 1 : end])
            if is_repeat:
                assert self._answers[name] == answer, "a retry was answered otherwise than the first time"
            else:
                assert name not in self._answers, f"a command took effect twice: {self._answers[name]}, {answer}"
                self._answers[name] = answer

    def expect_view(self, sequence: int, digest: str) -> None:
        """A recovery showed readers a view with this digest; it is compared as soon as the replay is there."""
        assert sequence >= self.view.sequence, "sequences do not continue"
        self._expected_views[sequence] = digest
        self._compare_view()

    def answer(self, which: CommandId) -> Answer | None:
        """What became of a command, or None if the journal does not have it."""
        return self._answers.get((which.account_id, *client_key(which.client_id)))

    def missing(self, acknowledged: Mapping[CommandId, Answer]) -> list[CommandId]:
        """Commands that were acknowledged, and of which the journal knows nothing."""
        return [which for which in acknowledged if self.answer(which) is None]

    def check(self, acknowledged: Mapping[CommandId, Answer]) -> None:
        """Every acknowledged command has the outcome that was told, and readers find its order."""
        assert self.missing(acknowledged) == []
        for which, told in acknowledged.items():
            assert self.answer(which) == told, which
            if told.kind != Event.REJECTED and told.order_id == told.sequence:
                order = self.view.order(told.order_id)
                assert order is not None
                assert (order.account_id, order.client_id) == (which.account_id, which.client_id)
                assert self.view.order_by_client_id(which.account_id, which.client_id) == order

    def _compare_view(self) -> None:
        expected = self._expected_views.pop(self.view.sequence, None)
        if expected is not None:
            self.view.set_figures(self.venue.figures_of_all())
            assert digest_of_view(self.view) == expected, "recovery shows another market than the replay"


def digest_of_view(view: MarketView) -> str:
    """A digest of all that readers can ask for."""
    return blake2b(view.dump()).hexdigest()
