"""The whole market in little, as the client tells it."""

from datetime import UTC, datetime
from decimal import Decimal

from gateway.client import Client
from gateway.client.cells import TRADED_STATES, cell_updates
from gateway.feeds import cells
from gateway.feeds.cells import FIELDS, SHOWN_STATES
from tests.gateway.doors import NANO_PER_S


def shown(doors):
    """The tranches that trade, by their symbols."""
    return {each.symbol: each for each in doors.exchange.view.tranches.values() if each.state in SHOWN_STATES}


def by_symbol(update):
    return {cell.symbol: cell for cell in update.cells}


async def test_a_snapshot_has_each_tranche_that_trades_with_prices_in_usd(doors):
    async with await doors.client("alice") as alice, alice.stream() as stream:
        await alice.place(doors.symbol, "buy", 7, "0.039")
        first = await anext(await stream.subscribe_cells())
        assert (first.is_snapshot, first.is_first_part, first.is_last_part) == (True, True, True)
        assert by_symbol(first).keys() == shown(doors).keys()
        cell = by_symbol(first)[doors.symbol]
        instrument = await alice.instrument(doors.symbol)
    assert (cell.bid, cell.bid_quantity) == (Decimal("0.039"), 7) == (instrument.best_bid, instrument.best_bid_quantity)
    assert (cell.ask, cell.ask_quantity, cell.last, cell.traded) == (None, None, None, 0)
    assert (cell.state, cell.is_traded, cell.is_delivered) == ("open", True, False)
    assert (cell.gate, cell.price_step) == (instrument.gate_closure, instrument.price_step)
    assert cell.gate == datetime.fromtimestamp(shown(doors)[doors.symbol].gate_ns // NANO_PER_S, UTC)


async def test_an_update_has_the_tranches_that_changed(doors):
    async with await doors.client("alice") as alice, await doors.client("bob") as bob, alice.stream() as stream:
        updates = await stream.subscribe_cells()
        await anext(updates)
        await alice.place(doors.symbol, "sell", 5, "0.041")
        await bob.place(doors.symbol, "buy", 2, "0.041")
        traded = 0
        while traded != 2:
            update = await anext(updates)
            (cell,) = update.cells
            traded = cell.traded
    assert (update.type, update.is_snapshot, update.is_last_part) == ("update", False, True)
    assert (cell.symbol, cell.ask, cell.ask_quantity, cell.bid) == (doors.symbol, Decimal("0.041"), 3, None)
    assert str(cell.last) == "0.041000", "with all its decimals, as REST tells it"


async def test_a_large_market_comes_in_parts_of_which_the_last_is_told(doors, monkeypatch):
    monkeypatch.setattr(cells, "PART_ROWS", 4)
    async with Client(doors.url) as anyone, anyone.stream() as stream:
        parts = []
        async for part in await stream.subscribe_cells():
            parts.append(part)
            if part.is_last_part:
                break
    count = -(-len(shown(doors)) // 4)
    assert [(part.part, part.parts, part.is_snapshot) for part in parts] == [
        (n, count, True) for n in range(1, count + 1)
    ]
    assert [part.is_first_part for part in parts] == [True] + [False] * (count - 1)
    assert {symbol for part in parts for symbol in by_symbol(part)} == shown(doors).keys()


async def test_another_stream_begins_with_a_snapshot_again(doors):
    async with Client(doors.url) as anyone:
        for _ in range(2):
            async with anyone.stream() as stream:
                first = await anext(await stream.subscribe_cells())
                assert (first.is_snapshot, first.is_first_part) == (True, True)


async def test_rows_are_read_by_the_fields_that_the_latest_snapshot_named():
    row = dict(zip(FIELDS, ["a", "gate_closed", 1, 2, 3, 4, 5, 6, 1_795_348_800, 10, 1], strict=True))
    grown = {"colour": "red"} | dict(reversed(row.items()))

    async def messages():
        for kind, told in (("snapshot", row), ("snapshot", grown), ("update", grown)):
            fields = {"fields": list(told), "part": 1, "parts": 1} if kind == "snapshot" else {}
            yield {"channel": "cells", "type": kind, "sequence": 1, "cells": [list(told.values())]} | fields

    first, second, third = [update.cells async for update in cell_updates(messages())]
    assert first == second == third
    (cell,) = first
    assert (cell.bid, cell.ask, cell.last) == (Decimal("0.000001"), Decimal("0.000003"), Decimal("0.000005"))
    assert (cell.gate, cell.is_delivered) == (datetime(2026, 11, 22, 12, tzinfo=UTC), True)
    assert not cell.is_traded


def test_the_client_and_the_feed_hold_the_same_states_for_those_of_a_market_that_trades():
    assert {state.name.lower() for state in SHOWN_STATES} == TRADED_STATES
