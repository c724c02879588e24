"""Stores that earlier engines left behind, under the engine of today: refused by name, upgraded, and traded on."""

import shutil
import zipfile
from pathlib import Path

import apsw
import numpy as np
import orjson
import pytest

from exchange import commands, delivery_commands, forward
from exchange.journal import Journal
from exchange.recovery import unpack
from exchange.service import Exchange
from exchange.snapshots import SnapshotStore
from exchange.store_errors import JournalCorrupt, JournalOfOtherRules, StoreLocked, UpgradeRefused
from exchange.upgrade import upgrade
from exchange.venue.clearing.lifecycle import AllocationState
from exchange.venue.machine import Venue
from exchange.venue.schema import Command
from exchange.verification import verify
from exchange.view import MarketView
from matching.schema import ORDER_COMMAND, Side
from risk.contracts import UNKNOWN_SHOCKS_PERMILLE
from tests.exchange.view.markets import resting
from tests.simulation.storage import UnsyncedLoss
from tests.simulation.stores.make import CAPACITY_LOTS, write_store
from tests.simulation.traffic import LIMITS, NANO_PER_S, REFERENCE_TICKS, Answer
from tests.simulation.world import simulate

STORES = Path(__file__).parent / "stores"
ENGINES = ("1", "2", "3", "4", "5", "6", "7", "8")


@pytest.fixture(params=ENGINES)
def old_store(request, tmp_path):
    return unpacked(request.param, tmp_path)


@pytest.fixture
def store_of_engine_1(tmp_path):
    return unpacked("1", tmp_path)


def unpacked(engine: str, parent: Path) -> Path:
    directory = parent / "store"
    with zipfile.ZipFile(STORES / f"engine-{engine}.zip") as archive:
        archive.extractall(directory)
    return directory


def old_rules(directory: Path) -> str:
    return told(directory)["rules_version"]


def told(directory: Path) -> dict:
    return orjson.loads((directory / "told.json").read_bytes())


def alter(path: Path, statement: str, *bindings: object) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(statement, bindings)
    connection.close()


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


async def open_at_its_time(directory: Path, monkeypatch: pytest.MonkeyPatch, **options) -> Exchange:
    """The exchange half an hour after the epoch of the store."""
    simulate(monkeypatch).spend(1_800 * NANO_PER_S)
    return await Exchange.open(directory, limits=LIMITS, **options)


# Refused, with the way out.


async def test_a_store_of_an_older_engine_is_refused_with_the_way_out(old_store):
    with pytest.raises(JournalOfOtherRules, match="bwx upgrade") as refusal:
        await Exchange.open(old_store, limits=LIMITS)
    assert (refusal.value.found, refusal.value.expected) == (old_rules(old_store), LIMITS.rules_version())
    (fault,) = verify(old_store, LIMITS).faults
    assert "bwx upgrade" in fault


# Upgraded.


def test_an_upgraded_store_holds_the_same_market_and_says_where_it_began(old_store):
    before = told(old_store)
    upgraded = upgrade(old_store, LIMITS)
    assert (upgraded.from_rules, upgraded.to_rules) == (old_rules(old_store), LIMITS.rules_version())
    assert upgraded.sequence == before["sequence"]
    with Journal.open(old_store, rules_version=LIMITS.rules_version()) as journal:
        *_, last_old, first_new = journal.read(any_rules=True)
        assert last_old.hash.hex() == before["chain_hash"]
        assert (first_new.first_sequence, first_new.rules_version) == (upgraded.sequence + 1, LIMITS.rules_version())
        assert journal.bases() == [first_new.first_sequence]


async def test_an_upgraded_store_shows_what_it_showed_before_and_trades_on(old_store, monkeypatch):
    before = told(old_store)
    upgrade(old_store, LIMITS)
    exchange = await open_at_its_time(old_store, monkeypatch)
    assert exchange.view.trades == before["trades"]
    for account_id, (name, account) in enumerate(before["accounts"].items(), 1):
        assert exchange.view.accounts[account_id].name == name
        positions = exchange.view.positions(account_id)
        symbols = {exchange.view.tranches[each.instrument_id].symbol: [each.lots, each.cost_nano] for each in positions}
        assert symbols == account["positions"]
        balances = exchange.view.balances(account_id)
        assert (balances.cash_nano, balances.fees_nano) == (account["balances"]["cash_nano"], 0)
        assert balances.equity_nano - balances.cash_nano == sum(each.unsettled_nano for each in positions)
    open_orders = [order.order_id for order in resting(exchange.view)]
    assert sorted(open_orders) == before["open_orders"]
    order_id = open_orders[0]
    account_id = exchange.view.order(order_id).account_id
    await exchange.submit(commands.cancel(account_id, order_id=order_id))
    assert exchange.view.order(order_id).status == "cancelled"
    for side in (Side.SELL, Side.BUY):
        await exchange.submit(commands.place(1 + side, 4, side, REFERENCE_TICKS, 3))
    assert exchange.view.trades > before["trades"]
    await exchange.close()
    verdict = verify(old_store, LIMITS)
    assert (verdict.faults, verdict.replayed_from) == ([], before["sequence"] + 1)
    assert verdict.records == exchange.view.sequence
    assert verdict.state_digest == exchange._sequencer._venue.digest().hex()


async def test_after_an_upgrade_every_window_is_margined_as_if_it_were_just_listed(old_store, monkeypatch):
    upgrade(old_store, LIMITS)
    exchange = await open_at_its_time(old_store, monkeypatch)
    spread_ticks = REFERENCE_TICKS // 5
    for tranche in exchange.view.tranches.values():
        assert (tranche.mark_ticks, tranche.spread_ticks) == (REFERENCE_TICKS, spread_ticks)
    for account_id in exchange.view.accounts:
        assert exchange.view.balances(account_id).margin_nano == margin_of_lots(exchange.view, account_id)
    await exchange.close()


def margin_of_lots(view: MarketView, account_id: int) -> int:
    """What an account of one region requires, reckoned over all scenarios and windows at once, from its orders."""
    shocks_ticks = [REFERENCE_TICKS * permille // 1_000 for permille in UNKNOWN_SHOCKS_PERMILLE.tolist()]
    losses_nano = [0] * len(shocks_ticks)
    charges_nano = 0
    positions = {position.instrument_id: position for position in view.positions(account_id)}
    for tranche in view.tranches.values():
        value_nano = tranche.tick_value_nano
        lots = positions[tranche.instrument_id].lots if tranche.instrument_id in positions else 0
        open_lots = [0, 0]
        for order in view.open_orders(account_id):
            if order.instrument_id == tranche.instrument_id:
                open_lots[order.side] += order.leaves_lots
                sign = 1 if order.side == Side.BUY else -1
                adverse_ticks = max(sign * (order.price_ticks - REFERENCE_TICKS), 0)
                for at, shock_ticks in enumerate(shocks_ticks):
                    losses_nano[at] += order.leaves_lots * max(adverse_ticks - sign * shock_ticks, 0) * value_nano
        for at, shock_ticks in enumerate(shocks_ticks):
            losses_nano[at] -= lots * shock_ticks * value_nano
        most_lots = max(abs(lots + open_lots[Side.BUY]), abs(lots - open_lots[Side.SELL]))
        charges_nano += most_lots * tranche.spread_ticks * value_nano
    return max(losses_nano) + charges_nano


async def test_what_was_allocated_before_an_upgrade_is_delivered_after_it(tmp_path, monkeypatch):
    """Engine 5 left somebody who bought, a provider who sold it, and a reporter, right before the window."""
    store = unpacked("5", tmp_path)
    ((allocation_id, symbol, buyer_id, provider_id, lots, escrow_nano),) = told(store)["allocations"]
    upgrade(store, LIMITS)
    simulate(monkeypatch).spend(160 * NANO_PER_S)
    exchange = await Exchange.open(store, limits=LIMITS)
    shown = exchange.view.deliveries.by_id[allocation_id]
    found = (shown.symbol, shown.buyer_id, shown.provider_id, shown.lots, shown.escrow_nano)
    assert found == (symbol, buyer_id, provider_id, lots, escrow_nano)
    await exchange.submit(delivery_commands.provision(provider_id, allocation_id))
    assert shown.state == AllocationState.PROVISIONED
    assert {each.lots for each in exchange.view.capacities.values()} == {CAPACITY_LOTS}
    await exchange.close()
    assert verify(store, LIMITS).faults == []


async def test_a_retry_from_before_the_upgrade_gets_its_first_answer(old_store, monkeypatch):
    upgrade(old_store, LIMITS)
    with Journal.open(old_store, rules_version=LIMITS.rules_version(), create=False) as journal:
        rows = [np.frombuffer(row.payload, ORDER_COMMAND) for row in journal.read(any_rules=True)]
    simulate(monkeypatch).spend(60 * NANO_PER_S)
    exchange = await Exchange.open(old_store, limits=LIMITS)
    reply = await exchange.submit(last_order_with_client_id(np.concatenate(rows)))
    answer, is_repeat = Answer.of(reply.events[-1:])
    assert is_repeat
    assert answer.sequence <= told(old_store)["sequence"]
    await exchange.close()


def last_order_with_client_id(records: np.ndarray) -> np.ndarray:
    """The newest order of a journal that was sent with a client id, as it was sent."""
    named = (records["kind"] == Command.PLACE) & (records["continuations"] > 0) & (records["client_id_high"] != 0)
    at = int(np.flatnonzero(named)[-1])
    group = records[at : at + 1 + int(records[at]["continuations"])].copy()
    group["order_id"][0] = 0
    return group


async def test_without_any_snapshot_an_upgraded_store_is_recovered_from_its_base(old_store, monkeypatch):
    upgrade(old_store, LIMITS)
    first = await open_at_its_time(old_store, monkeypatch)
    await first.submit(commands.halt_market())
    await first.close()
    (old_store / "snapshots.db").unlink()
    second = await open_at_its_time(old_store, monkeypatch)
    assert second.view.market_halted
    assert second.view.sequence >= first.view.sequence
    assert second.view.accounts == first.view.accounts
    await second.close()


def test_upgrading_again_changes_nothing(old_store):
    upgrade(old_store, LIMITS)
    before = contents(old_store)
    again = upgrade(old_store, LIMITS)
    assert again.from_rules == again.to_rules
    assert contents(old_store) == before


def test_a_store_under_other_limits_is_upgraded_as_well_and_back(tmp_path):
    write_store(tmp_path)
    wider = LIMITS._replace(orders=2 * LIMITS.orders)
    assert upgrade(tmp_path, wider).to_rules == wider.rules_version()
    (tmp_path / "snapshots.db").unlink()
    assert verify(tmp_path, wider).faults == []


# Not upgraded.


def test_an_engine_that_this_program_does_not_read_is_refused(old_store, monkeypatch):
    monkeypatch.setattr("exchange.upgrade.READABLE_ENGINES", frozenset())
    before = contents(old_store)
    engine = old_rules(old_store).partition(":")[0]
    with pytest.raises(UpgradeRefused, match=f"does not read engine '{engine}'"):
        upgrade(old_store, LIMITS)
    assert contents(old_store) == before


@pytest.mark.parametrize("damage", ["missing", "stale", "half-written"])
def test_without_a_good_snapshot_at_the_end_the_store_is_not_upgraded(old_store, damage):
    path = old_store / "snapshots.db"
    sequence = told(old_store)["sequence"]
    if damage == "missing":
        path.unlink()
    elif damage == "stale":
        alter(path, "DELETE FROM snapshots WHERE sequence = ?", sequence)
    else:
        alter(path, "UPDATE snapshots SET payload = substr(payload, 1, 1000) WHERE sequence = ?", sequence)
    with pytest.raises(UpgradeRefused, match="start and stop the store once"):
        upgrade(old_store, LIMITS)
    with pytest.raises(JournalOfOtherRules):
        Journal.open(old_store, rules_version=LIMITS.rules_version())


def test_limits_too_small_for_the_market_are_refused(old_store):
    with pytest.raises(UpgradeRefused, match="does not fit"):
        upgrade(old_store, LIMITS._replace(orders=3))


@pytest.mark.parametrize(
    ("rows", "field", "factor", "reason"),
    [
        ("orders", "price_ticks", 33, r"order \d+ has a price above 32000 ticks"),
        ("orders", "leaves_lots", 1 << 40, r"account \d has too much at stake"),
        ("positions", "lots", -(1 << 40), r"account \d has too much at stake"),
    ],
)
def test_a_market_that_risk_cannot_reckon_with_is_not_upgraded(old_store, monkeypatch, rows, field, factor, reason):
    def altered(payload: bytes) -> tuple:
        stored, image, view = forward.read_image(payload)
        image[rows][field] *= factor
        return stored, image, view

    monkeypatch.setattr("exchange.upgrade.read_image", altered)
    before = contents(old_store)["journal.db"]
    with pytest.raises(UpgradeRefused, match=reason):
        upgrade(old_store, LIMITS)
    assert contents(old_store)["journal.db"] == before


def test_a_damaged_row_far_before_the_end_is_found_before_the_upgrade(old_store):
    alter(old_store / "journal.db", "UPDATE journal SET time_ns = time_ns + 1 WHERE first_sequence = 1")
    with pytest.raises(JournalCorrupt, match="sequence 1 "):
        upgrade(old_store, LIMITS)


def test_a_store_in_use_is_not_upgraded(old_store):
    with Journal.open(old_store, rules_version=old_rules(old_store)), pytest.raises(StoreLocked):
        upgrade(old_store, LIMITS)


# A base that is not as it was.


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE bases SET state = CAST(substr(state, 1, 3000) AS BLOB)",
        "UPDATE bases SET first_sequence = first_sequence + 1",
        "DELETE FROM bases",
        "DROP TABLE bases",
        "UPDATE bases SET state = 'text'",
    ],
)
def test_a_base_that_is_missing_or_altered_is_refused_by_name(old_store, statement):
    upgrade(old_store, LIMITS)
    alter(old_store / "journal.db", statement)
    (fault,) = verify(old_store, LIMITS).faults
    assert "damaged from sequence" in fault


def test_every_failing_change_leaves_the_store_upgraded_or_as_it_was(old_store, tmp_path):
    storage = UnsyncedLoss("upgrade", mode="tear", seed=31)
    directory = tmp_path / "whole"
    shutil.copytree(old_store, directory)
    upgrade(directory, LIMITS, vfs=storage.name)
    changes = storage.changes
    outcomes = set()
    for crash_at in range(1, changes + 1):
        directory = tmp_path / str(crash_at)
        shutil.copytree(old_store, directory)
        storage.power_loss()
        storage.crash_at(crash_at)
        try:
            upgrade(directory, LIMITS, vfs=storage.name)
        except Exception as error:
            outcomes.add(type(error).__name__)
        storage.power_loss()
        was_upgraded = upgrade(directory, LIMITS).from_rules != old_rules(old_store)
        outcomes.add(was_upgraded)
        assert verify(directory, LIMITS).faults == []
    assert outcomes >= {True, False, "JournalFailed"}


# Reading by name.


def test_a_market_without_windows_is_read_as_well(old_store):
    with SnapshotStore.open(old_store) as store:
        payload = bytes(next(store.newest_first()).payload)
    _, image, _ = forward.read_image(payload)
    assert len(image["contracts"]) == len(image["shocks"]) == len(image["tranches"]) > 0
    listed = forward._listed_contracts(image["tranches"][:0])
    assert [len(rows) for rows in listed.values()] == [0, 0]


def test_a_window_that_ended_keeps_its_reference_as_its_mark(old_store):
    with SnapshotStore.open(old_store) as store:
        _, image, dump = forward.read_image(bytes(next(store.newest_first()).payload))
    view = forward.read_view(dump)
    ended = view.tranches[1]
    ended.instrument_id = LIMITS.instruments + 1  # another window has its place by now
    forward.complete_view(view, Venue.from_image(image, LIMITS))
    assert ended.mark_ticks == REFERENCE_TICKS


@pytest.mark.parametrize("engine", ENGINES[:-1])
def test_records_that_lie_otherwise_are_not_taken_for_those_of_today(engine, tmp_path):
    with SnapshotStore.open(unpacked(engine, tmp_path)) as store:
        payload = bytes(next(store.newest_first()).payload)
    with pytest.raises(ValueError, match=r"header|layouts"):
        unpack(payload)


def test_fields_are_read_by_name_and_new_ones_are_zero(old_store, monkeypatch):
    with SnapshotStore.open(old_store) as store:
        payload = bytes(next(store.newest_first()).payload)
    _, image, _ = forward.read_image(payload)
    reordered = {name: list(reversed(layout.descr)) for name, layout in forward.LAYOUTS.items()}
    later = {name: [("novel", "<u8"), *fields] for name, fields in reordered.items()}
    monkeypatch.setattr(forward, "LAYOUTS", {name: forward.np.dtype(fields) for name, fields in later.items()})
    stored, moved, _ = forward.read_image(payload)
    assert forward.lost_fields(stored, moved) == []
    for name, rows in moved.items():
        assert not rows["novel"].any()
        assert all((rows[field] == image[name][field]).all() for field in image[name].dtype.names)
    moved["orders"]["price_ticks"][0] += 1
    assert forward.lost_fields(stored, moved) == ["orders.price_ticks"]


def test_rows_of_the_view_are_read_by_name_and_new_columns_are_blank(store_of_engine_1):
    with SnapshotStore.open(store_of_engine_1) as store:
        _, _, dump = forward.read_image(bytes(next(store.newest_first()).payload))
    with pytest.raises(ValueError, match="no dump of a market view"):
        MarketView.load(dump)
    view = forward.read_view(dump)
    assert sorted(order.order_id for order in resting(view)) == told(store_of_engine_1)["open_orders"]
    assert {(order.display_lots, order.label) for order in resting(view)} == {(0, 0)}
    assert MarketView.load(view.dump()).dump() == view.dump() == forward.read_view(view.dump()).dump()
