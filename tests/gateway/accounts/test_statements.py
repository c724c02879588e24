"""Statements at the doors: whose, of which day, in which form, a page at a time."""

import csv
import io
import threading
from decimal import Decimal

import pytest

from exchange.statements import desk
from exchange.statements.lines import Refusal
from exchange.statements.replay import work_out
from exchange.store_errors import StoreUnreadable
from gateway.client import RefusedError
from gateway.client.statements import StatementCalls
from gateway.encoding.fields import day_text
from tests.gateway.doors import CASH_NANO, Doors, signed_headers

CASH = Decimal(CASH_NANO) / 10**9


def today(doors: Doors) -> str:
    return day_text(doors.exchange.view.time_ns)


@pytest.fixture
async def traded(doors: Doors) -> Doors:
    """Alice sold three times five lots to Bob."""
    async with await doors.client("alice") as alice, await doors.client("bob") as bob:
        for _ in range(3):
            await alice.place(doors.symbol, "sell", 5, "0.04")
            await bob.place(doors.symbol, "buy", 5, "0.04")
    return doors


async def raw(doors: Doors, path: str, key, **headers: str):
    """The answer to a signed read, as text with its headers."""
    headers |= signed_headers(key, "GET", path, b"")
    async with doors.http.get(doors.url + path, headers=headers) as response:
        return response.status, await response.text(), response.headers


async def test_an_owner_reads_what_moved_and_that_it_adds_up(traded):
    async with await traded.client("bob") as bob:
        found = await bob.statement(today(traded))
        account = await bob.account()
    assert (found.account, found.is_final, found.is_proved, found.faults) == ("bob", False, True, [])
    assert (found.opening.cash, found.opening.positions) == (0, [])
    assert [line.kind for line in found.lines] == ["deposit", "trade", "trade", "trade"]
    assert found.opening.cash + sum(line.amount for line in found.lines) == found.closing.cash == CASH
    assert found.moved == CASH
    (held,) = found.closing.positions
    assert (held.symbol, held.quantity, held.cost) == (traded.symbol, 15, account.positions[0].cost)
    trade = found.lines[1]
    assert (trade.side, trade.quantity, trade.price, trade.symbol) == ("buy", 5, Decimal("0.04"), traded.symbol)
    assert (trade.position_change, trade.cost_change, trade.counterparty) == (5, Decimal("0.2"), None)


async def test_a_statement_comes_in_pages(traded):
    key = await traded.account("bob")
    path, kinds, cursors = f"/v1/statements/{today(traded)}?limit=3", [], []
    for cursor in ("", "&cursor={}"):
        status, page = await traded.ask("GET", path + cursor.format(*cursors), key)
        assert (status, page["line_count"]) == (200, 4)
        kinds.append([line["kind"] for line in page["lines"]])
        cursors.append(page["next_cursor"])
    assert kinds == [["deposit", "trade", "trade"], ["trade"]]
    assert cursors[-1] is None


async def test_a_client_puts_the_pages_together(traded, monkeypatch):
    monkeypatch.setattr("gateway.client.statements.PAGE_LINES", 1)
    async with await traded.client("bob") as bob:
        assert [line.kind for line in (await bob.statement(today(traded))).lines] == ["deposit", *["trade"] * 3]


@pytest.mark.parametrize(("query", "accept"), [("?format=csv", "*/*"), ("", "text/csv")])
async def test_who_wants_csv_gets_it(traded, query, accept):
    key = await traded.account("bob")
    status, text, headers = await raw(traded, f"/v1/statements/{today(traded)}{query}", key, Accept=accept)
    assert (status, headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    kinds = ["opening", "deposit", "trade", "trade", "trade", "closing", "closing_position"]
    assert [row["kind"] for row in rows] == kinds
    amounts = [Decimal(row["amount"]) for row in rows if row["amount"]]
    assert Decimal(rows[0]["cash"]) + sum(amounts) == Decimal(rows[5]["cash"])
    assert sum(int(row["position_change"]) for row in rows[:5] if row["position_change"]) == 15
    assert (rows[6]["symbol"], rows[6]["position_change"]) == (traded.symbol, "15")


async def test_csv_in_pages_has_the_ends_of_the_day_once(traded):
    key = await traded.account("bob")
    path = f"/v1/statements/{today(traded)}?format=csv&limit=3"
    _, first, headers = await raw(traded, path, key)
    _, second, last_headers = await raw(traded, f"{path}&cursor={headers['BWX-Next-Cursor']}", key)
    kinds = [[row["kind"] for row in csv.DictReader(io.StringIO(text))] for text in (first, second)]
    assert kinds == [["opening", "deposit", "trade", "trade"], ["trade", "closing", "closing_position"]]
    assert "BWX-Next-Cursor" not in last_headers


async def test_who_would_rather_have_json_gets_json(traded):
    key = await traded.account("bob")
    path = f"/v1/statements/{today(traded)}"
    for query, accept in (("?format=json", "text/csv"), ("", "application/json, text/csv"), ("", "*/*")):
        _, _, headers = await raw(traded, path + query, key, Accept=accept)
        assert headers["Content-Type"].startswith("application/json")


async def test_an_administrator_reads_anybodys_and_others_their_own_alone(traded):
    assert (await traded.admin.statement(today(traded), "alice")).account == "alice"
    async with await traded.client("bob") as bob:
        assert (await bob.statement(today(traded), "bob")).account == "bob"
        with pytest.raises(RefusedError, match="role_missing"):
            await bob.statement(today(traded), "alice")


async def test_who_reports_alone_has_no_statement(doors):
    reporter = await doors.account("probe", ("reporter",))
    status, refused = await doors.ask("GET", f"/v1/statements/{today(doors)}", reporter)
    assert (status, refused["error"]["code"]) == (403, "role_missing")
    assert (await doors.ask("GET", f"/v1/statements/{today(doors)}"))[0] == 401


@pytest.mark.parametrize(
    ("day", "query", "code"),
    [
        ("2026-1-2", "", "invalid_value"),
        ("yesterday", "", "invalid_value"),
        ("1969-12-31", "", "invalid_value"),
        ("2999-01-01", "", "invalid_value"),
        ("2020-01-01", "?cursor=1-2", "malformed_cursor"),
        ("2020-01-01", "?limit=10001", "invalid_value"),
        ("2020-01-01", "?format=xml", "invalid_value"),
        ("2020-01-01", "", "unknown_account"),
    ],
)
async def test_what_cannot_be_told_is_refused_by_name(doors, day, query, code):
    key = await doors.account("bob")
    _, refused = await doors.ask("GET", f"/v1/statements/{day}{query}", key)
    assert refused["error"]["code"] == code


async def test_an_administrator_has_to_say_whose(doors):
    for account, code in ((None, "missing_field"), ("nobody", "unknown_account")):
        with pytest.raises(RefusedError, match=code):
            await doors.admin.statement(today(doors), account)


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        (Refusal.TOO_LONG, 422, "statement_too_long"),
        (Refusal.TRIMMED, 410, "statement_trimmed"),
        (Refusal.NOT_KEPT, 410, "statement_not_kept"),
        (Refusal.STOPPED, 503, "exchange_stopped"),
    ],
)
async def test_why_there_is_none_is_told(doors, monkeypatch, refusal, status, code):
    monkeypatch.setattr(desk, "work_out", lambda *_: refusal)
    key = await doors.account("bob")
    told, refused = await doors.ask("GET", f"/v1/statements/{today(doors)}", key)
    assert (told, refused["error"]["code"]) == (status, code)


async def test_a_journal_that_cannot_be_read_is_our_fault(doors, monkeypatch, tmp_path):
    def fail(*_):
        raise StoreUnreadable(tmp_path, OSError("no"))

    monkeypatch.setattr(desk, "work_out", fail)
    key = await doors.account("bob")
    told, refused = await doors.ask("GET", f"/v1/statements/{today(doors)}", key)
    assert (told, refused["error"]["code"]) == (500, "internal_error")


async def test_a_long_replay_is_told_of_and_done_for_who_asks_again(serve, monkeypatch):
    go = threading.Event()

    def wait(*arguments):
        arguments[-1](3, 100)
        go.wait(10)
        return work_out(*arguments)

    monkeypatch.setattr(desk, "work_out", wait)
    async with serve(statement_wait_s=0.05) as doors:
        bob, ann = await doors.account("bob"), await doors.account("ann")
        path = f"/v1/statements/{today(doors)}"
        status, told = await doors.ask("GET", path, bob)
        assert (status, told["error"]["code"]) == (503, "statement_in_progress")
        assert "3 of 100 commands" in told["error"]["message"]
        assert (await doors.ask("GET", path, ann))[1]["error"]["code"] == "statement_busy"
        heard = []

        def hear(message):
            heard.append(message)
            go.set()

        monkeypatch.setattr("gateway.client.statements.PAUSE_S", 0.01)
        assert isinstance(doors.admin, StatementCalls)
        found = await doors.admin.statement_rows(today(doors), "bob", hear)
        assert [line["kind"] for line in found["lines"]] == ["deposit"]
        assert "3 of 100 commands" in heard[0]
