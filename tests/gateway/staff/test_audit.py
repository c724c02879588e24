"""The audit log: what is entered, that it stays, and who reads it."""

import stat

import apsw
import orjson
import pytest

from exchange.store_errors import StoreLocked, StoreUnreadable
from gateway.staff.audit import BODY_CHARACTERS_MAX, FILE_NAME, AuditLog, Deed
from tests.gateway.peer import connect

DEED = Deed(1_000, "key", 7, "127.0.0.1", "POST /v1/admin/halt", '{"symbol":null}', 200, "ok", 12)


def filled(directory, entries=3):
    log = AuditLog.open(directory)
    for n in range(entries):
        log.append(DEED._replace(sequence=n))
    log.close()


def test_entries_are_there_after_a_restart_the_newest_first_a_page_at_a_time(tmp_path):
    filled(tmp_path, 5)
    log = AuditLog.open(tmp_path)
    log.append(DEED._replace(sequence=5))
    assert [(each.entry, each.deed.sequence) for each in log.page(100, 2)[0]] == [(6, 5), (5, 4)]
    assert [each.entry for each in log.page(5, 100)[0]] == [4, 3, 2, 1]
    assert log.page(100, 1)[0][0].deed == DEED._replace(sequence=5)
    log.close()


def test_an_entry_cannot_be_changed_or_deleted(tmp_path):
    filled(tmp_path)
    connection = apsw.Connection(str(tmp_path / FILE_NAME))
    for statement in ("UPDATE audit SET account_id = 8", "DELETE FROM audit WHERE entry = 2"):
        with pytest.raises(apsw.ConstraintError, match="never"):
            connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET account_id = 8 WHERE entry = 2",
        "UPDATE audit SET outcome = 'ok2' WHERE entry = 3",
        "UPDATE audit SET hash = zeroblob(32) WHERE entry = 1",
        "DELETE FROM audit WHERE entry = 1",
        "DELETE FROM audit WHERE entry = 2",
        "UPDATE audit SET entry = 9 WHERE entry = 3",
    ],
)
def test_an_entry_that_was_altered_all_the_same_is_found_at_the_next_start(tmp_path, statement):
    filled(tmp_path)
    connection = apsw.Connection(str(tmp_path / FILE_NAME))
    connection.execute(f"DROP TRIGGER no_update; DROP TRIGGER no_delete; {statement}")
    connection.close()
    with pytest.raises(StoreUnreadable, match="altered or is missing"):
        AuditLog.open(tmp_path)


def test_the_table_is_the_owners_alone_and_one_opener_holds_it(tmp_path):
    log = AuditLog.open(tmp_path)
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600
    with pytest.raises(StoreLocked):
        AuditLog.open(tmp_path)
    log.close()


def test_a_long_body_is_cut_and_a_copy_is_whole(tmp_path):
    log = AuditLog.open(tmp_path / "store")
    log.append(DEED._replace(body="x" * (BODY_CHARACTERS_MAX + 1)))
    (tmp_path / "copy").mkdir()
    log.copy_to(tmp_path / "copy")
    copy = AuditLog.open(tmp_path / "copy")
    assert copy.page(100, 10) == log.page(100, 10)
    assert len(copy.page(100, 1)[0][0].deed.body) == BODY_CHARACTERS_MAX
    copy.close()
    log.close()


async def entries_of(doors, key, query=""):
    status, answer = await doors.ask("GET", f"/v1/admin/audit{query}", key)
    assert status == 200
    return answer["entries"], answer["next_cursor"]


async def test_what_administrators_do_and_try_is_entered_with_who_from_where_and_what_came_of_it(doors):
    root, trader = await doors.account("root", ("admin",)), await doors.account("alice")
    await doors.ask("POST", "/v1/admin/halt", root, {"symbol": doors.symbol})
    await doors.ask("POST", "/v1/admin/withdrawals", root, {"account": "alice", "amount": "99000000"})
    await doors.ask("DELETE", "/v1/admin/kill-switch/alice", trader)
    _, made = await doors.ask("POST", "/v1/keys", trader, {"scopes": ["read"]})
    await doors.ask("DELETE", f"/v1/keys/{made['key_id']}", trader)
    await doors.ask("GET", "/v1/admin/accounts/alice", root)
    await doors.ask("POST", "/v1/admin/halt", None, {"symbol": None})
    entries, _ = await entries_of(doors, root)
    told = [(row["account"], row["key_id"], row["action"], row["status"], row["outcome"]) for row in entries]
    assert told == [
        ("alice", trader.key_id, f"DELETE /v1/keys/{made['key_id']}", 200, "ok"),
        ("alice", trader.key_id, "POST /v1/keys", 201, "ok"),
        ("alice", trader.key_id, "DELETE /v1/admin/kill-switch/alice", 403, "role_missing"),
        ("root", root.key_id, "POST /v1/admin/withdrawals", 422, "insufficient_funds"),
        ("root", root.key_id, "POST /v1/admin/halt", 200, "ok"),
    ]
    halt = entries[-1]
    assert (halt["address"], orjson.loads(halt["body"])) == ("127.0.0.1", {"symbol": doors.symbol})
    assert 0 < halt["sequence"] <= doors.exchange.view.sequence
    assert made["secret"] not in str(entries)


async def test_entries_come_in_pages_to_administrators_alone(doors):
    root = await doors.account("root", ("admin",))
    for _ in range(5):
        await doors.ask("POST", "/v1/admin/resume", root, {"symbol": "gold"})
    first, cursor = await entries_of(doors, root, "?limit=3")
    rest, end = await entries_of(doors, root, f"?limit=3&cursor={cursor}")
    assert [row["entry"] for row in first + rest] == [5, 4, 3, 2, 1]
    assert end is None
    status, answer = await doors.ask("GET", "/v1/admin/audit", await doors.account("alice"))
    assert (status, answer["error"]["code"]) == (403, "role_missing")


async def test_a_flood_of_refused_attempts_does_not_fill_the_table(serve):
    async with serve(attempts_per_address_per_s=1, attempts_per_address_burst=5) as doors:
        trader, root = await doors.account("alice"), await doors.account("root", ("admin",))
        codes = [(await doors.ask("POST", "/v1/admin/halt", trader, {}))[1]["error"]["code"] for _ in range(30)]
        assert set(codes) == {"role_missing", "rate_limited"}
        entries, _ = await entries_of(doors, root)
        assert len(entries) == codes.count("role_missing") < 10


async def test_the_kill_switch_is_answered_where_nothing_can_be_written_down(doors):
    root = await doors.account("root", ("admin",))
    async with connect(doors, await doors.account("alice")) as peer:
        await peer.ask("place", symbol=doors.symbol, side="buy", price="0.03", quantity="1")
        doors.gateway.audit.close()
        status, answer = await doors.ask("POST", "/v1/admin/kill-switch", root, {"account": "alice"})
    assert (status, answer["cancelled"]) == (200, 1)
