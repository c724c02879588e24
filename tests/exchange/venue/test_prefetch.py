"""Look-ahead of risk has no effect on any result, whatever it has noted."""

import numpy as np
import pytest

from exchange.bench import venue as bench
from exchange.bench.flow import Owners, to_commands
from exchange.venue.prefetch import ENTRY_AHEAD
from exchange.venue.schema import ORDER_EVENT
from load_tests.flow import make_flow
from matching.schema import EventKind
from risk.schema import NOTED, RECENT

OPERATIONS = 16_000
FEW, MANY = 1, 60
"""Instruments: with a thousand accounts, fewer positions than are noted as used last, and more."""


@pytest.fixture(autouse=True)
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "ORDERS_AHEAD", 1 << 10)


def commands_of(instruments: int) -> np.ndarray:
    """New orders, cancels and replaces of orders that may be gone."""
    flow = make_flow(OPERATIONS, instruments, seed=5)
    new = flow[flow["kind"] == 1]
    return bench.for_venue(to_commands(flow, Owners(new["order_id"], new["account_id"])))


def events_of(commands: np.ndarray, instruments: int, batch: int, *, disturb: bool = False) -> tuple[np.ndarray, int]:
    """All events, and how many positions there are in the end. Disturbed, what is noted is of other positions."""
    venue, sequence = bench.open_venue(instruments)
    random = np.random.default_rng(7)
    parts = []
    for first in range(0, len(commands), batch):
        if disturb:
            ledger = venue.state.ledger
            ledger.noted[:] = random.integers(0, int(ledger.totals[0]["fresh_position"]), NOTED)
            ledger.tags[:] = random.integers(0, 1 << 32, NOTED)
        parts.append(venue.apply(commands[first : first + batch], sequence + first))
    return np.concatenate(parts), int(venue.state.ledger.totals[0]["live_positions"])


@pytest.mark.parametrize("instruments", [FEW, MANY])
def test_batches_of_any_size_give_the_same_events(instruments: int) -> None:
    commands = commands_of(instruments)
    expected, positions = events_of(commands, instruments, len(commands))
    assert (positions > RECENT) == (instruments == MANY)
    assert {EventKind.RESTED, EventKind.TRADE, EventKind.CANCELLED} <= set(expected["kind"].tolist())
    for batch in (1, ENTRY_AHEAD + 1, 500):
        assert events_of(commands, instruments, batch)[0].tobytes() == expected.tobytes()
    assert expected.dtype == ORDER_EVENT


@pytest.mark.parametrize("instruments", [FEW, MANY])
@pytest.mark.parametrize("batch", [1, 100])
def test_notes_of_other_positions_mislead_nobody(instruments: int, batch: int) -> None:
    commands = commands_of(instruments)
    expected, _ = events_of(commands, instruments, len(commands))
    assert events_of(commands, instruments, batch, disturb=True)[0].tobytes() == expected.tobytes()
