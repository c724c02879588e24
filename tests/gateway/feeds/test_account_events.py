"""What is told of an account beside its orders, message by message."""

from exchange import commands
from gateway.encoding.rows import account_row, order_row
from gateway.feeds.account import account_snapshot, account_update
from gateway.feeds.account_events import account_events
from gateway.feeds.own_orders import orders_updates
from gateway.feeds.topics import Topic
from tests.exchange.view.markets import ALICE, BOB, BUY, CAROL, FIRST_GATE_NS, WINDOW
from tests.exchange.view.troubled import (
    BANKRUPT_TICKS,
    CALLED_TICKS,
    CLOSING_TICKS,
    LOTS,
    mark,
    new_mark,
    troubled_market,
    wait,
)

EVERYBODY = (ALICE, BOB, CAROL)


def account_updates(view, batch, account_ids):
    """The messages of a batch by account."""
    events = account_events(view, batch, account_ids)
    return {account_id: account_update(view, account_id, rows) for account_id, rows in events.items()}


def without(row, *names):
    return {name: value for name, value in row.items() if name not in names}


def test_an_account_tells_how_it_stands_and_what_it_must_not_fall_below():
    market = troubled_market()
    row = account_row(market.view, ALICE)
    assert (row["standing"], row["balances"]["margin"], row["balances"]["maintenance"]) == (
        "sound",
        "0.700000000",
        "0.420000000",
    )
    mark(market, CALLED_TICKS)
    assert account_row(market.view, ALICE)["standing"] == "margin_call"
    mark(market, CLOSING_TICKS)
    wait(market)
    assert account_row(market.view, ALICE)["standing"] == "liquidation"


def test_a_snapshot_of_an_account_is_its_row_without_events():
    market = troubled_market()
    message = account_snapshot(market.view, Topic("account", ALICE))
    assert (message["channel"], message["type"], message["events"]) == ("account", "snapshot", [])
    assert message.items() >= account_row(market.view, ALICE).items()


def test_a_change_of_standing_comes_with_the_money_that_decided_it():
    market = troubled_market()
    updates = account_updates(market.view, mark(market, CALLED_TICKS), EVERYBODY)
    assert updates.keys() == {ALICE}
    assert updates[ALICE]["standing"] == "margin_call"
    assert updates[ALICE]["events"] == [
        {
            "kind": "standing",
            "standing": "margin_call",
            "previous": "sound",
            "equity": "0.500000000",
            "margin": "0.700000000",
            "maintenance": "0.420000000",
        }
    ]


def test_nobody_hears_of_anothers_standing():
    market = troubled_market()
    assert account_updates(market.view, mark(market, CALLED_TICKS), [BOB, CAROL]) == {}


def test_a_forced_order_is_told_before_what_the_fund_got_and_its_fill_with_own_orders():
    market = troubled_market()
    market.place(CAROL, BUY, CLOSING_TICKS, LOTS)
    batch = mark(market, CLOSING_TICKS)
    updates = account_updates(market.view, batch, EVERYBODY)
    assert updates.keys() == {ALICE}
    *called, forced, paid, afterwards = updates[ALICE]["events"]
    assert [row["standing"] for row in (*called, afterwards)] == ["margin_call", "liquidation", "margin_call"]
    symbol = market.view.tranches[WINDOW].symbol
    assert (forced["kind"], forced["symbol"], forced["side"], forced["quantity"]) == (
        "forced_order",
        symbol,
        "sell",
        "20",
    )
    assert (paid["kind"], paid["symbol"], paid["amount"]) == ("fund", symbol, f"-0.00{20 * 335}000")
    orders = orders_updates(market.view, batch, EVERYBODY)
    (row,) = orders[ALICE]["orders"]
    assert (row["order_id"], row["forced"], row["status"]) == (forced["order_id"], True, "filled")
    assert row == order_row(market.view.order(forced["order_id"]))
    assert [(fill["side"], fill["quantity"], fill["liquidity"]) for fill in orders[ALICE]["fills"]] == [
        ("sell", "20", "taker")
    ]
    (row,), (fill,) = orders[CAROL]["orders"], orders[CAROL]["fills"]
    assert (row["forced"], fill["liquidity"]) == (False, "maker")


def test_an_order_that_a_call_cancels_says_so():
    market = troubled_market()
    market.place(ALICE, BUY, 30_000, 20)
    updates = orders_updates(market.view, mark(market, CALLED_TICKS), [ALICE])
    assert [(row["status"], row["reason"]) for row in updates[ALICE]["orders"]] == [("cancelled", "margin_call")]


def test_deleveraging_is_told_to_both_and_what_the_fund_paid_to_whom_it_helped():
    market = troubled_market(endowment_nano=50_000_000)
    updates = account_updates(market.view, mark(market, BANKRUPT_TICKS), EVERYBODY)
    assert updates.keys() == {ALICE, BOB}
    own = [row for row in updates[ALICE]["events"] if row["kind"] != "standing"]
    (other,) = updates[BOB]["events"]
    assert [row["kind"] for row in own] == ["deleveraging", "fund"]
    assert (own[0]["role"], own[0]["side"]) == ("liquidated", "sell")
    assert (other["role"], other["side"]) == ("counterparty", "buy")
    assert without(own[0], "role", "side") == without(other, "role", "side")
    assert (other["quantity"], other["price"]) == ("100", "0.029500")  # 0.030000, and the fund carries 0.000500 of it
    assert own[1]["amount"] == "0.050000000"
    assert updates[ALICE]["positions"][0]["quantity"] == "0"


def test_what_an_account_gives_to_the_fund_is_about_no_tranche():
    market = troubled_market()
    updates = account_updates(market.view, market.send(commands.endow_fund(BOB, 5)), EVERYBODY)
    assert updates.keys() == {BOB}
    assert updates[BOB]["events"] == [{"kind": "fund", "symbol": None, "amount": "-0.000000005"}]


def test_a_settlement_tells_a_loser_what_it_is_let_off_and_a_winner_what_it_goes_without():
    market = troubled_market(endowment_nano=400_000_000)
    market.send(commands.halt_market(), new_mark(20_000))  # nobody can be closed before the gate
    updates = account_updates(market.view, market.send(time_ns=FIRST_GATE_NS), EVERYBODY)
    assert updates.keys() == {ALICE, BOB}, "who holds nothing never pays"
    rows = [
        next(row for row in updates[account_id]["events"] if row["kind"] == "settlement") for account_id in (ALICE, BOB)
    ]
    assert [(row["quantity"], row["price"]) for row in rows] == [("100", "0.020000"), ("-100", "0.020000")]
    assert [row["shortfall"] for row in rows] == ["1.000000000", "-0.600000000"]
    assert [row["amount"] for row in rows] == ["-1.000000000", "1.400000000"]
    assert updates[ALICE]["positions"] == []


def test_a_settlement_of_a_tranche_that_is_shown_no_more_has_no_symbol():
    market = troubled_market()
    batch = market.send(time_ns=FIRST_GATE_NS)
    del market.view.tranches[WINDOW]
    assert [row["symbol"] for row in account_updates(market.view, batch, [ALICE])[ALICE]["events"]] == [None]
