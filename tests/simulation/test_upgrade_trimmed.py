"""Trimmed stores of an earlier engine: the anchor stays, and so does the base for as long as it is needed."""

from pathlib import Path

import apsw
import pytest

from exchange import commands
from exchange.backup import copy_store, stopped_store
from exchange.journal import Journal
from exchange.service import Exchange
from exchange.store_errors import JournalCorrupt
from exchange.upgrade import upgrade
from exchange.verification import verify
from tests.exchange.trimmed import trim_all
from tests.simulation.test_upgrade import alter, open_at_its_time, unpacked
from tests.simulation.traffic import LIMITS

ENGINE = "7"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Of older rules, with the rows of its first half gone."""
    directory = unpacked(ENGINE, tmp_path)
    with Journal.open(directory, rules_version=None) as journal:
        trim_all(journal, journal.last_sequence // 2)
        assert journal.first_sequence > 1
    return directory


def beginning(directory: Path) -> tuple[int, list[int]]:
    """The first sequence, and where there are bases."""
    with Journal.open(directory, rules_version=None, create=False) as journal:
        return journal.first_sequence, journal.bases()


def bases_in_file(directory: Path) -> list[int]:
    connection = apsw.Connection(str(directory / "journal.db"))
    found = [sequence for (sequence,) in connection.execute("SELECT first_sequence FROM bases")]
    connection.close()
    return found


async def trade_and_trim(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Exchange:
    """Batches and snapshots, until the rows of the older rules and the first of the new ones are gone."""
    exchange = await open_at_its_time(directory, monkeypatch, keep_ns=0)
    for _ in range(200):
        await exchange.submit(commands.halt_market())
        await exchange._saving
    await exchange.close()
    return exchange


def test_an_upgrade_keeps_the_anchor_and_begins_with_its_base(store):
    first_sequence, _ = beginning(store)
    upgraded = upgrade(store, LIMITS)
    assert beginning(store) == (first_sequence, [upgraded.sequence + 1])
    verdict = verify(store, LIMITS)
    assert verdict.faults == []
    assert (verdict.first_sequence, verdict.replayed_from) == (first_sequence, upgraded.sequence + 1)
    (notice,) = [each for each in verdict.notices if "cannot be proved" in each]
    assert f"begins at sequence {first_sequence}" in notice
    assert not any("taken at its word" in each for each in verdict.notices)


async def test_without_any_snapshot_a_trimmed_and_upgraded_store_is_recovered_from_its_base(store, monkeypatch):
    upgrade(store, LIMITS)
    (store / "snapshots.db").unlink()
    exchange = await open_at_its_time(store, monkeypatch)
    assert exchange.view.accounts
    await exchange.close()
    assert verify(store, LIMITS).faults == []


def test_a_base_that_is_missing_from_a_trimmed_store_is_refused_by_name(store):
    upgrade(store, LIMITS)
    alter(store / "journal.db", "DELETE FROM bases")
    (fault,) = verify(store, LIMITS).faults
    assert "damaged from sequence" in fault


def test_a_damaged_row_before_the_upgrade_is_found_by_it(store):
    first_sequence, _ = beginning(store)
    alter(store / "journal.db", "UPDATE journal SET time_ns = time_ns + 1 WHERE first_sequence = ?", first_sequence)
    with pytest.raises(JournalCorrupt, match=f"sequence {first_sequence} on"):
        upgrade(store, LIMITS)


async def test_a_base_is_left_out_once_its_row_is_gone_and_removed_when_new_rules_begin(store, monkeypatch, tmp_path):
    upgraded = upgrade(store, LIMITS)
    exchange = await trade_and_trim(store, monkeypatch)
    assert exchange.first_sequence > upgraded.sequence + 1
    assert beginning(store) == (exchange.first_sequence, [])
    assert bases_in_file(store) == [upgraded.sequence + 1]
    verdict = verify(store, LIMITS)
    assert (verdict.faults, verdict.first_sequence) == ([], exchange.first_sequence)
    assert verdict.state_digest == exchange._sequencer._venue.digest().hex()
    with stopped_store(store) as source:
        copy_store(source, tmp_path / "copy")
    assert verify(tmp_path / "copy", LIMITS).state_digest == verdict.state_digest
    wider = LIMITS._replace(orders=2 * LIMITS.orders)
    again = upgrade(store, wider)
    assert bases_in_file(store) == [again.sequence + 1]
    assert verify(store, wider).faults == []
