"""The whole market in little, as it is told."""

from gateway.feeds import cells
from gateway.feeds.cells import FIELDS
from gateway.feeds.cells import SHOWN_STATES as SHOWN
from tests.gateway.peer import connect


def cells_of(message):
    return {row[0]: dict(zip(FIELDS, row, strict=True)) for row in message["cells"]}


async def test_a_reader_begins_with_a_row_for_each_tranche_that_is_traded(doors):
    async with await doors.client("alice") as alice, connect(doors) as peer:
        await alice.place(doors.symbol, "buy", 7, "0.039")
        await peer.ask("subscribe", channel="cells")
        first = await peer.of_channel("cells", "snapshot")
        assert first["fields"] == list(FIELDS)
        shown = {each.symbol for each in doors.exchange.view.tranches.values() if each.state in SHOWN}
        assert cells_of(first).keys() == shown
        row = cells_of(first)[doors.symbol]
        assert (row["state"], row["bid"], row["bid_quantity"], row["ask"], row["last"]) == (
            "open",
            39_000,
            7,
            None,
            None,
        )
        tranche = doors.exchange.view.tranches[doors.exchange.view.tranche_by_symbol[doors.symbol]]
        assert (row["gate"] * 1_000_000_000, row["price_step"]) == (tranche.gate_ns, tranche.price_step_ticks)


async def test_what_changes_is_told_and_nothing_else_and_a_later_reader_begins_with_it(doors):
    async with await doors.client("alice") as alice, await doors.client("bob") as bob, connect(doors) as peer:
        await peer.ask("subscribe", channel="cells")
        await peer.of_channel("cells", "snapshot")
        await alice.place(doors.symbol, "sell", 5, "0.041")
        await bob.place(doors.symbol, "buy", 2, "0.041")
        row = {}
        while row.get("traded") != 2:
            told = cells_of(await peer.of_channel("cells", "update"))
            assert told.keys() == {doors.symbol}
            row = told[doors.symbol]
        assert (row["ask"], row["ask_quantity"], row["last"]) == (41_000, 3, 41_000)
        async with connect(doors) as other:
            await other.ask("subscribe", channel="cells")
            assert cells_of(await other.of_channel("cells", "snapshot"))[doors.symbol] == row


async def test_a_tranche_that_is_halted_is_told_as_such(doors):
    async with connect(doors) as peer:
        await peer.ask("subscribe", channel="cells")
        await peer.of_channel("cells", "snapshot")
        await doors.admin.halt(doors.symbol)
        told = cells_of(await peer.of_channel("cells", "update"))
        assert told[doors.symbol]["state"] == "halted"


async def test_a_large_market_comes_in_parts_and_who_begins_anew_gets_all_of_it_again(doors, monkeypatch):
    monkeypatch.setattr(cells, "PART_ROWS", 4)
    shown = {each.symbol for each in doors.exchange.view.tranches.values() if each.state in SHOWN}
    async with connect(doors) as peer:
        await peer.send({"op": "subscribe", "id": 1, "channel": "cells"})
        await peer.send({"op": "subscribe", "id": 2, "channel": "cells"})
        parts = []
        while not parts or parts[-1]["part"] < parts[-1]["parts"]:
            parts.append(await peer.of_channel("cells", "snapshot"))
        whole = parts[-parts[-1]["parts"] :]
        assert [part["part"] for part in whole] == list(range(1, -(-len(shown) // 4) + 1))
        assert [row[0] for part in whole for row in part["cells"]] != []
        assert {row[0] for part in whole for row in part["cells"]} == shown
        await peer.ask("unsubscribe", channel="cells")


async def test_a_channel_of_everything_takes_no_symbol(doors):
    async with connect(doors) as peer:
        refused = await peer.ask("subscribe", channel="cells", symbol=doors.symbol)
        assert refused["error"]["param"] == "symbol"
